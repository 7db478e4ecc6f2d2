import gymnasium as gym
import numpy as np
import pytest

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import EPISODE_DECISIONS, TASKS, H1Env, env_id, get_task

SIZES = {"stand": 51, "walk": 51, "run": 51, "reach": 57, "door": 55}


@pytest.mark.parametrize("task", list(TASKS))
def test_made_by_id_with_the_benchmarks_spaces(task):
    env = gym.make(env_id(task))
    assert env.spec.max_episode_steps == EPISODE_DECISIONS
    observation, _ = env.reset(seed=3)
    assert observation.shape == (SIZES[task],)
    assert observation.dtype == np.float64
    assert env.action_space.shape == (19,)
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(observation, again)
    result = env.step(np.zeros(19, np.float32))
    assert result[0].shape == (SIZES[task],)
    assert set(result[4])  # the reward's terms
    env.close()


def test_reset_noise_is_the_benchmarks():
    env = H1Env("door")
    draws = np.array([env.reset(seed=i)[0] for i in range(40)])
    noise = draws[:, :28] - env.model.key_qpos[0]
    assert np.abs(noise).max() <= 0.01
    assert noise.std(axis=0).min() > 0.003  # on every qpos, the door's and the quaternion's too
    assert np.all(draws[:, 28:] == 0)


def test_targets_and_benchmark_actions_are_the_same_step():
    env, other = H1Env("walk"), H1Env("walk")
    env.reset(seed=1)
    other.reset(seed=1)
    target = H1.target(np.random.default_rng(0).uniform(-0.3, 0.3, 19))
    first = env.step_target(target)
    second = other.step(H1.benchmark_action(target))
    np.testing.assert_allclose(first[0], second[0], atol=1e-9)
    assert first[1] == pytest.approx(second[1], abs=1e-9)


def test_zero_action_falls_and_walk_ends():
    env = H1Env("walk")
    env.reset(seed=0)
    ends = [env.step(np.zeros(19))[2] for _ in range(200)]
    assert True in ends
    assert 20 < ends.index(True) < 150


def test_goal_can_be_given_and_is_seen():
    env = H1Env("reach")
    observation, _ = env.reset(seed=0, options={"goal": [0.5, -0.2, 1.1]})
    np.testing.assert_array_equal(observation[-3:], [0.5, -0.2, 1.1])
    np.testing.assert_allclose(observation[51:54], env.data.site("left_hand").xpos)


def test_unknown_task():
    with pytest.raises(ValueError, match="one of stand, walk, run, reach, door"):
        get_task("fly")
