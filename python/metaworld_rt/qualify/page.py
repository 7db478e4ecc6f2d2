"""The report of `qualify`: one row and three histograms a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..report import page, svg

QUANTILES = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max"))


def qualify_page(result: Mapping[str, Any], histograms: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """The page as text; `histograms` by stage: "timer", and "wakeup" and "duration" where the controller ran."""
    period = 1e6 / result["rate_hz"]
    title = f"{result['rate_hz']:g} Hz on this machine: {result['verdict']}"
    subtitle = f"{result['kernel']} · {result['scheduler']} · bundle {result['bundle']}"
    rows = [stage_row(stage) for stage in result["stages"]]
    body = [
        page.cards(_cards(result)),
        page.note(result["reason"]),
        page.section("Stages", page.table(ROW_HEADER, rows), page.note(_EXPLAIN)),
    ]
    for stage in result["stages"]:
        charts = histograms[stage["name"]]
        parts = []
        for key, words in (("timer", "bare timer: wake-up"), ("wakeup", "loop: wake-up"), ("duration", "loop: tick")):
            if key in charts:
                source = stage["timer"]["wakeup_us"] if key == "timer" else stage[f"{key}_us"]
                marks = {label: source[q] for q, label in QUANTILES[:3]}
                parts += [page.note(words), svg.latency_histogram(charts[key], marks, ("period", period))]
        parts += [page.note(f"warning: {text}") for text in stage["warnings"]]
        body.append(page.section(stage["name"].capitalize(), *parts))
    body.append(page.section("Machine", page.table(["what", "value"], sorted(result["host"].items()))))
    return page.page(title, subtitle, body)


ROW_HEADER = [
    "stage",
    "wake p50 us",
    "p99",
    "p99.9",
    "max",
    "tick p99 us",
    "max",
    "missed",
    "ticks",
    "timer p99 us",
    "max",
    "timer missed",
    "p99 to timer",
]
_EXPLAIN = (
    "Wake-up: how much later than its absolute due time the thread ran. The bare timer is a thread of the same "
    "priority that does nothing but wake up, half a period beside the loop in the same seconds."
)


def stage_row(stage: Mapping[str, Any]) -> list[Any]:
    """One line of the table."""
    timer = stage["timer"]
    ratio = stage["wakeup_ratio_to_timer"]["p99"] if stage["controller"] else None
    return [
        stage["name"],
        *(round(stage["wakeup_us"][q], 1) for q, _ in QUANTILES),
        round(stage["duration_us"]["p99"], 1) if stage["controller"] else None,
        round(stage["duration_us"]["max"], 1) if stage["controller"] else None,
        stage["misses"],
        stage["count"],
        round(timer["wakeup_us"]["p99"], 1),
        round(timer["wakeup_us"]["max"], 1),
        timer["misses"],
        round(ratio, 2) if ratio is not None else None,
    ]


def _cards(result: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    loops = [stage for stage in result["stages"] if stage["controller"]]
    misses, ticks = sum(s["misses"] for s in loops), sum(s["count"] for s in loops)
    return [
        (result["verdict"], f"{result['rate_hz']:g} Hz", result["holds"]),
        (f"{misses} of {ticks}", "ticks past their deadline", misses == 0),
        (f"{max(s['wakeup_us']['max'] for s in loops):.0f} us", "latest wake-up of the loop", True),
        (f"{max(s['duration_us']['max'] for s in loops):.0f} us", "longest tick", True),
    ]
