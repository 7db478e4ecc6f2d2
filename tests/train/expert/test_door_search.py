import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert import bank, door_search
from metaworld_rt.train.expert.door import TIMESTEP
from metaworld_rt.train.expert.door_hook import replay_all
from metaworld_rt.train.expert.door_search import SEGMENT, hook_position, merit, open_door, walk_through
from metaworld_rt.train.expert.policy import Expert


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


def test_an_opening_is_one_robots_way(tmp_path, legs, monkeypatch):
    monkeypatch.setattr(door_search, "lead", lambda qpos, qvel, pose, firm: qvel)  # without the hand it follows physics
    states = open_door(legs, segments=3, robots=16, seed=1).states
    assert len(states) == 3 * SEGMENT
    _follows(states)
    states.save(tmp_path / "way.npz")
    assert bank.load(tmp_path / "way.npz").qpos.shape[1] == 28


def test_a_pass_goes_on_where_the_opening_ended(legs):
    first = open_door(legs, segments=1, robots=16, seed=1).states
    found = walk_through(legs, first, segments=2, robots=16, seed=1)
    assert len(found.states) == 2 * SEGMENT
    assert len(found.scores) == 2
    np.testing.assert_array_equal(found.states.qpos[0], first.qpos[-1])


def test_the_led_pelvis_comes_to_the_hatch_and_stays_upright(legs):
    states = open_door(legs, segments=6, robots=16, seed=0).states
    np.testing.assert_allclose(states.qpos[-1, :3], [0.2, 0.14, 1.011], atol=0.1)


def test_a_way_that_opens_sooner_or_further_is_better():
    def way(hinge):
        qpos = np.zeros((len(hinge), 28))
        qpos[:, -2] = hinge
        return bank.Bank(qpos, np.zeros((len(hinge), 27)), np.zeros((len(hinge), 19)), np.zeros(len(hinge)))

    soon, late, ajar, shut = ([0, 0.95, 1.0], [0, 0.5, 0.95], [0, 0.2, 0.4], [0, 0, 0.0])
    merits = [merit(way(np.array(h, dtype=float))) for h in (soon, late, ajar, shut)]
    assert merits == sorted(merits, reverse=True)


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
