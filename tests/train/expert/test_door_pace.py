from functools import partial

import numpy as np
import pytest
import torch

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint, door_pace, imitation
from metaworld_rt.train.expert.door_pace import Pace
from metaworld_rt.train.expert.skill import get_skill
from metaworld_rt.train.expert.trainer import train_expert
from metaworld_rt.train.files import CheckpointError

HASTE = Pace.parse("10:10,50:30,60:40")  # twice as fast from decision 10 to 50


def _moving(way):
    """The way of a robot that glides forward and steps in a rhythm of 40 decisions."""
    n = len(way)
    way.states.qpos[:, 0] = way.place[:, 0] = np.arange(n)
    way.states.phase[:] = np.mod(0.1 + np.arange(n) / 40, 1.0)
    return way


def test_a_way_makes_haste_where_it_is_told_and_nowhere_else(commanded_way):
    fast = door_pace.retimed(_moving(commanded_way()), HASTE)
    assert len(fast) == 40
    np.testing.assert_allclose(np.diff(fast.states.qpos[:, 0]), [1.0] * 10 + [2.0] * 20 + [1.0] * 9)
    np.testing.assert_allclose(fast.place[:, 0], fast.states.qpos[:, 0])
    np.testing.assert_allclose(np.linalg.norm(fast.states.qpos[:, 3:7], axis=-1), 1.0)


def test_the_gait_of_the_legs_keeps_its_rhythm_and_ends_as_it_did(commanded_way):
    way = _moving(commanded_way())
    fast = door_pace.retimed(way, HASTE)
    np.testing.assert_allclose(np.mod(np.diff(fast.states.phase), 1.0), 1 / 40, atol=1e-9)
    assert fast.states.phase[-1] == pytest.approx(way.states.phase[-1])


@pytest.mark.parametrize(("now", "before"), [(0, 0), (5, 5), (20, 30), (30, 50), (39, 59)])
def test_a_phase_is_told_as_the_old_one_of_the_same_place(now, before):
    opens = get_skill("door_open")
    old = door_pace.was(np.array([now / 40]), HASTE, opens, 40, 60)
    np.testing.assert_allclose(old * 60, before, atol=1e-9)


def test_after_the_way_the_old_phase_runs_on_to_the_end_of_its_cycle():
    passes = get_skill("door_pass")  # its way takes a share of the cycle, and begins within it
    cycle, old_cycle = 40 / passes.busy, 60 / passes.busy
    middle = np.mod(passes.begins + (40 + cycle) / 2 / cycle, 1.0)
    old = door_pace.was(np.array([middle]), HASTE, passes, cycle, old_cycle)
    np.testing.assert_allclose(np.mod(old - passes.begins, 1.0) * old_cycle, (60 + old_cycle) / 2)


@pytest.mark.parametrize("text", ["2:2,80", "fast", "", "50:30,40:40", "10:0"])
def test_a_pace_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="pace"):
        Pace.parse(text)


def test_a_pace_for_a_longer_way_is_refused(commanded_way):
    with pytest.raises(ValueError, match="way of 50"):
        door_pace.retimed(commanded_way(50), HASTE)


class Clockwork(torch.nn.Module):
    """Stands, and its first joint tells the phase that it was shown."""

    def forward(self, phi):
        at = features.slices(features.HOUSEHOLD)["phase"]
        stands = torch.from_numpy(H1.action_of_target(H1.default_pos)).float().expand(len(phi), -1)
        return torch.cat([0.2 * phi[:, at][:, :1], stands[:, 1:]], dim=1)


def test_the_start_does_at_new_phases_what_the_expert_did_at_old_ones(commanded_way, monkeypatch):
    monkeypatch.setattr(imitation, "STEPS", 40)
    monkeypatch.setattr(door_pace, "_ROBOTS", 48)
    skill, way = get_skill("door_open"), door_pace.retimed(commanded_way(), HASTE)
    student, cycle = door_pace.follow(skill, Clockwork(), 60, way, HASTE, rounds=2, updates=400)
    assert cycle == 40
    env = door_pace.DoorEnv(skill, 32, 5, 1, banks=[way.states])
    with torch.no_grad():
        action = student(torch.from_numpy(env.observe())).numpy()
    old, now = (np.sin(2 * np.pi * door_pace.was(env.phase, HASTE, skill, 40, 60)), np.sin(2 * np.pi * env.phase))
    env.close()
    told = action[:, 0] / 0.2
    assert np.abs(told - old).mean() < 0.3 * np.abs(told - now).mean()


def test_the_command_writes_a_way_and_a_start_that_training_takes(
    tmp_path, commanded_way, save_expert, monkeypatch, unscored
):
    monkeypatch.setattr(imitation, "STEPS", 2)
    monkeypatch.setattr(imitation, "_BATCH", 8)
    monkeypatch.setattr(door_pace, "_ROBOTS", 8)
    monkeypatch.setattr(door_pace, "make", partial(door_pace.make, rounds=1))
    way, before = tmp_path / "before.npz", save_expert("door_open", "door", 1.2)
    commanded_way().save(way)
    common = ["--way", str(way), "--expert", str(before), "--pace", "10:10,50:30,60:40"]
    assert door_pace.main(["door_open", *common, "--out", str(tmp_path / "fast")]) == 0
    result = train_expert(
        "door_open", tmp_path / "run", decisions=400, start=tmp_path / "fast" / "start.pt",
        banks=[tmp_path / "fast" / "way.npz"], envs=8, threads=1,
    )  # fmt: skip
    assert unscored
    assert checkpoint.load(result.path)["period"] == pytest.approx(40 * 0.02)
    with pytest.raises(CheckpointError, match="no expert door_pass"):
        door_pace.main(["door_pass", *common, "--out", str(tmp_path / "other")])
