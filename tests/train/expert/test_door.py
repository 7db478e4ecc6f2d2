import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.train.expert.door import DoorEnv, handle_position
from metaworld_rt.train.expert.skill import get_skill

STAGES = ("door_approach", "door_open", "door_pass")


def test_handle_position_follows_hinge_and_latch():
    model = build("door", collisions="fast")
    data = mujoco.MjData(model)
    handle = model.geom("hatch_handle_in").id
    for hinge, latch in ((0.0, 0.0), (0.5, 0.9), (1.2, 1.9)):
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[-2:] = hinge, latch
        mujoco.mj_forward(model, data)
        # The point is 2 cm further out along the handle than the geom's middle.
        assert np.linalg.norm(data.geom_xpos[handle] - handle_position(np.array(hinge), np.array(latch))) < 0.0201


@pytest.mark.parametrize("stage", STAGES)
def test_episodes_begin_without_robots_inside_the_door(stage):
    env = DoorEnv(get_skill(stage), count=40, seed=3, threads=1)
    outcome = env.step(np.zeros((40, 19)))
    env.close()
    # A body that overlaps the door is thrown out of it at many times walking speed.
    assert np.abs(env.physics.qvel[:, :2]).max() < 2.0
    assert np.isfinite(outcome.reward).all()
    assert not outcome.terminated.any()


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
