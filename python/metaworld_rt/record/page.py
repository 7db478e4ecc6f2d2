"""A flight as a page for looking: motion, joints and targets, weights, events, latencies, and its re-run."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..report import page, svg
from .flight import Flight
from .rerun import Rerun

MODES = ("running", "holding", "stopped")


def flight_page(flight: Flight, result: dict[str, Any] | None = None, again: Rerun | None = None) -> str:
    """The page as text.

    Args:
        flight: what was opened.
        result: what `replay` returned, or None.
        again: what `rerun` returned, or None.
    """
    rate = float(flight.information["tick_hz"])
    ticks = flight.ticks(max(1, round(rate / 100)))
    t = (ticks["t_ns"] - ticks["t_ns"][0]) * 1e-9 if len(ticks["t_ns"]) else np.zeros(0)
    about = flight.information
    subtitle = f"bundle {about['bundle']} {about['bundle_version']} · {about['isa']} · recorded {about['started']}"
    body = [_verdict(result), page.note(f"“{about['note']}”, seed {about['seed']}" if about["note"] else "")]
    if len(t) > 1:
        body += [
            _rerun(again),
            _base(flight, t, ticks),
            _events(t, ticks),
            _weights(flight, t, ticks),
            _latency(t, ticks),
            _joints(flight, t, ticks),
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


def _rerun(again: Rerun | None) -> str:
    if again is None:
        return ""
    every = max(1, len(again.tracks["t"]) // svg.MAX_POINTS)
    tracks = {name: rows[::every] for name, rows in again.tracks.items()}
    curves = []
    for i, name in enumerate("xyz"):
        curves.append(svg.Series(name, tracks["base"][:, i], svg.COLOURS[i]))
        curves.append(svg.Series(f"{name}, re-run", tracks["rerun_base"][:, i], svg.COLOURS[i], dash=True))
    apart = [
        svg.Series("base, m", np.linalg.norm(tracks["base"] - tracks["rerun_base"], axis=1)),
        svg.Series(
            "farthest joint, rad", np.abs(tracks["joints"] - tracks["rerun_joints"]).max(axis=1), svg.COLOURS[1]
        ),
    ]
    parting = np.where(tracks["t"] >= (np.inf if again.parted_s is None else again.parted_s), True, False)
    return page.section(
        "Run again in simulation",
        page.note(str(again)),
        svg.line_chart(tracks["t"], curves, "base, m"),
        svg.line_chart(tracks["t"], apart, "distance"),
        svg.strips(tracks["t"], [("another episode", parting)]) if parting.any() else "",
    )


def _events(t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    """Modes and rungs over time."""
    rows, strips = [], [(name, ticks["mode"] == i) for i, name in enumerate(MODES)]
    for bit, name in enumerate(_core.RUNGS):
        on = (ticks["rungs"] >> bit & 1).astype(bool)
        hit = np.flatnonzero(on)
        if len(hit):
            strips.append((name.replace("_", " "), on))
            rows.append([name.replace("_", " "), len(hit), round(float(t[hit[0]]), 3), round(float(t[hit[-1]]), 3)])
    strips += [
        ("plan followed", ticks["plan_used"].astype(bool)),
        ("stage or bundle changed", _changed(ticks["stage"]) | _changed(ticks["generation"])),
    ]
    table = page.table(["rung", "samples", "first, s", "last, s"], rows) if rows else page.note("No rung was used.")
    return page.section("Events", svg.strips(t, [row for row in strips if row[1].any()]), table)


def _changed(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[False], values[1:] != values[:-1]])


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


def _latency(t: np.ndarray, ticks: dict[str, np.ndarray]) -> str:
    ages = [svg.Series("observation", (ticks["t_ns"] - ticks["observation_t_ns"]) * 1e-6)]
    if ticks["plan_age_ns"].any():
        ages.append(svg.Series("plan", ticks["plan_age_ns"] * 1e-6, svg.COLOURS[1]))
    charts = [page.note("How old it was when it was used."), svg.line_chart(t, ages, "ms")]
    if ticks["duration_ns"].any():
        curves = [
            svg.Series("wake-up after its due time", ticks["wakeup_ns"] * 1e-3),
            svg.Series("tick", ticks["duration_ns"] * 1e-3, svg.COLOURS[1]),
        ]
        missed = int(ticks["missed"].sum())
        charts += [svg.line_chart(t, curves, "us"), page.note(f"{missed} deadlines missed.")]
    return page.section("Latency", *charts)
