"""mw.RealtimeLoop: a C++ thread that never waits for Python."""

import time

import numpy as np
import pytest

import metaworld_rt as mw


def started(bundle, **options):
    controller = mw.Controller(bundle)
    return controller, mw.RealtimeLoop(controller, priority=0, lock_memory=False, **options)


def feed(loop, observation, seconds):
    """Observations every 2 ms from this thread, as a plant would; returns the commands that came back."""
    commands, end = [], time.monotonic() + seconds
    noise = np.random.default_rng(0)
    while time.monotonic() < end:
        moving = observation.copy()
        moving[2] += 1e-6 * noise.standard_normal()
        loop.observe(time.monotonic_ns(), moving)
        command = loop.command()
        if command is not None:
            commands.append(command)
        time.sleep(0.002)
    return commands


def test_loop_ticks_at_its_rate_and_ends_with_damping(bundle, standing):
    controller, loop = started(bundle)
    loop.start()
    commands = feed(loop, standing, 0.6)
    assert loop.running
    loop.stop()
    loop.join()
    assert not loop.running
    report = loop.report()
    assert len(commands) > 50
    assert commands[-1].mode == mw.CommandMode.position
    assert report.ticks + report.misses == pytest.approx(600, abs=120)
    assert report.wakeup.count == report.duration.count == report.ticks
    assert loop.command().mode == mw.CommandMode.damping
    assert controller.statistics()["ticks"] == report.ticks


def test_nothing_is_commanded_before_the_first_observation(bundle):
    _, loop = started(bundle)
    loop.start()
    time.sleep(0.1)
    assert loop.command() is None
    loop.stop()
    loop.join()
    assert loop.report().ticks == 0
    assert loop.report().waited_ticks > 0


def test_a_plant_that_falls_silent_is_a_controlled_stop(bundle, standing):
    controller, loop = started(bundle)
    loop.start()
    feed(loop, standing, 0.3)
    time.sleep(0.5)
    loop.stop()
    loop.join()
    rungs = controller.statistics()["rungs"]
    assert rungs["observation_late"] > 0
    assert rungs["controlled_stop"] == 1


def test_duration_ends_the_loop(bundle, standing):
    _, loop = started(bundle, duration_s=0.2)
    loop.start()
    feed(loop, standing, 0.5)
    assert not loop.running
    loop.join()
    assert loop.report().ticks <= 200


def test_wrong_observations_are_refused(bundle, standing):
    _, loop = started(bundle)
    with pytest.raises(ValueError, match="shape"):
        loop.observe(0, standing[:-1])
    with pytest.raises(TypeError, match="float64"):
        loop.observe(0, standing.astype(np.float32))


def test_bad_options_and_a_second_start_are_refused(bundle):
    with pytest.raises(mw.Error):
        mw.RealtimeLoop(mw.Controller(bundle), rate_hz=-5.0)
    _, loop = started(bundle)
    loop.start()
    with pytest.raises((mw.Error, RuntimeError)):
        loop.start()
    loop.stop()
    loop.join()


def test_dropping_a_running_loop_ends_it(bundle, standing):
    controller, loop = started(bundle)
    loop.start()
    feed(loop, standing, 0.05)
    del loop
    controller.step(time.monotonic_ns(), standing)  # free again


def test_clock_is_pythons_monotonic_clock():
    assert abs(mw._core.monotonic_ns() - time.monotonic_ns()) < 50_000_000
