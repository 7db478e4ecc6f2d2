import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.door import DoorEnv, angle_before, hook_position, way_behind
from metaworld_rt.train.expert.door_hook import replay_all
from metaworld_rt.train.expert.door_starts import AJAR, STARTS, leg, pool
from metaworld_rt.train.expert.skill import get_skill

STAGES = ("door_approach", "door_open", "door_pass")


@pytest.fixture(scope="module")
def model():
    return build("door")


def test_the_hook_follows_hinge_and_latch(model):
    data = mujoco.MjData(model)
    unturned = np.array([-0.10, 0.10, -0.045])
    for hinge, latch in ((0.0, 0.0), (0.5, 0.9), (1.2, 1.9)):
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[-2:] = hinge, latch
        mujoco.mj_forward(model, data)
        hatch = data.body("door_hatch")
        expected = hatch.xpos + hatch.xmat.reshape(3, 3) @ unturned
        np.testing.assert_allclose(hook_position(np.array(hinge), np.array(latch)), expected, atol=1e-9)


def test_the_way_behind_the_leaf_leads_around_its_edge():
    # A hand 5 cm before the shut leaf's edge is nearer to the goal than one before its middle, but must go around.
    before_edge = way_behind(np.array([0.68, 0.45, 1.0]), np.array(0.0))
    before_middle = way_behind(np.array([0.68, 0.0, 1.0]), np.array(0.0))
    behind = way_behind(np.array([0.95, 0.45, 1.0]), np.array(0.0))
    assert behind < 0.1 < before_edge < before_middle
    assert before_edge > np.hypot(0.68 - 0.89, 0.45 - 0.49)  # longer than the straight line through the leaf


def test_angle_before_is_negative_on_the_side_of_the_passage():
    base = np.array([0.2, 0.1, 1.0])
    assert angle_before(base, np.array(0.0)) > 0
    assert angle_before(base, np.array(1.3)) < 0


def test_legs_put_the_foot_where_it_is_wanted():
    hip, knee, _ = leg(np.float64(0.2), np.float64(0.7))
    ahead = -0.4 * np.sin(hip) - 0.4 * np.sin(hip + knee)
    down = 0.4 * np.cos(hip) + 0.4 * np.cos(hip + knee)
    np.testing.assert_allclose([ahead, down], [0.2, 0.7], atol=1e-9)


@pytest.mark.parametrize("kind", STARTS)
def test_hand_made_starts_do_not_throw_the_robot(model, kind):
    physics = VectorPhysics(model, 12, 1)
    physics.qpos[:] = pool(model, kind, 12, np.random.default_rng(0))
    physics.step(physics.qpos[:, 7:26])
    physics.close()
    # A body that overlaps the door is thrown out of it at many times walking speed.
    assert np.abs(physics.qvel[:, :3]).max() < 1.5


def test_an_unknown_start_is_refused(model):
    with pytest.raises(ValueError, match="unknown start"):
        pool(model, "sofa", 1, np.random.default_rng(0))


def test_every_motion_turns_the_hatch_and_pulls_the_leaf_ajar():
    motions = replay_all(0.004)
    assert (motions.qpos[:, :, -1].max(axis=1) > 0.75).all()
    assert (motions.qpos[:, -1, -2] > 0.2).all()


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_steps(stage):
    env = DoorEnv(get_skill(stage), count=40, seed=3, threads=1)
    outcome = env.step(np.zeros((40, 19)))
    env.close()
    assert np.isfinite(outcome.reward).all()
    assert outcome.phi.shape == (40, 91)


def test_the_leaf_rests_ajar_on_its_locks(model):
    """What makes the door easy once it was pulled a little: it does not fall shut."""
    physics = VectorPhysics(model, 1, 1)
    physics.qpos[0, 0], physics.qpos[0, -2] = -1.5, 0.6
    for _ in range(200):
        physics.step(physics.qpos[:, 7:26] * 0 + model.key_qpos[0][7:26])
    physics.close()
    assert abs(physics.qpos[0, -2] - AJAR) < 0.02


def test_the_hatch_holds_the_door_until_it_is_turned():
    def pull(latch):
        model = build("door")
        data = mujoco.MjData(model)
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[0] = -0.6  # out of the way
        data.ctrl[:] = model.key_qpos[0][7:26]
        for _ in range(150):
            data.qpos[-1], data.qvel[-1] = latch, 0.0
            data.qfrc_applied[-2] = 60.0
            mujoco.mj_step(model, data)
        return data.qpos[-2]

    assert pull(0.0) < 0.03
    assert pull(1.2) > 0.04
