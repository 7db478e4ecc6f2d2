"""`run`, as a person calls it: a whole run in real time on the toy bundle (random experts: it falls, in order)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaworld_rt import cli

TOY = Path(__file__).parent.parent / "data" / "toy_bundle"
KEYS = "schema bundle instruction task seed return fell sim_seconds tick planner semantic ladder versions"


def command(*arguments):
    return [sys.executable, "-m", "metaworld_rt", "run", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    done = run(
        "walk forward",
        "--bundle",
        TOY,
        "--seconds",
        1.5,
        "--headless",
        "--semantic",
        "matcher",
        "--json",
        folder / "r.json",
        "--report",
        folder / "r.html",
    )
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "r.json").read_text()), (folder / "r.html").read_text()


def test_json_has_the_keys_of_the_contract(finished):
    _, result, _ = finished
    assert next(iter(result)) == "schema"
    assert result["schema"] == "metaworld_rt.run/1"
    assert set(KEYS.split()) <= result.keys()
    tick = result["tick"]
    assert {"rate_hz", "count", "misses", "duration_us", "wakeup_us"} <= tick.keys()
    for key in ("duration_us", "wakeup_us"):
        values = [tick[key][q] for q in ("p50", "p99", "p999", "max")]
        assert values == sorted(values)
        assert values[0] > 0
    assert {"plans", "rate_hz", "age_ms", "iterations_mean"} <= result["planner"].keys()
    assert {"p50", "p99", "max"} <= result["planner"]["age_ms"].keys()
    assert {"backend", "calls", "failures", "latency_ms", "weights"} <= result["semantic"].keys()
    assert result["semantic"]["weights"] == {"walk": 1.0}
    assert {"late_plan", "stale_plan", "controlled_stop", "deadline_missed"} <= result["ladder"].keys()


def test_the_loop_held_its_rate(finished):
    _, result, _ = finished
    # The plant may run slower than time on a busy machine; the loop may not.
    assert result["tick"]["count"] + result["tick"]["misses"] >= 0.98 * 1000 * result["sim_seconds"]
    assert result["sim_seconds"] == pytest.approx(1.5, abs=0.05)
    assert result["final_command"] == "damping"
    assert result["interrupted"] is False


def test_table_and_report_show_the_latency(finished):
    done, result, page = finished
    assert "p99.9" in done.stdout
    assert "ticks at 1000 Hz" in done.stdout
    assert f"{result['tick']['duration_us']['p99']:.3g} us" in page
    assert "walk forward" in page
    assert "<svg" in page
    assert "failures, latency p50" in page
    assert "until" in page


def test_new_instructions_are_taken_while_it_runs(tmp_path):
    """Also one line after another at once, an empty one, and one that is too long."""
    words = f"stand still\n\n{'walk ' * 2000}\nfly to the moon\n"
    arguments = ("walk", "--bundle", TOY, "--seconds", 3, "--semantic", "matcher", "--prompt", "--json")
    done = subprocess.run(
        command(*arguments, tmp_path / "r.json"), input=words, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[1:3]
    assert said[0].startswith("stand")
    assert said[1].startswith("refused: not understood")
    assert "at most 4096 bytes" in done.stderr
    semantic = json.loads((tmp_path / "r.json").read_text())["semantic"]
    assert semantic["refused"] is True
    assert semantic["reasons"]["instruction"] >= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_robot_and_still_writes(tmp_path, number):
    process = subprocess.Popen(
        command(
            "walk",
            "--bundle",
            TOY,
            "--seconds",
            60,
            "--semantic",
            "matcher",
            "--json",
            tmp_path / "r.json",
            "--report",
            tmp_path / "r.html",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "Ctrl-C" in process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["interrupted"] is True
    assert result["final_command"] == "damping"
    assert 0 < result["sim_seconds"] < 30
    assert "stopped early" in out
    assert (tmp_path / "r.html").stat().st_size > 10_000


@pytest.fixture
def one_line(capsys):
    """Calls `run` in this process; it must fail with 1 and one line, which is returned."""

    def call(*arguments):
        assert cli.main(["run", *map(str, arguments)]) == 1
        err = capsys.readouterr().err
        assert err.startswith("metaworld-rt run: ")
        assert err.count("\n") == 1
        return err

    return call


@pytest.mark.parametrize("option", ["--json", "--report", "--video"])
def test_unwritable_outputs_are_refused_before_anything_runs(tmp_path, one_line, monkeypatch, option):
    monkeypatch.setattr("metaworld_rt.controller.load", None)
    assert "there is no folder" in one_line("walk", "--bundle", TOY, option, tmp_path / "no" / "f.mp4")
    assert os.listdir(tmp_path) == []


def test_wrong_bundles_and_backends_are_one_line(one_line):
    assert "no bundle at nowhere" in one_line("walk", "--bundle", "nowhere")
    assert "bundle.json" in one_line("walk", "--bundle", TOY / "experts")
    assert "no semantic backend" in one_line("walk", "--bundle", TOY, "--semantic", "oracle")


def test_unknown_words_give_the_safe_skill_and_say_so(tmp_path, capsys):
    path = tmp_path / "r.json"
    arguments = [
        "run",
        "fly to the moon",
        "--bundle",
        TOY,
        "--task",
        "stand",
        "--seconds",
        0.2,
        "--semantic",
        "matcher",
    ]
    assert cli.main([*map(str, arguments), "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["semantic"]["refused"] is True
    assert result["semantic"]["weights"] == {"stand": 1.0}
    assert "note: " in capsys.readouterr().out


def test_a_megabyte_of_instruction_is_refused():
    import metaworld_rt as mw
    from metaworld_rt.run.session import RunOptions, Session
    from metaworld_rt.semantic import make_backend

    with pytest.raises(ValueError, match="at most 4096 bytes"):
        Session(mw.load(TOY), make_backend("matcher"), RunOptions("walk " * 200_000))


def test_viewer_without_a_display_is_one_line(monkeypatch, one_line):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "needs a display" in one_line("walk", "--bundle", TOY, "--viewer", "--semantic", "matcher")
