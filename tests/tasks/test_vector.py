import numpy as np
import pytest

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import H1Env
from metaworld_rt.tasks.vector import VectorPhysics


@pytest.mark.parametrize("task", ["walk", "door"])
def test_a_batch_steps_like_single_environments(task):
    envs = [H1Env(task) for _ in range(3)]
    physics = VectorPhysics(envs[0].model, 3, threads=2)
    for i, env in enumerate(envs):
        env.reset(seed=i)
        physics.qpos[i] = env.data.qpos
    rng = np.random.default_rng(0)
    for _ in range(5):
        targets = H1.target(rng.uniform(-0.2, 0.2, (3, 19)))
        signals = physics.step(targets)
        rewards = envs[0].task.terms(signals, None)["reward"]
        for i, env in enumerate(envs):
            _, reward, _, _, _ = env.step_target(targets[i])
            # The warm start is not carried over, hence not to the last bit.
            np.testing.assert_allclose(physics.qpos[i], env.data.qpos, atol=1e-6)
            assert rewards[i] == pytest.approx(reward, abs=1e-5)
    physics.close()


def test_robots_do_not_share_state():
    env = H1Env("stand")
    physics = VectorPhysics(env.model, 2, threads=1)
    physics.qvel[1, 0] = 1.0
    physics.step(np.tile(H1.default_pos, (2, 1)))
    assert physics.qpos[1, 0] > 0.01
    assert abs(physics.qpos[0, 0]) < 0.005
    physics.close()
