"""From measurements to one word and its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RARE = 1e-5  # of ticks: one miss in 100 s at 1 kHz is not yet a pattern


@dataclass(frozen=True)
class Verdict:
    """The outcome.

    Attributes:
        word: "holds", "holds without load", or "does not hold".
        reason: one or two sentences with the figures behind it.
        good: whether the rate holds under every load.
    """

    word: str
    reason: str
    good: bool


def judge(stages: Sequence[Mapping[str, Any]], rate_hz: float) -> Verdict:
    """Judges the stages of one run.

    A stage holds if no more than one tick in 100000 missed its deadline. Misses are laid to the machine where the bare
    timer, which only sleeps, missed at least half as many deadlines in the same seconds. A stage without a miss shows
    no more than its length allows, so the reason says what that is (rule of three, 95 %).

    Args:
        stages: as `qualify` returns them: name, load, controller, wakeup_us, duration_us, misses, count, timer.
        rate_hz: of the loop.
    """
    period_us = 1e6 / rate_hz
    loops = [stage for stage in stages if stage["controller"]]
    bad = [stage for stage in loops if _share(stage) > RARE]
    slow = [stage for stage in loops if stage["duration_us"]["p999"] > period_us]
    if slow:
        worst = max(slow, key=lambda stage: stage["duration_us"]["p999"])
        return Verdict(
            "does not hold",
            f"the controller itself needs {worst['duration_us']['p999']:.0f} us at p99.9 ({worst['name']}), "
            f"the period is {period_us:.0f} us",
            False,
        )
    if not bad:
        worst = max((stage["wakeup_us"]["max"] + stage["duration_us"]["max"] for stage in loops), default=0.0)
        ticks = sum(stage["count"] for stage in loops)
        return Verdict(
            "holds",
            f"{sum(stage['misses'] for stage in loops)} of {ticks} ticks missed their deadline; wake-up and tick took "
            f"at most {worst:.0f} of {period_us:.0f} us, under every load{_resolution(loops)}",
            True,
        )
    unloaded = [stage for stage in bad if stage["load"] == "none"]
    word = "does not hold" if unloaded else "holds without load"
    worst = max(unloaded or bad, key=_share)
    text = f"{worst['misses']} of {worst['count']} ticks missed their deadline in stage {worst['name']}"
    timer = worst["timer"]
    if 2 * timer["misses"] >= worst["misses"]:
        text += f"; the bare timer beside it missed {timer['misses']} of {timer['count']}: it is the machine"
    elif timer["misses"]:
        text += f"; the bare timer beside it missed only {timer['misses']} of {timer['count']}: not the machine alone"
    else:
        text += f"; the bare timer beside it missed none (max {timer['wakeup_us']['max']:.0f} us): not the machine"
    if not unloaded:
        free = [stage for stage in loops if stage["load"] == "none"]
        text += "".join(f". Without load {s['misses']} of {s['count']} missed{_resolution([s])}" for s in free)
    return Verdict(word, text + _advice(stages), False)


def _resolution(stages: Sequence[Mapping[str, Any]]) -> str:
    """What the shortest of these stages can show, where that is less than what is asked."""
    shortest = min((stage["count"] for stage in stages), default=0)
    if shortest * RARE >= 3:
        return ""
    return f" (a stage of {shortest} ticks can show no better than one in {max(1, shortest // 3)}: take more --seconds)"


def _share(stage: Mapping[str, Any]) -> float:
    return stage["misses"] / max(1, stage["count"])


def _advice(stages: Sequence[Mapping[str, Any]]) -> str:
    warnings = [warning for stage in stages for warning in stage["warnings"]]
    if warnings:
        return f". First remedy: {warnings[0]}"
    return ". Remedies: a PREEMPT_RT kernel, an isolated core (isolcpus, then --cpu), fewer neighbours on the host"
