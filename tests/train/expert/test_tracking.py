import numpy as np
import pytest

from metaworld_rt.train.expert.bank import load
from metaworld_rt.train.expert.clip import make_clip, save_clip
from metaworld_rt.train.expert.ppo import PpoConfig
from metaworld_rt.train.expert.tracking import ClipEnv, tracking_skill, yaw_of
from metaworld_rt.train.expert.trainer import train_expert


@pytest.fixture
def env(motion):
    clip = make_clip(motion(50))
    env = ClipEnv(tracking_skill("stride", clip), clip, count=8, seed=1, threads=1)
    yield env
    env.close()


def test_episodes_start_in_the_clip_turned_to_the_goals_heading(env):
    k = env.frame(env.phase)
    np.testing.assert_allclose(env.physics.qpos[:, 7:], env.clip.qpos[k, 7:], atol=0.15)
    expected = env.heading + env._yaw[k] - env._yaw[0]
    turn = np.angle(np.exp(1j * (yaw_of(env.physics.qpos[:, 3:7]) - expected)))
    np.testing.assert_allclose(turn, 0.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(env.physics.qvel[:, :2], axis=1), 1.0, atol=1e-6)
    assert len(set(k.tolist())) > 3


def test_the_clips_own_states_score_full_marks(env):
    """The reward of a decision compares with the pose of that decision's phase: no offset by one."""
    k = env.frame(env.phase)
    s = env.step(np.zeros((8, 19)))
    assert s.terms["pose"] < 0.99
    from metaworld_rt.train.expert.shaping import Step

    states = env.physics.signals
    qpos, qvel = env.clip.qpos[k].copy(), env.clip.qvel[k].copy()
    env.heading[:] = 0.0
    perfect = Step(
        signals=type(states)(**{**states.__dict__, "qpos": qpos, "qvel": qvel}),
        target=np.zeros((8, 19)),
        last_target=np.zeros((8, 19)),
        before_last_target=np.zeros((8, 19)),
        raw_action=np.zeros((8, 19)),
        phase=(k + 0.5) / len(env.clip.qpos),
        heading=np.zeros(8),
        foot_velocity=np.zeros((8, 2, 3)),
    )
    terms = env._terms(perfect)
    for name in ("pose", "joint_rates", "root", "velocity"):
        np.testing.assert_allclose(terms[name], 1.0, atol=1e-9, err_msg=name)


def test_losing_the_motion_ends_the_episode(env):
    env.physics.qpos[3, 2] = 0.5
    outcome = env.step(np.zeros((8, 19)))
    assert outcome.terminated[3]
    assert outcome.terminated.sum() == 1


def test_trains_on_a_users_clip(tmp_path, motion):
    save_clip(tmp_path / "stride.npz", motion(50))
    config = PpoConfig(steps=6, epochs=1, minibatches=1)
    result = train_expert(
        "stride",
        tmp_path / "out",
        decisions=48,
        envs=8,
        threads=1,
        config=config,
        eval_every=48,
        motion=tmp_path / "stride.npz",
    )
    assert result.decisions == 48
    assert 0 <= result.scores["return_mean"] <= 1000
    assert result.scores["joint_error"] > 0
    assert len(load(tmp_path / "out" / "states.npz")) > 0
