"""The stages of `qualify`, one after another."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .. import _core
from . import host
from .verdict import judge

# name, load, whether the controller runs; a bare timer runs in every one
STAGES = (
    ("timer", "none", False),
    ("controller", "none", True),
    ("timer, cpu load", "cpu", False),
    ("controller, cpu load", "cpu", True),
    ("controller, memory load", "memory", True),
    ("controller, disk load", "disk", True),
)


def qualify(
    bundle: _core.Bundle,
    *,
    seconds: float = 10.0,
    rate_hz: float = 0.0,
    priority: int = 80,
    cpu: int = -1,
    scratch: str = "",
    progress: Callable[[str, float], None] = lambda stage, seconds: None,
) -> dict[str, Any]:
    """Measures all stages.

    Args:
        bundle: whose controller runs, with its planner on its own thread where it has one.
        seconds: a stage.
        rate_hz: 0 takes the bundle's.
        priority: SCHED_FIFO of servo and timer; 0: the ordinary scheduler.
        cpu: core of the servo thread; negative: any.
        scratch: folder of the disk load's file; empty: the temporary folder.
        progress: called with the stage's name and its seconds so far.

    Returns:
        kernel, scheduler, rate_hz, stages, verdict, reason, holds, host, and for the page `histograms` by stage.
    """
    rate = rate_hz or bundle.tick_hz
    stages, histograms = [], {}
    for name, load, controller in STAGES:
        raw = _core.qualify_stage(
            bundle,
            seconds,
            rate,
            controller=controller,
            load=load,
            planner=_planner(bundle) if controller else None,
            planner_budget_ns=round(1e6 * bundle.planner["deadline_ms"]) if bundle.planner else 0,
            priority=priority,
            cpu=cpu,
            scratch=scratch,
            progress=lambda t, name=name: progress(name, t),
        )
        stage, charts = _stage(name, load, controller, raw)
        stages.append(stage)
        histograms[name] = charts
    verdict = judge(stages, rate)
    fifo = all(stage["fifo"] for stage in stages)
    return {
        "kernel": host.kernel(),
        "scheduler": f"SCHED_FIFO {priority}" if fifo and priority else "SCHED_OTHER",
        "rate_hz": rate,
        "bundle": bundle.name,
        "bundle_digest": bundle.digest,
        "seconds_a_stage": seconds,
        "planner": bundle.planner is not None,
        "stages": stages,
        "verdict": verdict.word,
        **{key: value for key, value in asdict(verdict).items() if key == "reason"},
        "holds": verdict.good,
        "host": {**host.facts(), "pid": str(os.getpid())},
        "histograms": histograms,
    }


def _planner(bundle: _core.Bundle):
    if bundle.planner is None or not hasattr(_core, "MppiPlanner"):
        return None
    return _core.MppiPlanner(bundle, seed=0)


def _stage(name: str, load: str, controller: bool, raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    timer, loop = raw["timer"], raw["loop"]
    beside = {"wakeup_us": timer["wakeup"].summary_us(), "misses": timer["misses"], "count": timer["count"]}
    charts = {"timer": timer["wakeup"].buckets_us()}
    if loop is None:
        nothing = {"p50": 0.0, "p99": 0.0, "p999": 0.0, "max": 0.0}
        stage = {
            "name": name,
            "wakeup_us": beside["wakeup_us"],
            "duration_us": nothing,
            "misses": beside["misses"],
            "count": beside["count"],
        }
        warnings, fifo = timer["warnings"], timer["fifo"]
    else:
        stage = {
            "name": name,
            "wakeup_us": loop.wakeup.summary_us(),
            "duration_us": loop.duration.summary_us(),
            "misses": loop.misses,
            "count": loop.ticks,
            "wakeup_ratio_to_timer": _ratio(loop.wakeup.summary_us(), beside["wakeup_us"]),
            "decisions": raw["decisions"],
            "plans": raw["plans"],
            "controlled_stops": raw["rungs"]["controlled_stop"],
            "minor_faults": loop.minor_faults,
            "major_faults": loop.major_faults,
            "allocations_in_tick": loop.allocations,
        }
        warnings, fifo = loop.warnings, loop.fifo
        charts |= {"wakeup": loop.wakeup.buckets_us(), "duration": loop.duration.buckets_us()}
    return {
        **stage,
        "load": load,
        "controller": controller,
        "timer": beside,
        "fifo": fifo,
        "load_failed": raw["load_failed"],
        "warnings": list(warnings),
    }, charts


def _ratio(loop: dict[str, float], timer: dict[str, float]) -> dict[str, float]:
    """How much later the loop wakes than a thread that does nothing else, in the same seconds."""
    return {key: loop[key] / timer[key] if timer[key] > 0 else float("nan") for key in ("p50", "p99", "p999", "max")}
