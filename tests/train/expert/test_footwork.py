import numpy as np
import pytest
import torch

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert.footwork import LED, REACH, FootworkEnv, free_arms, from_stand, keep_near, score_footwork
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.skill import get_skill


@pytest.fixture
def env():
    made = FootworkEnv(get_skill("footwork"), count=16, seed=3, threads=1)
    yield made
    made.close()


def test_arms_and_torso_follow_their_own_course_whatever_the_policy_says(env):
    env.step(np.full((16, H1.n), 0.7))
    np.testing.assert_allclose(H1.target(env.action)[:, LED], env.led[:, LED])
    assert np.allclose(env.action[:, ~LED], 0.7)


def test_the_place_moves_and_never_leaves_the_robot_behind(env):
    env.difficulty = 1.0
    env.velocity[:] = [0.6, 0.0]
    for _ in range(60):
        env.step(np.zeros((16, H1.n)))
    away = np.linalg.norm(env.place[:, :2] - env.physics.qpos[:, :2], axis=-1)
    assert (away < REACH + 0.1).all()  # the pelvis has moved on by a decision since
    assert np.ptp(env.place[:, 0]) > 0


def test_a_pull_at_the_hand_moves_the_robot(env):
    twin = FootworkEnv(get_skill("footwork"), count=16, seed=3, threads=1)
    for one, force in ((env, 80.0), (twin, 0.0)):
        one._wander = lambda: None
        one._pull[:], one._hand[:] = [force, 0.0, 0.0], 0
        for _ in range(10):
            one.step(np.zeros((16, H1.n)))
    assert (env.physics.qvel[:, 0] - twin.physics.qvel[:, 0]).mean() > 0.05
    twin.close()


def test_a_place_beyond_reach_is_drawn_in_and_another_stays():
    near = keep_near(np.zeros((2, 2)), np.array([[3.0, 4.0], [0.1, 0.0]]))
    np.testing.assert_allclose(near, [[0.6 * REACH, 0.8 * REACH], [0.1, 0.0]])


def test_it_begins_as_stand_and_leaves_the_arms_out_of_learning():
    stand = Expert(features.size(features.LOCOMOTION))
    legs = from_stand(stand)
    where = features.slices(features.HOUSEHOLD)
    phi = torch.randn(3, features.size(features.LOCOMOTION))
    wide = torch.zeros(3, features.size(features.HOUSEHOLD))
    for name, at in features.slices(features.LOCOMOTION).items():
        wide[:, where[name]] = phi[:, at]
    torch.testing.assert_close(legs(wide), stand(phi))
    free_arms(legs)
    assert (legs.log_std[torch.from_numpy(LED)] == 0.0).all()
    assert (legs.log_std[torch.from_numpy(~LED)] < -1.0).all()


def test_scores_count_what_was_kept_before_the_fall():
    class Still(torch.nn.Module):
        def forward(self, phi):
            return torch.zeros(len(phi), H1.n)

    scores, states = score_footwork(Still(), get_skill("footwork"), robots=8, decisions=100)
    assert scores["upright"] == 0.0  # mid-range is no posture
    assert 0.0 < scores["return_mean"] < 100
    assert states.qpos.shape[1] == 26
