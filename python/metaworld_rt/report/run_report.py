"""The report of one `run`: what was asked, whether it held, how fast the loop was, what the joints did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..run.trace import Trace
from . import page, svg


def write_run_report(path: Path, result: Mapping[str, Any], trace: Trace, histograms: Mapping[str, np.ndarray]) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        result: what `run --json` writes.
        trace: samples at the decision rate.
        histograms: "duration" and "wakeup", each (B, 3): lower us, upper us, count.
    """
    path.write_text(run_report(result, trace, histograms), encoding="utf-8")


def run_report(result: Mapping[str, Any], trace: Trace, histograms: Mapping[str, np.ndarray]) -> str:
    """The page as text; see `write_run_report`."""
    instruction = result["instruction"]
    title = f"“{instruction[:80]}{'…' if len(instruction) > 80 else ''}”"
    subtitle = (
        f"bundle {result['bundle']} · task {result['task']} · seed {result['seed']} · "
        f"{result['sim_seconds']:.1f} s simulated · {result['tick']['rate_hz']:g} Hz servo"
    )
    return page.page(
        title,
        subtitle,
        [
            page.cards(_cards(result)),
            _latency(result, histograms),
            _motion(trace),
            _weights(result, trace),
            _ladder(result, trace),
            _joints(trace),
            page.section("Versions", page.table(["what", "version"], sorted(result["versions"].items()))),
        ],
    )


def _cards(result: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    tick = result["tick"]
    period_us = 1e6 / tick["rate_hz"]
    cards = [
        ("fell" if result["fell"] else "on its feet", "the robot, at the end", not result["fell"]),
        (f"{tick['duration_us']['p99']:.3g} us", "tick, p99", tick["duration_us"]["p99"] < 0.5 * period_us),
        (f"{tick['wakeup_us']['p99']:.3g} us", "wake-up jitter, p99", tick["wakeup_us"]["p99"] < period_us),
        (f"{tick['misses']} of {tick['count']}", "ticks past their deadline", tick["misses"] == 0),
    ]
    if "distance_m" in result:
        cards.insert(1, (f"{result['speed_m_s']:.2f} m/s", "median forward speed", True))
        cards.insert(2, (f"{result['distance_m']:.1f} m", "from where it began", True))
    if result.get("return") is not None:
        cards.append((f"{result['return']:.1f}", "task return", True))
    if result.get("allocations_in_tick") is not None:
        cards.append((str(result["allocations_in_tick"]), "allocations in ticks", result["allocations_in_tick"] == 0))
    return cards


def _latency(result: Mapping[str, Any], histograms: Mapping[str, np.ndarray]) -> str:
    tick = result["tick"]
    period = ("period", 1e6 / tick["rate_hz"])
    rows = [[name, *(tick[key][q] for q in ("p50", "p99", "p999", "max"))] for name, key in _TIMES]
    parts = [page.table(["microseconds", "p50", "p99", "p99.9", "max"], rows)]
    for name, key in _TIMES:
        marks = {label: tick[key][q] for label, q in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))}
        parts.append(page.note(f"{name.capitalize()}: {_MEANING[key]}"))
        parts.append(svg.latency_histogram(histograms.get(key[:-3], np.empty((0, 3))), marks, period))
    planner = result.get("planner") or {}
    if planner.get("plans"):
        age = planner["age_ms"]
        ages = ", ".join(f"{name} {age[name]:.1f} ms" for name in ("p50", "p99", "max"))
        parts.append(
            page.note(
                f"Planner: {planner['plans']} plans, {planner['rate_hz']:.0f} Hz, {planner['iterations_mean']:.1f} "
                f"iterations a plan; age when used {ages}."
            )
        )
    else:
        parts.append(page.note("Planner: this bundle has none, the expert mixture was followed."))
    return page.section("Latency", *parts)


_TIMES = (("tick duration", "duration_us"), ("wake-up", "wakeup_us"))
_MEANING = {
    "duration_us": "from reading the observation to having written the command.",
    "wakeup_us": "how much later than its absolute due time the servo thread ran.",
}


def _motion(trace: Trace) -> str:
    if len(trace) < 2:
        return ""
    t, position = trace.array("t"), trace.array("base_pos")
    goal = trace.array("goal_speed")
    curves = [svg.Series("forward speed", trace.forward_speed())]
    if np.isfinite(goal).any():
        curves.append(svg.Series("goal", goal, svg.COLOURS[1], dash=True))
    speeds = svg.Frame((float(t[0]), float(t[-1])), svg.padded(np.concatenate([c.y for c in curves]), 0.0), height=180)
    heights = [svg.Series("pelvis height", position[:, 2], svg.COLOURS[2])]
    height = svg.Frame((float(t[0]), float(t[-1])), svg.padded(position[:, 2], 0.0), height=150)
    return page.section(
        "Motion", svg.line_chart(t, curves, "m/s", speeds), svg.line_chart(t, heights, "height, m", height)
    )


def _weights(result: Mapping[str, Any], trace: Trace) -> str:
    semantic = result["semantic"]
    words = f"{semantic['backend']}: {semantic['calls']} calls, {semantic['failures']} failures"
    if semantic["latency_ms"]["p50"] is not None:
        words += ", latency " + ", ".join(f"{name} {ms:.3g} ms" for name, ms in semantic["latency_ms"].items())
    if semantic.get("rate_hz"):
        words += f", asked at {semantic['rate_hz']:.2g} Hz"
    parts = [page.note(words)]
    if semantic.get("message"):
        parts.append(page.note(semantic["message"]))
    if stages := semantic.get("stages"):
        parts.append(page.table(["stage", "weights", "until"], [_stage(i, stage) for i, stage in enumerate(stages, 1)]))
    if faults := semantic.get("failures_by_kind"):
        parts.append(page.table(["failure", "times"], [[kind, count] for kind, count in faults.items()]))
    if len(trace) >= 2:
        weights = trace.array("weights")
        curves = [
            svg.Series(name, weights[:, i], svg.COLOURS[i % len(svg.COLOURS)]) for i, name in enumerate(trace.skills)
        ]
        parts.append(svg.stacked(trace.array("t"), curves))
    return page.section("Skill weights", *parts)


def _stage(number: int, stage: Mapping[str, Any]) -> list[Any]:
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in stage["weights"].items())
    until = stage["until"] if stage["until"] == "never" else f"{stage['until']} {stage['threshold']:g}"
    return [number, weights, until]


def _ladder(result: Mapping[str, Any], trace: Trace) -> str:
    rows = [[name.replace("_", " "), count] for name, count in result["ladder"].items() if count]
    table = page.table(["rung", "times"], rows) if rows else page.note("No rung of the safety ladder was used.")
    events = page.table(["s", "event"], [[round(t, 3), text] for t, text in trace.events[:50]]) if trace.events else ""
    return page.section("Safety ladder", table, events)


def _joints(trace: Trace) -> str:
    if len(trace) < 2:
        return ""
    t, target, position = trace.array("t"), trace.array("target"), trace.array("position")
    charts = []
    for i, name in enumerate(trace.joints):
        both = np.concatenate([target[:, i], position[:, i]])
        frame = svg.Frame((float(t[0]), float(t[-1])), svg.padded(both), 320, 110, 36, 6, 6, 20)
        curves = [svg.Series("measured", position[:, i], svg.COLOURS[7]), svg.Series("target", target[:, i])]
        charts.append((name.replace("_", " "), svg.line_chart(t, curves, "rad", frame, small=True)))
    keys = svg.legend([("target, rad", svg.COLOURS[0]), ("measured, rad", svg.COLOURS[7])])
    return page.section("Joint targets", keys, page.small_multiples(charts))
