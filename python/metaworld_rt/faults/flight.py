"""One flight: the robot walks, a fault comes at a given phase of the gait, and everything that leaves is checked.

Simulated time throughout: one controller tick a millisecond, one physics step every other tick, no wall clock, so the
same repetition gives the same result on every machine of one instruction set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from .. import _core
from ..evaluate.observation import Observer, StateReader
from ..plants.h1 import build
from ..plants.realtime import PELVIS_DOWN, TORSO_DOWN
from ..plants.servo import Servo

if TYPE_CHECKING:
    from .catalogue import Fault

TICK_NS = 1_000_000
START_NS = 1_000_000_000_000
WALK_IN_S = 1.5  # from the keyframe to a steady gait
AFTER_S = 2.0  # watched after the fault has ended


@dataclass(frozen=True)
class Walk:
    """What is flown, shared by flights: the bundle, its plant, and how fast it walks undisturbed (m/s).

    The planner flies along: the bundle's own where it has a world model, else one that follows the experts.
    """

    bundle: _core.Bundle
    model: mujoco.MjModel
    skill: str = "walk"
    speed: float = 1.0
    gait_s: float = 0.8

    @classmethod
    def of(cls, bundle: _core.Bundle, skill: str = "walk") -> Walk:
        """Builds the plant and measures the undisturbed speed."""
        gait = bundle.phase_periods.get(skill) or 0.8
        walk = cls(bundle, build("floor"), skill, 1.0, gait)
        clean = fly(walk, None, 0)
        return cls(bundle, walk.model, skill, clean.speed, gait)


@dataclass
class FlightResult:
    """What came of one flight.

    Attributes:
        outcome: "walked on" (upright, running, at three quarters of its speed or more at the end), "degraded" (upright
            and not stopped, but slower or holding), "stopped" (controlled stop), "fell" (without one), in this order
            of precedence: a stop is a stop even though the robot sinks to the ground under it.
        rungs: counters over the flight.
        non_finite, beyond_limits, too_fast: commands that broke a promise; must all be 0.
        speed: m/s forward over the last second.
        stop_ms: from the fault's start to the controlled stop; None without one.
        fell_s: when it went down, s since the fault's start; None if it did not.
    """

    outcome: str = ""
    rungs: dict[str, int] = field(default_factory=dict)
    non_finite: int = 0
    beyond_limits: int = 0
    too_fast: int = 0
    speed: float = 0.0
    stop_ms: float | None = None
    fell_s: float | None = None
    swaps: int = 0

    @property
    def clean(self) -> bool:
        """Whether no command was non-finite or beyond a limit."""
        return not (self.non_finite or self.beyond_limits or self.too_fast)


class Plant:
    """The robot and its sensors in lockstep, 2 ms a step."""

    def __init__(self, walk: Walk, seed: int):
        self.model = walk.model
        self.data = mujoco.MjData(self.model)
        self._servo = Servo(self.model)
        self._reader = StateReader(self.model)
        self._observer = Observer(walk.bundle.observation, self._reader.names)
        self._torso = self.model.body("torso_link").id
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        self.data.qpos[2:] += np.random.default_rng(seed).uniform(-0.005, 0.005, self.model.nq - 2)
        mujoco.mj_forward(self.model, self.data)

    def step(self, command) -> None:
        """One physics step under a command."""
        self._servo.apply(self.data, command)
        mujoco.mj_step(self.model, self.data)

    def observation(self) -> np.ndarray:
        """A new array with what the sensors say now."""
        return self._observer.fill(self._reader.read(self.data, np.zeros(3))).copy()

    @property
    def x(self) -> float:
        """Forward position, m."""
        return float(self.data.qpos[0])

    @property
    def down(self) -> bool:
        """Whether the robot has fallen."""
        return bool(self.data.qpos[2] < PELVIS_DOWN or self.data.xmat[self._torso, 8] < TORSO_DOWN)


class Check:
    """Counts commands that break what the controller promises."""

    def __init__(self, bundle: _core.Bundle, result: FlightResult):
        self._bundle, self._result = bundle, result
        self._lower, self._upper = bundle.lower, bundle.upper
        # A late tick may move as far as one decision's worth, no further.
        self._rate, self._most_s = bundle.command_rate, 1.0 / bundle.decision_hz
        self._last: np.ndarray | None = None
        self._last_s = 0.0

    def take(self, command, t_s: float) -> None:
        """Looks at one command, taken at `t_s` of true time."""
        result = self._result
        q = command.q
        finite = all(np.isfinite(a).all() for a in (q, command.kp, command.kd))
        result.non_finite += not finite
        if not finite:
            return
        result.beyond_limits += bool(((q < self._lower) | (q > self._upper)).any())
        if command.mode == _core.CommandMode.position and self._last is not None:
            dt = min(max(t_s - self._last_s, 1e-3), self._most_s)
            result.too_fast += bool((np.abs(q - self._last) > self._rate * dt * (1 + 1e-9) + 1e-12).any())
        self._last = q if command.mode == _core.CommandMode.position else None
        self._last_s = t_s


def fly(walk: Walk, fault: Fault | None, repetition: int, of: int = 20) -> FlightResult:
    """One flight.

    Args:
        walk: what is flown.
        fault: what goes wrong; None for nothing.
        repetition: 0..of-1: the fault begins at this part of a gait cycle, and seeds follow from it.
        of: repetitions in all.
    """
    result = FlightResult()
    start = round((WALK_IN_S + walk.gait_s * repetition / of) * 1000)
    length = fault.length_ms if fault else 0
    total = start + length + round(AFTER_S * 1000)
    plant = Plant(walk, repetition)
    controller = _core.Controller(walk.bundle)
    controller.post_command(_command(walk))
    planner = _planner(walk)
    check = Check(walk.bundle, result)
    state = fault.begin(walk, repetition) if fault else None
    newest = (START_NS, plant.observation())
    command, speeds = None, []
    for i in range(total):
        inside = start <= i < start + length
        if i % 2 == 0:
            if command is not None:
                plant.step(command)
            sample = (START_NS + i * TICK_NS, plant.observation())
            newest = state.sense(i - start, sample, newest) if inside else sample
        if inside and state.starved(i - start):
            continue
        if state is not None and i >= start:
            state.act(controller, i - start)
        jump = state.clock_ns(i - start) if inside or (state is not None and i >= start) else 0
        t, seen = START_NS + i * TICK_NS + jump, newest
        command = controller.step(t, seen[1], seen[0] + jump)
        check.take(command, i * 1e-3)
        if not (inside and state.planner_silent(i - start)) and not _killed(state, i - start):
            _core.answer_request(controller, planner)
        _watch(result, plant, controller, i - start)
        if i % 1000 == 999 or i == total - 1001:
            speeds.append((i, plant.x))
    result.rungs = {name: count for name, count in controller.statistics()["rungs"].items() if count}
    result.speed = _last_speed(speeds, plant.x, total)
    result.outcome = _outcome(result, walk, controller)
    return result


def _killed(state, ms: int) -> bool:
    return state is not None and ms >= 0 and state.planner_dead


def _watch(result: FlightResult, plant: Plant, controller: _core.Controller, ms: int) -> None:
    if ms % 10:
        return
    if result.stop_ms is None and controller.status.mode == _core.Mode.stopped:
        result.stop_ms = float(ms)
    if result.fell_s is None and plant.down:
        result.fell_s = ms * 1e-3


def _last_speed(speeds: list[tuple[int, float]], x: float, total: int) -> float:
    i, then = next((i, p) for i, p in speeds if i == total - 1001)
    return (x - then) / ((total - 1 - i) * 1e-3)


def _outcome(result: FlightResult, walk: Walk, controller: _core.Controller) -> str:
    if result.rungs.get("controlled_stop"):
        return "stopped"
    if result.fell_s is not None:
        return "fell"
    good = controller.status.mode == _core.Mode.running and result.speed >= 0.75 * walk.speed
    return "walked on" if good else "degraded"


def _command(walk: Walk) -> _core.SkillCommand:
    weights = [1.0 if name == walk.skill else 0.0 for name in walk.bundle.skills]
    # Alpha 1: the fault is what is looked at, not the gate. The speed is the skill's own.
    stage = _core.Stage(weights, 1.0, _core.Goal(0.0, 1.0))
    return _core.SkillCommand([stage], 0, 60_000_000_000, 1)


def _planner(walk: Walk):
    if walk.bundle.planner is not None:
        return _core.MppiPlanner(walk.bundle, seed=0)
    return _core.ReferencePlanner(walk.bundle)
