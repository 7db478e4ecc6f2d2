"""The report: one self-contained page that shows what a run did and escapes what people typed."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from metaworld_rt.report import run_report, svg
from metaworld_rt.run.trace import Trace

JOINTS = ["left_knee", "right_knee"]


def trace(count=200, speed=1.0):
    found = Trace(JOINTS, ["stand", "walk"])
    for k in range(count):
        t = 0.02 * k
        found.add(
            t=t,
            base_pos=[speed * t, 0.0, 0.95],
            heading=0.0,
            target=[0.5 + 0.1 * np.sin(9 * t), 0.5],
            position=[0.5, 0.5],
            weights=[0.2, 0.8],
            goal_speed=float("nan"),
            mode=0,
        )
    return found


def result(**changes):
    quantiles = {"p50": 20.0, "p99": 41.0, "p999": 60.0, "max": 90.0}
    found = {
        "bundle": "toy",
        "instruction": "walk forward",
        "task": "walk",
        "seed": 3,
        "return": 812.5,
        "fell": False,
        "sim_seconds": 4.0,
        "distance_m": 3.9,
        "speed_m_s": 1.0,
        "tick": {"rate_hz": 1000.0, "count": 4000, "misses": 0, "duration_us": quantiles, "wakeup_us": quantiles},
        "planner": {"plans": 0},
        "semantic": {
            "backend": "matcher",
            "calls": 4,
            "failures": 0,
            "latency_ms": {"p50": 0.1, "max": 0.3},
            "weights": {"walk": 1.0},
        },
        "ladder": {"late_plan": 0, "output_clamped": 12},
        "allocations_in_tick": 0,
        "versions": {"mujoco": "4.0.0"},
    }
    return {**found, **changes}


BUCKETS = np.array([[10.0, 11.0, 5.0], [20.0, 21.0, 3000.0], [40.0, 41.0, 40.0], [90.0, 91.0, 1.0]])
HISTOGRAMS = {"duration": BUCKETS, "wakeup": BUCKETS}


def test_page_is_self_contained_and_shows_the_figures():
    page = run_report(result(), trace(), HISTOGRAMS)
    assert not re.search(r"<script|src=|href=|@import|url\(", page)
    for text in ("walk forward", "41 us", "812.5", "1.00 m/s", "left knee", "right knee", "output clamped", "4.0.0"):
        assert text in page, text
    assert "late plan" not in page, "a rung that was never used is noise"


def test_every_picture_is_well_formed_and_inside_its_frame():
    pictures = re.findall(r"<svg.*?</svg>", run_report(result(), trace(), HISTOGRAMS))
    assert len(pictures) == 2 + 2 + 1 + len(JOINTS)
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        _, _, width, height = map(float, root.get("viewBox").split())
        for path in root.iter("path"):
            points = np.array([[float(v) for v in pair.split()] for pair in re.split("[ML]", path.get("d")) if pair])
            assert np.all((points >= 0) & (points <= [width, height]))


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "&\"'<b>", "x" * 100_000])
def test_what_people_type_is_escaped_and_cut(hostile):
    page = run_report(result(instruction=hostile), trace(20), HISTOGRAMS)
    assert "<script" not in page
    assert "<b>" not in page.split("</h1>")[0]
    assert len(page) < 200_000


def test_a_run_that_ended_at_once_and_a_fall_still_make_a_page():
    page = run_report(result(fell=True, **{"return": None}), Trace(JOINTS, ["stand"]), {})
    assert "fell" in page
    assert "no samples" in page


def test_gaps_and_constant_values_are_drawn():
    t = np.linspace(0, 1, 50)
    y = np.full(50, 2.0)
    y[10:20] = np.nan
    picture = svg.line_chart(t, [svg.Series("flat", y)], "m")
    path = re.search(r'<path d="([^"]*)"', picture).group(1)
    assert path.count("M") == 2, "a gap lifts the pen"
    assert "nan" not in path


def test_ticks_are_round_and_cover_the_range():
    for low, high in ((0.0, 20.0), (-0.37, 0.41), (3.0, 3.0), (1e-4, 2e-4), (-1e6, 5e6)):
        found = svg.ticks(low, high)
        assert found
        assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert svg.log_ticks(5.0, 800.0)[0] == 5.0


def test_forward_speed_follows_the_heading():
    walking = trace(speed=0.8).forward_speed()
    np.testing.assert_allclose(walking, 0.8, rtol=1e-6)
    assert trace(2).forward_speed().shape == (2,)
