"""The verdict's rules, the stages on a short run, the command and its page."""

import json

import pytest

from metaworld_rt import cli
from metaworld_rt.qualify import STAGES, judge

TOY = "tests/data/toy_bundle"
QUIET = {"p50": 5.0, "p99": 10.0, "p999": 20.0, "max": 50.0}


def stage(name, load="none", misses=0, timer_misses=0, duration=20.0, warnings=(), controller=True):
    return {
        "name": name,
        "load": load,
        "controller": controller,
        "wakeup_us": QUIET,
        "duration_us": {"p50": 5.0, "p99": 10.0, "p999": duration, "max": duration},
        "misses": misses,
        "count": 100_000,
        "timer": {"wakeup_us": QUIET, "misses": timer_misses, "count": 100_000},
        "warnings": list(warnings),
    }


def test_no_misses_hold():
    verdict = judge([stage("controller"), stage("controller, cpu load", "cpu", misses=1)], 1000.0)
    assert verdict.good
    assert verdict.word == "holds"
    assert "70 of 1000 us" in verdict.reason


def test_misses_under_load_alone_hold_without_load():
    verdict = judge([stage("controller"), stage("controller, cpu load", "cpu", misses=40, timer_misses=39)], 1000.0)
    assert not verdict.good
    assert verdict.word == "holds without load"
    assert "the bare timer beside it missed 39" in verdict.reason
    assert "it is the machine" in verdict.reason


def test_misses_without_load_do_not_hold_and_name_the_remedy():
    verdict = judge([stage("controller", misses=40, warnings=["SCHED_FIFO was refused; add rtprio"])], 1000.0)
    assert verdict.word == "does not hold"
    assert "missed none" in verdict.reason
    assert "add rtprio" in verdict.reason


def test_a_few_misses_of_the_timer_do_not_excuse_many_of_the_loop():
    verdict = judge([stage("controller", misses=40, timer_misses=2)], 1000.0)
    assert "missed only 2" in verdict.reason
    assert "it is the machine" not in verdict.reason


def test_a_short_run_says_what_it_cannot_show():
    short = {**stage("controller"), "count": 6000}
    assert "can show no better than one in 2000" in judge([short], 1000.0).reason
    long = {**stage("controller"), "count": 400_000}
    assert "can show" not in judge([long], 1000.0).reason


def test_a_controller_that_is_too_slow_is_said_to_be():
    verdict = judge([stage("controller", misses=90_000, duration=1500.0)], 1000.0)
    assert verdict.word == "does not hold"
    assert "the controller itself needs 1500 us" in verdict.reason


def test_stages_without_a_controller_are_not_judged():
    assert judge([stage("timer", misses=5000, controller=False), stage("controller")], 1000.0).good


def test_command(tmp_path, capsys):
    out, page = tmp_path / "q.json", tmp_path / "q.html"
    arguments = ["qualify", "--bundle", TOY, "--seconds", "2.4", "--priority", "0", "--scratch", str(tmp_path)]
    assert cli.main([*arguments, "--json", str(out), "--report", str(page)]) == 0
    printed = capsys.readouterr().out
    document = json.loads(out.read_text())
    assert document["schema"] == "metaworld_rt.qualify/1"
    assert {"kernel", "scheduler", "rate_hz", "stages", "verdict"} <= set(document)
    assert document["scheduler"] == "SCHED_OTHER"
    assert [s["name"] for s in document["stages"]] == [name for name, _, _ in STAGES]
    for s in document["stages"]:
        assert s["count"] > 0
        assert set(s["wakeup_us"]) == set(s["duration_us"]) == {"p50", "p99", "p999", "max"}
        assert not s["load_failed"]
    assert document["verdict"] in printed
    assert page.read_text().count("<svg") == sum(3 if controller else 1 for _, _, controller in STAGES)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["q.html", "q.json"]  # the load left nothing


def test_bad_arguments(tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        cli.main(["qualify", "--seconds", "-1"])
    assert refused.value.code == 2
    assert cli.main(["qualify", "--bundle", TOY, "--scratch", str(tmp_path / "none")]) == 1
    assert "there is no folder" in capsys.readouterr().err
