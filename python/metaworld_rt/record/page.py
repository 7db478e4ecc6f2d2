"""A flight as a page for looking: motion, joints, weights, the ladder, the loop's timing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..report import page, svg
from .flight import Flight

MODES = ("running", "holding", "stopped")


def flight_page(flight: Flight, result: dict[str, Any] | None = None) -> str:
    """The page as text.

    Args:
        flight: what was opened.
        result: what `replay` returned, or None.
    """
    rate = float(flight.information["tick_hz"])
    ticks = flight.ticks(max(1, round(rate / 100)))
    t = (ticks["t_ns"] - ticks["t_ns"][0]) * 1e-9 if len(ticks["t_ns"]) else np.zeros(0)
    about = flight.information
    subtitle = f"bundle {about['bundle']} {about['bundle_version']} · {about['isa']} · recorded {about['started']}"
    body = [_verdict(result), page.note(f"“{about['note']}”, seed {about['seed']}" if about["note"] else "")]
    if len(t) > 1:
        body += [
            _base(flight, t, ticks),
            _modes(t, ticks),
            _weights(flight, t, ticks),
            _joints(flight, t, ticks),
            _timing(t, ticks),
        ]
    body.append(page.section("About", page.table(["what", "value"], sorted(about.items()))))
    return page.page(flight.path.name, subtitle, body)


def _verdict(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    good = result["bit_identical"]
    cards = [
        ("bit-identical" if good else "different", "the replay", good),
        (f"{result['identical']} of {result['ticks']}", "ticks the same", good),
        (str(result["gaps"]), "gaps in the record", result["gaps"] == 0),
    ]
    first = result["first_difference"]
    return page.cards(cards) + (page.note(describe_difference(first)) if first else "")


def describe_difference(first: dict[str, Any]) -> str:
    """Where a replay differed first, in one line."""
    what = f"{first['field']} of {first['name']}" if first["name"] else first["field"]
    return (
        f"first difference at tick {first['tick']} (t {first['t_ns']} ns): {what}, "
        f"recorded {first['recorded']!r}, replayed {first['replayed']!r}"
    )


def _base(flight: Flight, t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    where = flight.term("base_pos")
    if where is None:
        return ""
    position = ticks["observation"][:, where]
    curves = [svg.Series(name, position[:, i], svg.COLOURS[i]) for i, name in enumerate("xyz")]
    return page.section("Base position", svg.line_chart(t, curves, "m"))


def _modes(t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    rungs = ticks["rungs"]
    rows = []
    for bit, name in enumerate(_core.RUNGS):
        hit = np.flatnonzero(rungs >> bit & 1)
        if len(hit):
            rows.append([name.replace("_", " "), len(hit), round(float(t[hit[0]]), 3), round(float(t[hit[-1]]), 3)])
    table = page.table(["rung", "samples", "first, s", "last, s"], rows) if rows else page.note("No rung was used.")
    curve = svg.Series("0 running, 1 holding, 2 stopped", ticks["mode"].astype(float), svg.COLOURS[1])
    frame = svg.Frame((float(t[0]), float(t[-1])), (-0.1, 2.1), height=110)
    return page.section("Safety ladder", svg.line_chart(t, [curve], "mode", frame), table)


def _weights(flight: Flight, t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    parts = [
        svg.Series(name, ticks["mixture"][:, i], svg.COLOURS[i % len(svg.COLOURS)])
        for i, name in enumerate(flight.skills)
    ]
    return page.section("Skill weights", svg.stacked(t, parts))


def _joints(flight: Flight, t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    where = flight.term("joint_pos")
    charts = []
    for i, name in enumerate(flight.joints):
        curves = [svg.Series("target, rad", ticks["q"][:, i], svg.COLOURS[1])]
        if where is not None:
            curves.append(svg.Series("measured, rad", ticks["observation"][:, where][:, i], svg.COLOURS[0]))
        values = np.concatenate([c.y for c in curves])
        frame = svg.Frame((float(t[0]), float(t[-1])), svg.padded(values), 300, 120, 40, 6, 6, 20)
        charts.append((name.replace("_", " "), svg.line_chart(t, curves, "", frame, small=True)))
    return page.section("Joints", page.note("Orange: target, blue: measured, rad."), page.small_multiples(charts))


def _timing(t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    if not ticks["duration_ns"].any():
        return ""
    curves = [
        svg.Series("wake-up", ticks["wakeup_ns"] * 1e-3),
        svg.Series("tick", ticks["duration_ns"] * 1e-3, svg.COLOURS[1]),
    ]
    missed = int(ticks["missed"].sum())
    return page.section("Loop", svg.line_chart(t, curves, "us"), page.note(f"{missed} deadlines missed."))
