import numpy as np
import pytest

from metaworld_rt.plants.robot import H1, mirror_permutation


def test_arrays_belong_together():
    for name in ("stiffness", "damping", "max_force", "lower", "upper", "default_pos", "action_scale"):
        array = getattr(H1, name)
        assert array.shape == (19,)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    assert np.all(H1.lower < H1.default_pos)
    assert np.all(H1.default_pos < H1.upper)


def test_right_side_mirrors_left():
    perm, sign = mirror_permutation()
    np.testing.assert_array_equal(sign * H1.default_pos[perm], H1.default_pos)
    flipped = np.where(sign > 0, H1.lower[perm], -H1.upper[perm])
    np.testing.assert_array_equal(flipped, H1.lower)
    q = np.arange(19.0)
    np.testing.assert_array_equal(sign * (sign * q[perm])[perm], q)
    assert H1.joints[perm[0]] == "right_hip_yaw"


def test_target_clamps_action_and_limits():
    assert np.array_equal(H1.target(np.zeros(19)), H1.default_pos)
    top = H1.target(np.full((2, 19), 7.0))
    assert np.array_equal(top[1], np.minimum(H1.default_pos + H1.action_scale, H1.upper))
    ankle = H1.joints.index("left_ankle")
    assert H1.target(-np.ones(19))[ankle] == H1.lower[ankle]


def test_benchmark_action_round_trip():
    rng = np.random.default_rng(0)
    action = rng.uniform(-1, 1, (50, 19))
    np.testing.assert_allclose(H1.benchmark_action(H1.benchmark_target(action)), action, atol=1e-12)
    # Mid-range, not the keyframe, is where the benchmark's zero points.
    knee = H1.joints.index("left_knee")
    assert H1.benchmark_target(np.zeros(19))[knee] == pytest.approx((-0.26 + 2.05) / 2)


def test_action_of_target_inverts_target_inside_the_scale():
    action = np.random.default_rng(1).uniform(-0.25, 0.25, (20, 19))  # small enough for every joint's limits
    np.testing.assert_allclose(H1.action_of_target(H1.target(action)), action, atol=1e-12)
