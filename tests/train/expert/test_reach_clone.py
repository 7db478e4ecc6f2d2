from functools import partial

import numpy as np
import pytest

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint, imitation, reach_clone
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.reach_clone import Teacher
from metaworld_rt.train.expert.reaching import ReachEnv
from metaworld_rt.train.expert.shaping import ARMS
from metaworld_rt.train.expert.skill import get_skill
from metaworld_rt.train.expert.trainer import train_expert


@pytest.fixture
def legs():
    return Expert(features.size(features.HOUSEHOLD)).eval()  # stands, for a second


@pytest.fixture
def env():
    env = ReachEnv(get_skill("reach"), 6, 0, 1, "full", calm=True)
    yield env
    env.close()


def test_the_arm_s_targets_bring_the_hand_to_a_goal_within_reach(env, legs):
    env.physics.qpos[:], env.physics.qvel[:] = env.physics.model.key_qpos[0], 0.0
    env.senses.reset(np.arange(6))
    env.goal[:] = env.senses.left + np.array([0.1, 0.05, 0.12])
    teacher, left = Teacher(env, legs, 0.8), ARMS[:4]
    for _ in range(20):  # a servo without lag or load
        target = teacher._arm(env.physics.qpos[:, 7:26][:, left])
        env.physics.qpos[:, 7 + left] = target
    env.senses.reset(np.arange(6))
    assert np.linalg.norm(env.goal - env.senses.left, axis=-1) == pytest.approx(np.zeros(6), abs=0.02)


def test_the_arm_hangs_while_the_goal_is_far(env, legs):
    env.goal[:] = env.physics.qpos[:, :3] + [3.0, 0.0, 0.0]
    env.action[:] = H1.action_of_target(H1.default_pos)
    np.testing.assert_allclose(H1.target(Teacher(env, legs, 0.8)())[:, ARMS], H1.default_pos[ARMS][None].repeat(6, 0))


def test_the_command_writes_a_start_that_training_takes(tmp_path, monkeypatch, legs, save_expert, unscored):
    monkeypatch.setattr(imitation, "STEPS", 2)
    monkeypatch.setattr(imitation, "_BATCH", 8)
    monkeypatch.setattr(reach_clone, "_ROBOTS", 8)
    monkeypatch.setattr(reach_clone, "make", partial(reach_clone.make, rounds=1))
    path = save_expert("footwork", "stand", 0.8, legs)
    assert reach_clone.main(["--legs", str(path), "--out", str(tmp_path / "start.pt")]) == 0
    result = train_expert("reach", tmp_path / "run", decisions=400, start=tmp_path / "start.pt", envs=8, threads=1)
    assert unscored
    assert checkpoint.load(result.path)["name"] == "reach"
