import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1, mirror_permutation
from metaworld_rt.tasks import features as ft
from metaworld_rt.tasks.mirror import feature_mirror


def random_input(shape=(), seed=0):
    rng = np.random.default_rng(seed)
    term = lambda n: rng.normal(size=(*shape, n))  # noqa: E731
    return ft.FeatureInput(
        base_pos=term(3),
        base_quat=term(4),
        joint_pos=term(19),
        base_lin_vel=term(3),
        base_ang_vel=term(3),
        joint_vel=term(19),
        prev_action=term(19),
        phase=rng.random(shape),
        heading=rng.normal(size=shape),
        speed=rng.normal(size=shape),
        extra={
            "left_hand_pos": term(3),
            "right_hand_pos": term(3),
            "goal_pos": term(3),
            "door": term(4),
            "door_present": np.ones((*shape, 1)),
        },
    )


def value(name, s):
    return ft.compute([ft.feature(name)], s)


def test_vectors_are_in_the_base_frame():
    s = random_input()
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, s.base_quat / np.linalg.norm(s.base_quat))
    to_body = rotation.reshape(3, 3).T
    expected = {
        "gravity": to_body @ [0, 0, -1],
        "heading": to_body @ [np.cos(s.heading), np.sin(s.heading), 0],
        "lin_vel": to_body @ s.base_lin_vel,
        "hand_to_goal": to_body @ (s.extra["goal_pos"] - s.extra["left_hand_pos"]),
        "base_to_goal": to_body @ (s.extra["goal_pos"] - s.base_pos),
        "left_hand": to_body @ (s.extra["left_hand_pos"] - s.base_pos),
        "right_hand": to_body @ (s.extra["right_hand_pos"] - s.base_pos),
    }
    for name, vector in expected.items():
        np.testing.assert_allclose(value(name, s), vector, rtol=1e-6, atol=1e-6, err_msg=name)


def test_plain_terms():
    s = random_input()
    expected = {
        "height": s.base_pos[2:3],
        "ang_vel": s.base_ang_vel,
        "joint_pos": s.joint_pos - H1.default_pos,
        "joint_vel": s.joint_vel,
        "prev_action": s.prev_action,
        "phase": [np.sin(2 * np.pi * s.phase), np.cos(2 * np.pi * s.phase)],
        "speed": [s.speed],
        "base_xy": s.base_pos[:2],
        "door": s.extra["door"],
        "door_present": [1.0],
    }
    for name, vector in expected.items():
        np.testing.assert_allclose(value(name, s), np.asarray(vector, np.float32), rtol=1e-6, err_msg=name)
    tested = {*expected, "gravity", "heading", "lin_vel", "hand_to_goal", "base_to_goal", "left_hand", "right_hand"}
    assert tested == set(ft.SIZES)


def test_what_is_far_away_saturates_at_5_m_in_its_direction():
    s = random_input()
    s.base_pos[:] = [-120.0, 3.0, 1.0]
    s.extra["goal_pos"] = s.base_pos + np.array([0.0, 40.0, 30.0])
    near = random_input()
    near.base_quat[:] = s.base_quat
    near.extra["goal_pos"] = near.base_pos + np.array([0.0, 4.0, 3.0])
    np.testing.assert_allclose(value("base_to_goal", s), value("base_to_goal", near), atol=1e-5)
    np.testing.assert_allclose(value("base_xy", s), [-5.0, 3.0])


def test_batches_scales_and_order():
    batch = random_input((5,))
    phi = ft.compute(ft.LOCOMOTION, batch)
    assert phi.shape == (5, 72)
    assert phi.dtype == np.float32
    assert ft.size(ft.LOCOMOTION) == 72
    where = ft.slices(ft.LOCOMOTION)
    np.testing.assert_allclose(phi[:, where["joint_vel"]], 0.05 * batch.joint_vel, rtol=1e-6)
    np.testing.assert_allclose(phi[:, where["phase"]][:, 0], np.sin(2 * np.pi * batch.phase), rtol=1e-5, atol=1e-6)


def test_heading_is_straight_ahead_when_yaw_meets_the_goal():
    s = random_input()
    s.base_quat = np.array([np.cos(0.6), 0, 0, np.sin(0.6)])
    s.heading = 1.2
    np.testing.assert_allclose(value("heading", s), [1, 0, 0], atol=1e-6)


def test_names_and_missing_terms():
    with pytest.raises(ValueError, match="unknown feature 'hieght'"):
        ft.feature("hieght")
    s = random_input()
    s.extra = {}
    with pytest.raises(ValueError, match="goal_pos"):
        value("base_to_goal", s)


def mirrored_state(qpos, qvel):
    """The state seen in a mirror along the world's x-z plane."""
    perm, sign = mirror_permutation()
    q, v = qpos.copy(), qvel.copy()
    q[1], v[1] = -q[1], -v[1]
    q[3:7] *= [1, -1, 1, -1]
    v[3:6] *= [-1, 1, -1]
    q[7:], v[6:] = sign * qpos[7:][perm], sign * qvel[6:][perm]
    return q, v


def test_features_say_which_observation_terms_they_read():
    assert ft.observation_terms(ft.LOCOMOTION) == ()
    terms = dict(ft.observation_terms(ft.HOUSEHOLD))
    assert terms == {"left_hand_pos": 3, "right_hand_pos": 3, "goal_pos": 3, "door": 4, "door_present": 1}


def test_mirror_agrees_with_the_physics():
    """Mirrored state and action lead to the mirrored next state, and phi mirrors with them."""
    model = build(collisions="fast")
    data = mujoco.MjData(model)
    rng = np.random.default_rng(3)
    perm, sign = mirror_permutation()
    phi_perm, phi_sign = feature_mirror(ft.LOCOMOTION)
    qpos = model.key_qpos[0] + rng.normal(0, 0.05, model.nq)
    qpos[3:7] /= np.linalg.norm(qpos[3:7])
    qvel = rng.normal(0, 0.3, model.nv)
    action = rng.uniform(-0.3, 0.3, 19)

    def step(q, v, a):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, v, H1.target(a)
        mujoco.mj_step(model, data, 10)
        return data.qpos.copy(), data.qvel.copy()

    def phi(q, v, a, phase, heading):
        return ft.compute(ft.LOCOMOTION, ft.FeatureInput.from_state(q, v, a, phase=phase, heading=heading))

    plain = step(qpos, qvel, action)
    mirror = step(*mirrored_state(qpos, qvel), sign * action[perm])
    expected = mirrored_state(*plain)
    # The robot's own inertias are not exactly symmetric (about 1e-3 of the mass sits off-centre).
    np.testing.assert_allclose(mirror[0], expected[0], atol=2e-3)
    direct = phi(*expected, sign * action[perm], 0.7, -0.4)
    through = phi_sign * phi(*plain, action, 0.2, 0.4)[phi_perm]
    np.testing.assert_allclose(direct, through, atol=1e-5)


def test_features_without_a_mirror_image_are_refused():
    with pytest.raises(ValueError, match="door"):
        feature_mirror([ft.feature("door")])
