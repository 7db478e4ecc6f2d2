import time
from types import SimpleNamespace

import numpy as np
import pytest

from metaworld_rt.plants.disturbance import Disturbances, Push, SensorFault
from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.realtime import MujocoPlant
from metaworld_rt.plants.robot import H1


def command(mode=0, q=None):
    return SimpleNamespace(mode=mode, q=H1.default_pos if q is None else q, kp=H1.stiffness, kd=H1.damping)


def run(seconds, give=None, model=None, **options):
    """Runs a plant and returns (plant, [(t_ns, observation)])."""
    seen = []
    plant = MujocoPlant(
        build() if model is None else model,
        lambda t, obs: seen.append((t, obs.copy())),
        give or (lambda: command()),
        **options,
    )
    with plant:
        time.sleep(seconds)
    assert plant.report.error is None
    return plant, seen


@pytest.fixture(scope="module")
def half_second():
    return run(0.5)


def test_keeps_time_with_the_wall_clock(half_second):
    plant, seen = half_second
    # Generous: test machines are shared. Physics must neither race ahead nor stand still.
    assert 0.2 < plant.report.sim_seconds < 0.55
    assert plant.report.steps == round(plant.report.sim_seconds / 0.002)
    assert len(seen) == plant.report.steps + 1
    times = np.array([t for t, _ in seen])
    assert np.all(np.diff(times) >= 0)
    assert seen[0][1].shape == (51,)
    assert not plant.report.fell


def test_snapshot_and_recording_are_copies(half_second):
    plant, _ = half_second
    t, qpos = plant.snapshot()
    assert t == plant.recording.t[-1]
    qpos[:] = 7
    assert plant.snapshot()[1][0] != 7
    assert len(plant.recording.qpos) == plant.report.steps // 10


def test_servo_law_is_the_commands():
    """One step from rest: joint acceleration follows tau = kp (q - q_now) - kd qd of the command's own gains."""
    model = build(collisions="fast")
    target = H1.default_pos.copy()
    elbow = H1.joints.index("left_elbow")
    target[elbow] += 0.1

    def force(mode, kp):
        given = command(mode, target)
        given.kp = np.full(19, kp)
        plant = MujocoPlant(model, lambda t, obs: None, lambda: given, seed=None)
        plant._step()
        return plant._data.actuator_force[elbow]

    assert force(0, 50.0) == pytest.approx(5.0, abs=1e-6)
    assert force(0, 100.0) == pytest.approx(10.0, abs=1e-6)
    assert force(0, 1000.0) == pytest.approx(18.0, abs=1e-6)  # the torque limit
    assert force(1, 100.0) == pytest.approx(0.0, abs=1e-6)
    assert model.actuator_gainprm[elbow, 0] == H1.stiffness[elbow]  # the caller's model is untouched


def test_non_finite_commands_are_ignored():
    bad = command(q=np.full(19, np.nan))
    _, seen = run(0.1, lambda: bad)
    assert np.isfinite(seen[-1][1]).all()


def test_waits_for_the_first_command():
    plant, seen = run(0.1, lambda: None)
    assert plant.report.steps == 0
    assert len(seen) > 3
    np.testing.assert_array_equal(seen[0][1], seen[-1][1])


def test_a_fall_is_noticed():
    plant, _ = run(2.5, lambda: command(mode=1))  # damping only: it sinks
    assert plant.report.fell
    assert 0 < plant.report.fell_at_s < 2.5


def test_disturbances_reach_the_robot_and_the_sensors():
    faults = [SensorFault("nan", 0.05, 0.02)]
    plant, seen = run(0.2, disturbances=Disturbances([Push(0.02, velocity=(0, 1.0, 0))], faults=faults), seed=None)
    assert plant.snapshot()[1][1] > 0.005
    poisoned = [np.isnan(obs).any() for _, obs in seen]
    assert 5 < sum(poisoned) < 15
    assert np.isfinite(plant.snapshot()[1]).all()


def test_reward_is_taken_at_the_decision_rate():
    plant, _ = run(0.2, reward=lambda data: 2.0)
    assert set(plant.recording.reward) == {2.0}
    assert len(plant.recording.reward) == len(plant.recording.t)


def test_an_error_in_a_callback_ends_up_in_the_report():
    def broken(t, obs):
        raise OSError("no link")

    plant = MujocoPlant(build(), broken, lambda: command())
    plant.start()
    time.sleep(0.1)
    assert plant.stop().error == "OSError: no link"
    with pytest.raises(RuntimeError, match="started before"):
        plant.start()
