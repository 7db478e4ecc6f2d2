"""The quick part of the fault matrix: one flight a fault. All twenty: benchmarks/fault_matrix.py."""

import numpy as np
import pytest

import metaworld_rt as mw
from metaworld_rt import _core
from metaworld_rt.faults import FAULTS, Walk, fly
from metaworld_rt.faults.catalogue import NotANumber, State
from metaworld_rt.faults.flight import Check, FlightResult


@pytest.fixture(scope="module")
def walk():
    return Walk.of(mw.load("h1-locomotion"))


def test_walks_undisturbed_at_about_a_metre_a_second(walk):
    result = fly(walk, None, 0)
    assert result.outcome == "walked on"
    assert result.clean
    assert 0.7 < result.speed < 1.5
    assert set(result.rungs) <= {"output_clamped"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(walk, fault):
    result = fly(walk, fault, repetition=FAULTS.index(fault) % 20)
    assert result.clean
    assert result.outcome in fault.may
    assert all(result.rungs.get(rung) for rung in fault.counts), result.rungs
    assert not any(result.rungs.get(rung) for rung in fault.silent), result.rungs


def test_the_same_flight_gives_the_same_result(walk):
    fault = next(fault for fault in FAULTS if fault.name == "observations dropped 20 %")
    assert fly(walk, fault, 3) == fly(walk, fault, 3)


def test_a_swap_reaches_the_tick(walk, tmp_path):
    """What "bundle swapped" rests on: the record says that the loop took the bundle."""
    controller = _core.Controller(walk.bundle, sensor_checks=False)
    recorder = _core.FlightRecorder(controller, file=str(tmp_path / "f.mcap"))
    observation = _standing(walk.bundle)
    for i in range(100):
        if i == 50:
            controller.swap(walk.bundle)
        controller.step(1_000_000 * (i + 1), observation)
    recorder.stop()
    found = _core.replay(str(tmp_path / "f.mcap"), [walk.bundle])
    assert found["swaps"] == 1
    assert found["bit_identical"]


def test_the_check_sees_what_it_is_there_for(walk):
    """A checker that cannot fail proves nothing."""
    bundle = walk.bundle
    result = FlightResult()
    check = Check(bundle, result)

    class Command:
        mode = _core.CommandMode.position
        q = bundle.default_pos.copy()
        kp, kd = bundle.stiffness, bundle.damping

    command = Command()
    check.take(command, 0.0)
    assert result.clean
    knee = bundle.joints.index("left_knee")
    command.q = bundle.default_pos.copy()
    command.q[knee] += 1.5e-3 * bundle.command_rate[knee]
    check.take(command, 0.001)
    assert result.too_fast == 1
    command.q = bundle.upper + 0.01
    check.take(command, 1.0)
    assert result.beyond_limits == 1
    command.q = bundle.default_pos * float("nan")
    check.take(command, 1.001)
    assert result.non_finite == 1


def test_faults_do_what_their_names_say(walk):
    by_name = {fault.name: fault for fault in FAULTS}
    sample, newest = (2_000_000, _standing(walk.bundle)), (0, _standing(walk.bundle))
    assert np.isnan(NotANumber(walk, 0).sense(0, sample, newest)[1]).all()
    delayed = by_name["observation delayed 5 ms"].begin(walk, 0)
    assert delayed.sense(0, sample, newest) is newest
    assert delayed.sense(6, (8_000_000, sample[1]), newest)[0] == 2_000_000
    dropped = by_name["observations dropped 20 %"].begin(walk, 0)
    lost = sum(dropped.sense(ms, sample, newest) is newest for ms in range(5000))
    assert 850 < lost < 1150
    assert State(walk, 0).sense(0, sample, newest) is sample


def _standing(bundle):
    out = np.zeros(bundle.observation_size)
    out[2], out[3] = 0.98, 1.0
    out[7 : 7 + len(bundle.joints)] = bundle.default_pos
    return out
