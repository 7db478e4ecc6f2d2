import numpy as np
import pytest
import torch

from metaworld_rt.tasks import features
from metaworld_rt.tasks.features import FeatureInput, compute, slices
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.reaching import ReachEnv, from_walk
from metaworld_rt.train.expert.skill import get_skill


@pytest.fixture
def env():
    env = ReachEnv(get_skill("reach"), count=6, seed=2, threads=1)
    yield env
    env.close()


def test_hand_to_goal_is_seen_from_the_first_moment(env):
    where = slices(env.features)["hand_to_goal"]
    phi = env.observe()
    distance = np.linalg.norm(env.goal - env.senses.left, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(phi[:, where], axis=-1), distance, rtol=1e-5)
    env.physics.qpos[3, 0] += 1.0
    env.senses.reset(np.array([3]))
    assert env.senses.left[3, 0] > 1.2


def test_holding_the_hand_at_the_goal_pays(env):
    outcome = env.step(np.zeros((6, 19)))
    env.goal[:] = env.senses.left
    env._next_goal[:] = 10**6
    reached = env.step(np.zeros((6, 19)))
    assert reached.terms["touch"] > 0.8
    assert reached.terms["task"] > outcome.terms["task"] + 0.4


def test_goals_grow_with_the_difficulty(env):
    spread = {}
    for difficulty in (0.0, 1.0):
        env.difficulty = difficulty
        drawn = []
        for _ in range(50):
            env._draw_goal(np.arange(6), np.zeros((6, 2)))
            drawn.append(env.goal.copy())
        spread[difficulty] = np.concatenate(drawn)
    assert np.abs(spread[0.0][:, :2]).max() < 0.61
    assert 1.5 < np.abs(spread[1.0][:, :2]).max() <= 2.0
    assert spread[1.0][:, 2].min() < 0.4


def test_reaching_begins_as_walking_towards_the_goal():
    torch.manual_seed(0)
    walk = Expert(72, hidden=(16,))
    torch.nn.init.normal_(walk.net[-1].weight)
    walk.normaliser.update(torch.randn(100, 72))
    reach = from_walk(walk)
    rng = np.random.default_rng(0)
    qpos, qvel = rng.normal(size=(4, 26)), rng.normal(size=(4, 25))
    hands = {"left_hand_pos": rng.normal(size=(4, 3)), "right_hand_pos": rng.normal(size=(4, 3))}
    angle = 0.6
    goal = qpos[:, :3] + np.array([np.cos(angle), np.sin(angle), 0.0]) / 0.7
    extra = {**hands, "goal_pos": goal, "door": np.zeros((4, 4)), "door_present": np.zeros((4, 1))}
    make = lambda heading: FeatureInput.from_state(qpos, qvel, np.zeros((4, 19)), heading=heading, extra=extra)  # noqa: E731
    wanted = walk(torch.from_numpy(compute(features.LOCOMOTION, make(angle))))
    got = reach(torch.from_numpy(compute(features.HOUSEHOLD, make(0.0))))
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)
