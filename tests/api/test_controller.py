"""mw.Controller: what goes in is checked, what comes out is safe, and the same calls give the same bits."""

import threading

import numpy as np
import pytest

import metaworld_rt as mw

TICK = 1_000_000


def steps(controller, observation, count, start=0):
    return [controller.step(start + k * TICK, observation) for k in range(count)]


def test_command_has_the_bundles_sizes_and_stays_in_limits(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    controller.post("walk")
    for command in steps(controller, standing, 200):
        assert command.mode == mw.CommandMode.position
        assert command.q.shape == command.kp.shape == command.kd.shape == (19,)
        assert np.all(command.q >= bundle.lower - 1e-12)
        assert np.all(command.q <= bundle.upper + 1e-12)
        np.testing.assert_array_equal(command.kp, bundle.stiffness)
    status = controller.status
    assert status.tick == 199 or status.tick == 200
    assert status.mixture.shape == (3,)
    assert status.action.shape == (19,)
    assert status.mixture.sum() == pytest.approx(1.0, abs=1e-4)


def test_same_calls_give_the_same_bits(bundle, standing):
    def flight():
        controller = mw.Controller(bundle, sensor_checks=False)
        controller.post({"walk": 0.5, "run": 0.5}, speed=1.0)
        return np.array([command.q for command in steps(controller, standing, 300)])

    np.testing.assert_array_equal(flight(), flight())


def test_reset_is_as_new(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    first = [command.q for command in steps(controller, standing, 50)]
    controller.post("run")
    steps(controller, standing, 50, start=50 * TICK)
    controller.reset()
    np.testing.assert_array_equal(first, [command.q for command in steps(controller, standing, 50)])


def test_safe_skill_is_in_force_before_any_command(bundle, standing):
    controller = mw.Controller(bundle, use_gate=False, sensor_checks=False)
    steps(controller, standing, 100)
    assert controller.status.mixture[bundle.skills.index(bundle.safe_skill)] == pytest.approx(1.0)


def test_posted_weights_are_reached(bundle, standing):
    controller = mw.Controller(bundle, use_gate=False, sensor_checks=False)
    controller.post({"walk": 3.0, "run": 1.0})
    steps(controller, standing, 1000)
    np.testing.assert_allclose(controller.status.mixture, [0.0, 0.75, 0.25], atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ([0.0] * 51, TypeError, "numpy float64 array"),
        (np.zeros(51, np.float32), TypeError, "float64"),
        (np.zeros(51, int), TypeError, "float64"),
        (np.zeros(51, ">f8"), TypeError, "float64"),
        (np.zeros(50), ValueError, r"shape \(51,\)"),
        (np.zeros((1, 51)), ValueError, r"shape \(51,\)"),
        (np.zeros((51, 1)), ValueError, r"shape \(51,\)"),
        (np.zeros(102)[::2], ValueError, "contiguous"),
        (None, TypeError, "numpy float64 array"),
        ("walk", TypeError, "numpy float64 array"),
    ],
)
def test_wrong_observations_are_refused(bundle, standing, wrong, error, text):
    controller = mw.Controller(bundle)
    with pytest.raises(error, match=text):
        controller.step(0, wrong)
    controller.step(0, standing)  # nothing is left half-done
    assert controller.statistics()["ticks"] == 1


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_non_finite_observations_are_met_by_the_ladder(bundle, standing, poison):
    controller = mw.Controller(bundle, sensor_checks=False)
    steps(controller, standing, 50)
    bad = standing.copy()
    bad[10] = poison
    for command in steps(controller, bad, 20, start=50 * TICK):
        assert np.isfinite(command.q).all()
    assert controller.status.rungs["observation_invalid"] == 20
    assert controller.status.mode != mw.Mode.running


@pytest.mark.parametrize(
    ("skills", "text"),
    [
        ("fly", "no skill named 'fly'"),
        ({}, "at least one weight"),
        ({"walk": -1.0}, "negative"),
        ({"walk": float("nan")}, "not finite"),
        ({"walk": 0.0}, "zero"),
        ({"walk": "much"}, "number"),
    ],
)
def test_wrong_skills_are_refused_where_they_are_posted(bundle, skills, text):
    with pytest.raises(ValueError, match=text):
        mw.Controller(bundle).post(skills)


def test_invalid_command_is_refused_by_the_tick(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    controller.post_command(mw.SkillCommand([mw.Stage([2.0, -1.0, 0.0])]))
    steps(controller, standing, 5)
    assert controller.status.rungs["semantic_rejected"] == 1


def test_value_types_check_their_sizes():
    with pytest.raises(ValueError, match="at most 32 weights"):
        mw.Stage([0.0] * 33)
    with pytest.raises(ValueError, match="1 to 8 stages"):
        mw.SkillCommand([])
    with pytest.raises(ValueError, match="1 to 8 stages"):
        mw.SkillCommand([mw.Stage([1.0])] * 9)
    assert mw.Goal().target is None
    assert mw.Goal(target=[1, 2, 3]).target == [1.0, 2.0, 3.0]


def test_stop_is_damping_until_rearmed(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    steps(controller, standing, 50)
    controller.request_stop()
    command = controller.step(50 * TICK, standing)
    assert command.mode == mw.CommandMode.damping
    np.testing.assert_array_equal(command.kp, 0.0)
    np.testing.assert_array_equal(command.kd, bundle.stop_damping)
    assert steps(controller, standing, 100, start=51 * TICK)[-1].mode == mw.CommandMode.damping
    controller.rearm()
    assert steps(controller, standing, 10, start=200 * TICK)[-1].mode == mw.CommandMode.position


def test_two_threads_cannot_step_one_controller(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    loop = mw.RealtimeLoop(controller, priority=0, lock_memory=False)
    loop.start()
    try:
        with pytest.raises(RuntimeError, match="stepping this controller"):
            controller.step(0, standing)
        with pytest.raises(RuntimeError, match="stepping this controller"):
            mw.RealtimeLoop(controller).start()
    finally:
        loop.stop()
        loop.join()
    controller.step(0, standing)


def test_concurrent_steps_are_refused_not_raced(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    refused, done = [], []

    def hammer(offset):
        for k in range(2000):
            try:
                controller.step(k * TICK, standing)
                done.append(k)
            except RuntimeError:
                refused.append(k)

    threads = [threading.Thread(target=hammer, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + len(refused) == 6000
    assert controller.statistics()["ticks"] == len(done)


def test_swap_of_the_same_bundle_keeps_walking(bundle, standing):
    controller = mw.Controller(bundle, use_gate=False, sensor_checks=False)
    controller.post("walk")
    steps(controller, standing, 1000)
    assert controller.swap(bundle) == 1
    steps(controller, standing, 40, start=1000 * TICK)
    assert controller.status.generation == 1
    assert controller.status.mixture[1] == pytest.approx(1.0, abs=1e-4)


def test_options_are_checked(bundle):
    with pytest.raises(ValueError, match="alpha"):
        mw.Controller(bundle, alpha=1.5)
    with pytest.raises(TypeError):
        mw.Controller("h1-locomotion")


def test_measure_counts_decisions(bundle, standing):
    controller = mw.Controller(bundle, sensor_checks=False)
    found = controller.measure(np.tile(standing, (3, 1)), 1000)
    assert found["ticks"] == 1000
    assert found["duration"].count == 1000
    assert found["decisions"].count == 50
    with pytest.raises(ValueError, match="shape"):
        controller.measure(np.zeros((3, 4)), 10)
