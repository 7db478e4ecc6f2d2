"""An episode run again in simulation: the same one where nothing came in between, and where it parts otherwise."""

import json

import numpy as np
import pytest

import metaworld_rt as mw
from metaworld_rt import _core, cli, record
from metaworld_rt.errors import UserError
from metaworld_rt.faults.flight import START_NS, TICK_NS, Plant, Walk, _command
from metaworld_rt.plants.h1 import build

TOY = "tests/data/toy_bundle"
PUSH_MS = 1000


@pytest.fixture(scope="module")
def walk():
    return Walk(mw.load("h1-locomotion"), build("floor"))


def fly(walk, path, *, push=0.0, missing=()):
    """1.5 s of walking in lockstep."""
    controller = _core.Controller(walk.bundle)
    controller.post_command(_command(walk))
    recorder = _core.FlightRecorder(controller, file=str(path))
    plant, command = Plant(walk, 3), None
    seen = plant.observation()
    for i in range(1500):
        if i % 2 == 0:
            if command is not None:
                plant.step(command)
            if i == PUSH_MS:
                plant.data.qvel[1] += push
            seen = plant.observation()
        if i not in missing:
            command = controller.step(START_NS + i * TICK_NS, seen, START_NS + (i - i % 2) * TICK_NS)
    recorder.stop()
    return path


def test_the_same_episode_to_the_bit(walk, tmp_path):
    again = record.rerun(fly(walk, tmp_path / "f.mcap"))
    assert again.parted_s is None
    # Hand positions lag by a step and are not part of the state that it starts from; a bundle may observe them.
    assert again.identical_ticks == again.ticks == 1500
    assert again.base_m == again.joint_rad == again.end_m == 0.0
    assert "the same episode" in str(again)


def test_a_push_that_the_simulation_does_not_know(walk, tmp_path):
    again = record.rerun(fly(walk, tmp_path / "f.mcap", push=0.8))
    assert again.identical_ticks == PUSH_MS
    assert 0.001 * PUSH_MS < again.parted_s < 0.001 * PUSH_MS + 0.3
    assert again.parted_what
    assert again.end_m > 0.05


def test_ticks_that_the_recorded_loop_lost_are_lost_again(walk, tmp_path):
    again = record.rerun(fly(walk, tmp_path / "f.mcap", missing=range(700, 712)))
    assert again.ticks == 1488
    assert again.parted_s is None
    assert again.base_m < 0.01


def test_command_line_and_page(walk, tmp_path, capsys):
    flight = fly(walk, tmp_path / "f.mcap", push=0.8)
    out, page = tmp_path / "r.json", tmp_path / "r.html"
    assert cli.main(["replay", str(flight), "--rerun", "--json", str(out), "--plots", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "re-run in simulation: parts after 1." in printed
    assert "bit-identical" in printed  # the replay of the inputs does not know of the push either, and need not
    document = json.loads(out.read_text())
    assert document["rerun"]["parted_s"] > 1.0
    assert "tracks" not in document["rerun"]
    text = page.read_text()
    for heading in ("Run again in simulation", "Base position", "Events", "Skill weights", "Latency", "Joints"):
        assert f"<h2>{heading}</h2>" in text
    assert "another episode" in text


def test_what_cannot_be_run_again_says_why(walk, tmp_path):
    controller = _core.Controller(walk.bundle)
    recorder = _core.FlightRecorder(controller, file=str(tmp_path / "f.mcap"))
    for i in range(10):
        controller.step(START_NS + i * TICK_NS, np.full(walk.bundle.observation_size, np.nan))
    recorder.stop()
    with pytest.raises(UserError, match="valid observation"):
        record.rerun(tmp_path / "f.mcap")
    with pytest.raises(UserError, match="no flight record"):
        record.rerun(tmp_path / "none.mcap", [TOY])
