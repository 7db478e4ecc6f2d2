"""A recorded episode run again in simulation: the same bundle, commands and timing, a simulated robot in closed loop.

`replay` feeds the recorded observations to a new controller; here the observations are the simulation's own. Where the
two flights part says where the record saw something that the simulation does not know: a push, a fault, a machine that
was late, or, for a record of a real robot, the robot itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike, fspath
from typing import Any

import mujoco
import numpy as np

from .. import _core
from ..errors import UserError
from ..evaluate.observation import Observer, StateReader
from ..plants.h1 import build
from ..plants.robot import H1
from ..plants.servo import Servo
from .flight import Flight, bundles_for

BASE_M, JOINT_RAD = 0.05, 0.1  # further apart than this is another episode
BEFORE_STEP_NS = 300_000  # a command younger than this when an observation is stamped came after that step of physics


@dataclass
class Rerun:
    """What came of it.

    Attributes:
        ticks, seconds: how much was run again.
        identical_ticks: leading ticks whose observations have the same bits.
        parted_s: when the base was first 5 cm, or a joint 0.1 rad, from where it was; None if never.
        parted_what: "base" or the joint's name; "" if never.
        base_m, joint_rad: the largest distances before that.
        end_m: distance of the bases at the end.
        recorded_height_m, rerun_height_m: of the base at the end.
        tracks: one row a tick: t (s), and of both flights base (m) and joints (rad).
    """

    ticks: int = 0
    seconds: float = 0.0
    identical_ticks: int = 0
    parted_s: float | None = None
    parted_what: str = ""
    base_m: float = 0.0
    joint_rad: float = 0.0
    end_m: float = 0.0
    recorded_height_m: float = 0.0
    rerun_height_m: float = 0.0
    tracks: dict[str, np.ndarray] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All but the tracks."""
        values = asdict(self)
        del values["tracks"]
        return values

    def __str__(self) -> str:
        """One line."""
        near = f"at most {1e3 * self.base_m:.1f} mm and {self.joint_rad:.3f} rad apart"
        if self.parted_s is None:
            return f"re-run in simulation: the same episode, {self.seconds:.1f} s, {near}"
        return (
            f"re-run in simulation: parts after {self.parted_s:.3f} s of {self.seconds:.1f} s ({self.parted_what}), "
            f"before that {near}; at the end the base is {self.end_m:.2f} m away, {self.rerun_height_m:.2f} m high "
            f"(recorded: {self.recorded_height_m:.2f} m)"
        )


def rerun(path: str | PathLike[str], given: Sequence[str | PathLike[str]] = ()) -> Rerun:
    """Runs a recorded episode again on a simulated robot, from the state that the first tick observed.

    Skill commands, swaps, stops, re-arms, missed deadlines and tick times are the recorded ones. Plans are made anew,
    without a deadline, where the record has any. The robot makes one step of physics for every 2 ms between the stamps
    of the recorded observations.

    Args:
        path: the MCAP file.
        given: the bundle it was recorded with and those that were swapped in; empty: the shipped ones.

    Raises:
        UserError: no such file, not the right bundle, not the robot that is simulated, or nothing to run.
        Error: the file is damaged, or its keyframe is of another build.
    """
    flight = Flight.open(path)
    if flight.information["robot"] != H1.name or flight.joints != list(H1.joints):
        robot = flight.information["robot"]
        raise UserError(f"{flight.path.name}: only flights of the {H1.name} can be run again, this is of the {robot}")
    bundles = {bundle.digest: bundle for bundle in bundles_for(flight, given)}
    events = _core.flight_events(fspath(flight.path))
    columns = flight.ticks()
    if (
        not events
        or events[0][0] >= len(columns["t_ns"])
        or not np.isfinite(columns["observation"][events[0][0]]).all()
    ):
        raise UserError(f"{flight.path.name}: no keyframe with a valid observation after it, so nothing to run again")
    return _compared(flight, columns, events[0][0], _flown(flight, bundles, events, columns))


class _Robot:
    """The simulated robot, put where a recorded observation says it was."""

    def __init__(self, flight: Flight, observation: np.ndarray):
        def term(name: str) -> np.ndarray:
            where = flight.term(name)
            return np.zeros(0) if where is None else observation[where]

        door = bool(term("door_present").any())
        self.model = build("door" if door else "floor")
        self.data = mujoco.MjData(self.model)
        self._goal = term("goal_pos") if len(term("goal_pos")) else np.zeros(3)
        self._servo, self._reader = Servo(self.model), StateReader(self.model)
        terms = [(e.rsplit(":", 1)[0], int(e.rsplit(":", 1)[1])) for e in flight.information["observation"].split(",")]
        self._observer = Observer(terms, self._reader.names)
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        state = term("door") if door else np.zeros(0)
        half = len(state) // 2
        self.data.qpos[:] = np.concatenate([term("base_pos"), term("base_quat"), term("joint_pos"), state[:half]])
        self.data.qvel[:] = np.concatenate(
            [term("base_lin_vel"), term("base_ang_vel"), term("joint_vel"), state[half:]]
        )
        self.data.ctrl[:] = self.model.key_qpos[0][7 : 7 + self.model.nu]
        mujoco.mj_forward(self.model, self.data)

    def step(self, command: _core.Command | None) -> None:
        if command is not None:
            self._servo.apply(self.data, command)
        mujoco.mj_step(self.model, self.data)

    def observation(self) -> np.ndarray:
        return self._observer.fill(self._reader.read(self.data, self._goal)).copy()


def _flown(flight: Flight, bundles: dict[str, _core.Bundle], events: list, columns: dict) -> np.ndarray:
    """The observations of the new flight, one row a tick."""
    first, bundle = events[0][0], bundles[flight.information["bundle_digest"]]
    controller = _core.Controller(
        bundle,
        alpha=float(flight.information["alpha"]),
        **{key: flight.information[key] == "1" for key in ("use_semantic", "use_gate", "sensor_checks")},
    )
    _core.restore(controller, events[0][2])
    kinds = {kind for _, kind, _ in events}
    planner = _core.MppiPlanner(bundle, seed=int(flight.information["seed"])) if kinds & {"plan", "tick_plan"} else None
    if planner is not None and "tick_plan" in kinds:
        controller.set_planner(planner)
        planner = None
    recorded, t_ns, seen_ns = columns["observation"], columns["t_ns"], columns["observation_t_ns"]
    robot = _Robot(flight, recorded[first])
    now, out = robot.observation(), np.empty_like(recorded)
    pending = deque(events[1:])
    commands: deque[tuple[int, _core.Command]] = deque()  # those that a step of physics may still read
    begun_ns, steps, in_force = None, 0, None
    for i in range(first, len(t_ns)):
        while pending and pending[0][0] <= i:
            _apply(controller, bundles, *pending.popleft()[1:])
        # Physics waits while the recorded robot stood still to the bit: before its first command it is held.
        if begun_ns is None and i > first and not np.array_equal(recorded[i], recorded[first], equal_nan=True):
            begun_ns = int(seen_ns[i]) - round(robot.model.opt.timestep * 1e9)
        while begun_ns is not None and steps < round((seen_ns[i] - begun_ns) * 1e-9 / robot.model.opt.timestep):
            while commands and commands[0][0] < seen_ns[i] - BEFORE_STEP_NS:
                in_force = commands.popleft()[1]
            robot.step(in_force)
            now, steps = robot.observation(), steps + 1
        out[i] = now
        command = controller.step(int(t_ns[i]), now, int(seen_ns[i]))
        commands.append((int(t_ns[i]), command))
        if planner is not None:
            _core.answer_request(controller, planner)
    return out


def _apply(controller: _core.Controller, bundles: dict[str, _core.Bundle], kind: str, value: Any) -> None:
    if kind == "command":
        controller.post_command(value)
    elif kind == "missed":
        _core.report_timing(controller, value)
    elif kind == "stop":
        controller.request_stop()
    elif kind == "rearm":
        controller.rearm()
    elif kind == "reset":
        controller.reset()
    elif kind == "swap":
        if value not in bundles:
            raise UserError(f"a bundle of SHA-256 {value[:12]} was swapped in; name it too with --bundle")
        controller.swap(bundles[value])


def _compared(flight: Flight, columns: dict, first: int, flown: np.ndarray) -> Rerun:
    recorded, flown = columns["observation"][first:], flown[first:]
    t = (columns["t_ns"][first:] - columns["t_ns"][first]) * 1e-9
    base, joints = flight.term("base_pos"), flight.term("joint_pos")
    with np.errstate(invalid="ignore"):
        apart = np.linalg.norm(recorded[:, base] - flown[:, base], axis=1)
        turned = np.abs(recorded[:, joints] - flown[:, joints])
    apart, turned = np.nan_to_num(apart), np.nan_to_num(turned)  # a NaN in the record says nothing about the robot
    same = (recorded == flown).all(axis=1)
    out = Rerun(len(t), float(t[-1]), int(len(t) if same.all() else np.argmin(same)))
    beyond = (apart > BASE_M) | (turned > JOINT_RAD).any(axis=1)
    until = len(t)
    if beyond.any():
        until = int(np.argmax(beyond))
        out.parted_s = float(t[until])
        out.parted_what = "base" if apart[until] > BASE_M else flight.joints[int(np.argmax(turned[until]))]
    out.base_m, out.joint_rad = (float(a[:until].max(initial=0.0)) for a in (apart, turned))
    out.end_m = float(apart[-1])
    out.recorded_height_m, out.rerun_height_m = float(recorded[-1, base][2]), float(flown[-1, base][2])
    out.tracks = {
        "t": t,
        "base": recorded[:, base],
        "rerun_base": flown[:, base],
        "joints": recorded[:, joints],
        "rerun_joints": flown[:, joints],
    }
    return out
