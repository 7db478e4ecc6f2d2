import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert import bank, door_search, door_way
from metaworld_rt.train.expert.door import TIMESTEP
from metaworld_rt.train.expert.door_hook import ARMS, replay_all
from metaworld_rt.train.expert.door_search import (
    COPIES,
    SEGMENT,
    Crowd,
    follow,
    hold_open,
    hook_position,
    open_door,
    walk_through,
)
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.files import CheckpointError


@pytest.fixture
def legs():
    return Expert(features.size(features.HOUSEHOLD)).eval()


def _follows(states):
    """Asserts that each state follows from the one before by the action noted with it: nothing is spliced."""
    model = build("door")
    model.opt.timestep = TIMESTEP
    physics = VectorPhysics(model, len(states) - 1, 1)
    physics.qpos[:], physics.qvel[:] = states.qpos[:-1], states.qvel[:-1]
    physics.step(H1.target(states.action[1:]))
    physics.close()
    np.testing.assert_allclose(physics.qpos, states.qpos[1:], atol=1e-6)


def test_an_opening_is_one_robots_way_and_the_commands_that_it_followed(tmp_path, legs):
    found = open_door(legs, 0.8, segments=3, tries=8, seed=1)
    way = found.way
    assert len(way) == 3 * SEGMENT
    _follows(way.states)
    np.testing.assert_allclose(way.command[:-1][:, ARMS], way.states.action[1:][:, ARMS])
    assert len(found.end) == COPIES
    way.save(tmp_path / "way.npz")
    again = door_way.load(tmp_path / "way.npz")
    np.testing.assert_allclose(again.command, way.command, atol=1e-6)
    assert bank.load(tmp_path / "way.npz").qpos.shape[1] == 28


def test_a_bank_of_states_alone_is_no_way(tmp_path, legs):
    open_door(legs, 0.8, segments=1, tries=8).way.states.save(tmp_path / "bank.npz")
    with pytest.raises(CheckpointError, match="not a way"):
        door_way.load(tmp_path / "bank.npz")


def test_a_pass_goes_on_where_the_opening_ended(legs):
    first = open_door(legs, 0.8, segments=1, tries=8, seed=1)
    found = walk_through(legs, 0.8, first, segments=2, tries=8, seed=1)
    assert len(found.way) == 2 * SEGMENT
    assert len(found.scores) == 2
    assert any(np.array_equal(found.way.states.qpos[0], end) for end in first.end.qpos)


def test_a_hold_goes_on_where_the_pass_ended_and_joins_it(legs):
    first = open_door(legs, 0.8, segments=1, tries=8, seed=1)
    second = hold_open(legs, 0.8, first, segments=2, tries=8, seed=1)
    way = door_way.joined(first.way, second.way)
    assert len(way) == 3 * SEGMENT
    _follows(way.states)


def _way(x):
    """A way of a robot that glides along x (T,) and does nothing else."""
    n = len(x)
    states = bank.Bank(np.zeros((n, 28)), np.zeros((n, 27)), np.zeros((n, 19)), np.zeros(n))
    states.qpos[:, 0], states.qpos[:, 3] = x, 1.0
    return door_way.Way(np.zeros((n, 19)), np.column_stack([x, 0 * x, 0 * x]), np.zeros(n), states)


def test_a_way_loses_the_stretch_that_comes_back_and_nothing_else():
    on = np.linspace(0.0, 2.0, 101)  # 1 m/s
    dawdling = np.concatenate([on[:50], 1.0 + 0.6 * np.sin(np.linspace(0.0, np.pi, 40)), on[50:]])
    short = door_way.shortened(_way(dawdling))
    assert 80 < len(short) < 115
    x = short.states.qpos[:, 0]
    assert x[0] == 0.0
    assert x[-1] == 2.0
    assert np.abs(np.diff(x)).max() < 0.1
    assert len(door_way.shortened(_way(2.0 * on))) == 101  # a brisk way is left alone


def test_the_robots_of_a_try_share_its_commands(legs):
    crowd = Crowd(legs, 4, 0, 0.8)
    crowd.wander([0.3])
    crowd.segment(np.full((4, 2), 0.2), np.zeros(4))
    arms = crowd.action.reshape(4, COPIES, -1)[:, :, ARMS]
    np.testing.assert_array_equal(arms, np.broadcast_to(arms[:, :1], arms.shape))
    assert np.ptp(arms[:, 0], axis=0).max() > 0.01  # tries differ
    crowd.physics.close()


def test_selection_copies_whole_tries(legs):
    crowd = Crowd(legs, 8, 0, 0.8)
    crowd.segment(np.zeros((8, 2)), np.zeros(8))
    before = crowd.physics.qpos.copy()
    score = np.zeros(8 * COPIES)
    score[3 * COPIES : 4 * COPIES] = 1.0
    assert crowd.select(score) == 3
    np.testing.assert_array_equal(crowd.physics.qpos, np.tile(before[3 * COPIES : 4 * COPIES], (8, 1)))
    crowd.physics.close()


def test_following_a_way_from_its_own_start_repeats_it(legs, monkeypatch):
    monkeypatch.setattr(door_search, "RESET_NOISE", 0.0)
    way = open_door(legs, 0.8, segments=2, tries=8).way
    seen = follow(legs, 0.8, way, robots=2)
    np.testing.assert_allclose(seen[:-1, 0, 2], way.states.qpos[1:, 0], atol=1e-6)


def test_the_hook_follows_hinge_and_latch():
    model = build("door")
    data = mujoco.MjData(model)
    unturned = np.array([-0.10, 0.10, -0.045])
    for hinge, latch in ((0.0, 0.0), (0.5, 0.9), (1.2, 1.9)):
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[-2:] = hinge, latch
        mujoco.mj_forward(model, data)
        hatch = data.body("door_hatch")
        expected = hatch.xpos + hatch.xmat.reshape(3, 3) @ unturned
        np.testing.assert_allclose(hook_position(np.array(hinge), np.array(latch)), expected, atol=1e-9)


def test_every_motion_turns_the_hatch_and_pulls_the_leaf_ajar():
    motions = replay_all(0.004)
    assert (motions.qpos[:, :, -1].max(axis=1) > 0.75).all()
    assert (motions.qpos[:, -1, -2] > 0.2).all()
