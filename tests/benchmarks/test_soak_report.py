"""Late ticks and what they are laid to; the table in the page."""

import importlib.util
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "soak_report.py"
spec = importlib.util.spec_from_file_location("soak_report", SOURCE)
soak_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(soak_report)

MS = 1_000_000


def why(slow, timer):
    return [row["why"] for row in soak_report.explained(slow, timer, MS)]


def test_a_late_timer_at_the_same_time_is_the_machine():
    timer = [[100 * MS, 2 * MS, 0, 2]]
    assert why([[101 * MS, 2 * MS, 5000, 2]], timer) == [soak_report.HOST]
    assert why([[110 * MS, 2 * MS, 5000, 2]], timer) == [soak_report.UNEXPLAINED]


def test_a_hold_that_ends_before_the_timers_turn_is_named_so():
    timer = [[100 * MS + MS // 2, 2 * MS, 0, 2]]  # its turn is half a period after the loop's
    assert why([[110 * MS, 740_000, 5000, 0]], timer) == [soak_report.SHORT]
    assert why([[110 * MS, 760_000, 5000, 0]], timer) == [soak_report.UNEXPLAINED], "the timer would have seen it"
    assert why([[110 * MS, 740_000, 5000, 1]], timer) == [soak_report.UNEXPLAINED], "a miss is never short"
    assert why([[110 * MS, 740_000, 5000, 0]], [[100 * MS + 400_000, 2 * MS, 0, 2]]) == [soak_report.UNEXPLAINED]
    assert why([[110 * MS, 740_000, 5000, 0]], []) == [soak_report.SHORT]


def test_a_long_tick_is_ours_and_a_miss_follows_the_tick_that_made_it():
    assert why([[50 * MS, 1000, 700_000, 0]], []) == [soak_report.LONG]
    # Woke 0.96 ms late and ended past the next deadline; the next tick, in time itself, reports that miss.
    late, reported = [50 * MS, 960_000, 5000, 0], [51 * MS, 60_000, 51_000, 1]
    assert why([late, reported], [[50 * MS, 900_000, 0, 0]]) == [soak_report.HOST] * 2
    assert why([late, reported], []) == [soak_report.UNEXPLAINED] * 2
    assert why([reported], []) == [soak_report.UNEXPLAINED]
