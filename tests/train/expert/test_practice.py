import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.tasks.features import slices
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.locomotion import LocomotionEnv
from metaworld_rt.train.expert.practice import Lag, Pushes, Variety, drawn_lags
from metaworld_rt.train.expert.skill import get_skill


def test_pushes_come_when_they_are_due_and_within_the_limit():
    physics = VectorPhysics(build("floor"), 50, 1)
    pushes = Pushes(50, np.random.default_rng(0))
    age = np.zeros(50, dtype=np.int64)
    pushes.schedule(np.arange(50), age)
    assert len(pushes.apply(physics, age, 1.0)) == 0
    rows = pushes.apply(physics, age + 130, 1.0)  # 4 s apart on average
    assert 10 < len(rows) < 40
    pushed = np.abs(physics.qvel[rows])
    assert 0.5 < pushed[:, :2].max() <= 1.0
    assert 0.2 < pushed[:, 3:6].max() <= 0.5
    rest = np.setdiff1d(np.arange(50), rows)
    assert not physics.qvel[rest].any()
    physics.close()


def test_scenes_are_alike_unless_told_otherwise():
    scene = build("floor")
    (same,) = Variety().scenes(scene, np.random.default_rng(0), 1)
    np.testing.assert_array_equal(same.geom_friction, scene.geom_friction)
    np.testing.assert_allclose(same.body_mass, scene.body_mass)
    varied = Variety(friction=(0.4, 0.6), payload_kg=(5.0, 10.0), strength=(0.8, 0.9))
    torso = scene.body("torso_link").id
    for other in varied.scenes(scene, np.random.default_rng(0), 3):
        assert 0.4 <= (other.geom_friction[:, 0] / scene.geom_friction[:, 0]).max() <= 0.6
        assert 5.0 <= other.body_mass[torso] - scene.body_mass[torso] <= 10.0
        assert 0.8 <= (other.actuator_forcerange / scene.actuator_forcerange).max() <= 0.9


def test_late_states_are_seen_late_and_a_reset_at_once():
    lag = Lag(np.array([0, 1, 2]))
    for t in range(3):
        lag.note({"qpos": np.full((3, 1), float(t))})
    now = {"qpos": np.full((3, 1), 3.0)}
    assert lag.seen(now)["qpos"][:, 0].tolist() == [3.0, 2.0, 1.0]
    lag.forget(np.array([2]), {"qpos": np.full((3, 1), 9.0)})
    assert lag.seen(now)["qpos"][:, 0].tolist() == [3.0, 2.0, 9.0]


def test_a_robot_that_sees_late_knows_its_own_action_and_phase():
    env = LocomotionEnv(get_skill("walk"), count=4, threads=1)
    env.lag = Lag(np.array([0, 0, 1, 1]))
    rng = np.random.default_rng(0)
    for _ in range(3):
        before = env.physics.qpos.copy()
        phi = env.step(0.1 * rng.normal(size=(4, 19))).phi
    where = slices(env.features)
    np.testing.assert_allclose(phi[:, where["prev_action"]], env.action, atol=1e-6)
    late, real = phi[:, where["joint_pos"]], env.physics.qpos[:, 7:]
    shift = phi[0, where["joint_pos"]] - real[0]  # the feature is about the posture of rest
    np.testing.assert_allclose(late[:2], real[:2] + shift, atol=1e-5)
    np.testing.assert_allclose(late[2:], before[2:, 7:] + shift, atol=1e-5)
    env.close()


def test_half_of_a_batch_is_disturbed():
    env = LocomotionEnv(get_skill("walk"), count=10, threads=1)
    hard = Variety(friction=(0.3, 0.4))
    given = []
    env.physics.use_models = given.extend
    pushes = env.disturb_half(Variety(), hard, (0.0, 1.0))
    assert [m is env.model for m in given] == [True] * 5 + [False] * 5
    assert len({m.geom_friction[0, 0] for m in given[5:]}) == 5
    assert env.lag._lags.tolist() == [0] * 5 + [1] * 5
    pushes.schedule(np.arange(10), np.zeros(10, dtype=np.int64))
    assert pushes.apply(env.physics, np.full(10, 10**6), 1.0).tolist() == [5, 6, 7, 8, 9]
    env.close()


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.2, 0.3, 0.5)])
def test_lags_are_drawn_by_their_shares(shares):
    lags = drawn_lags(np.random.default_rng(0), 4000, shares)
    assert np.bincount(lags) / 4000 == pytest.approx(np.array(shares), abs=0.03)
