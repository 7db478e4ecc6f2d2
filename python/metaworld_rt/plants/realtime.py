"""The simulated H1 in real time: its own thread, paced by the wall clock, coupled as firmware would be."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco
import numpy as np

from metaworld_rt.plants.disturbance import Disturbances
from metaworld_rt.plants.h1 import SUBSTEPS
from metaworld_rt.plants.servo import CommandLike, Servo

TORSO_DOWN = 0.3
PELVIS_DOWN = 0.5
GIVE_UP_BEHIND_S = 0.25


@dataclass
class PlantReport:
    """What a run of the plant came to.

    Attributes:
        steps: physics steps made.
        late_steps: steps that began more than one period after they were due.
        slipped_s: wall time given up because the machine could not keep pace (physics then ran slower than time).
        sim_seconds: simulated time.
        fell: the pelvis sank below 0.5 m or the torso leaned past about 73 degrees.
        fell_at_s: when; None if it did not.
        distance: m, horizontal, from the start to the end.
        error: why the thread ended early; None if it did not.
    """

    steps: int = 0
    late_steps: int = 0
    slipped_s: float = 0.0
    sim_seconds: float = 0.0
    fell: bool = False
    fell_at_s: float | None = None
    distance: float = 0.0
    error: str | None = None


@dataclass
class Recording:
    """States at the decision rate: times (s), qpos rows (nq,) and rewards, for reports and videos."""

    t: list[float] = field(default_factory=list)
    qpos: list[np.ndarray] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)


class MujocoPlant:
    """Physics in its own thread at the model's time step.

    Every step: the newest command is read, the physics advances 2 ms, the newest observation goes out with the
    time it was taken. Neither callback may block. Real-time class: soft; the physics call itself holds no Python
    lock, so a C++ servo loop is never stalled by it.

    Args:
        model: built by `metaworld_rt.plants.h1.build`; copied, the original stays untouched.
        on_observation: called with (t_ns, observation) after every step, on the physics thread; the array is valid
            during the call only. t_ns is `clock_ns`'s time.
        get_command: gives the newest command, or None before the first: then the keyframe's pose is held.
        observe: MjData -> flat float64 observation; default [qpos, qvel] of the robot without the door's joints.
        reward: MjData -> reward of a decision, called at 50 Hz; None for none.
        disturbances: what goes wrong; None for nothing.
        seed: of the reset noise; None resets to the exact keyframe.
        clock_ns: monotonic clock, ns; the controller's times must be of the same clock.
        frozen_until_command: do not let time pass before the first command, so that the robot cannot fall unattended.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        on_observation: Callable[[int, np.ndarray], None],
        get_command: Callable[[], CommandLike | None],
        *,
        observe: Callable[[mujoco.MjData], np.ndarray] | None = None,
        reward: Callable[[mujoco.MjData], float] | None = None,
        disturbances: Disturbances | None = None,
        seed: int | None = 0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        frozen_until_command: bool = True,
    ) -> None:
        self.model = copy.copy(model)
        self._data = mujoco.MjData(self.model)
        self._on_observation, self._get_command = on_observation, get_command
        self._observe = observe or robot_state
        self._reward = reward
        self._disturbances = disturbances
        self._clock_ns = clock_ns
        self._frozen_until_command = frozen_until_command
        self._servo = Servo(self.model)
        self.report, self.recording = PlantReport(), Recording()
        self._torso = self.model.body("torso_link").id
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        mujoco.mj_resetDataKeyframe(self.model, self._data, 0)
        if seed is not None:
            self._data.qpos += np.random.default_rng(seed).uniform(-0.01, 0.01, self.model.nq)
        if disturbances is not None:
            disturbances.change_model(self.model)
        self._data.ctrl[:] = self.model.key_qpos[0][7 : 7 + self.model.nu]
        mujoco.mj_forward(self.model, self._data)
        self._start_xy = self._data.qpos[:2].copy()
        self._snapshot = (0.0, self._data.qpos.copy())

    def __enter__(self) -> MujocoPlant:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins the run.

        Raises:
            RuntimeError: it was started before; a plant runs once.
        """
        if self._thread is not None:
            raise RuntimeError("this plant was started before: build a new one for another run")
        self._thread = threading.Thread(target=self._run, name="plant", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> PlantReport:
        """Ends the run; harmless when repeated or never started."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.report

    @property
    def running(self) -> bool:
        """Whether the physics thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def snapshot(self) -> tuple[float, np.ndarray]:
        """Simulated time (s) and a copy of qpos (nq,), at most 20 ms old; from any thread, never waits on physics."""
        with self._lock:
            t, qpos = self._snapshot
        return t, qpos.copy()

    def _run(self) -> None:
        period_ns = round(self.model.opt.timestep * 1e9)
        try:
            self._publish(0.0)
            if self._frozen_until_command:
                while self._get_command() is None and not self._stop.wait(0.001):
                    self._publish(0.0)
            due = self._clock_ns()
            while not self._stop.is_set():
                self._step()
                due += period_ns
                now = self._clock_ns()
                if now < due:
                    time.sleep((due - now) * 1e-9)
                    continue
                if now - due > period_ns:
                    self.report.late_steps += 1
                if now - due > GIVE_UP_BEHIND_S * 1e9:
                    self.report.slipped_s += (now - due) * 1e-9
                    due = now
        except Exception as error:  # noqa: BLE001 - a thread's last words; the owner reads them in the report
            self.report.error = f"{type(error).__name__}: {error}"

    def _step(self) -> None:
        data, report = self._data, self.report
        command = self._get_command()
        if command is not None:
            self._servo.apply(data, command)
        t = report.steps * self.model.opt.timestep
        if self._disturbances is not None:
            self._disturbances.before_step(t, self.model, data)
        mujoco.mj_step(self.model, data)
        report.steps += 1
        t += self.model.opt.timestep
        report.sim_seconds = t
        self._publish(t)
        if report.steps % SUBSTEPS == 0:
            self._note(t)

    def _publish(self, t: float) -> None:
        observation = self._observe(self._data)
        if self._disturbances is not None:
            sensed = self._disturbances.sense(t, observation)
            if sensed is None:
                return
            observation = sensed
        self._on_observation(self._clock_ns(), observation)

    def _note(self, t: float) -> None:
        data, report = self._data, self.report
        qpos = data.qpos.copy()
        self.recording.t.append(t)
        self.recording.qpos.append(qpos)
        if self._reward is not None:
            self.recording.reward.append(float(self._reward(data)))
        with self._lock:
            self._snapshot = (t, qpos)
        report.distance = float(np.linalg.norm(qpos[:2] - self._start_xy))
        down = qpos[2] < PELVIS_DOWN or data.xmat[self._torso, 8] < TORSO_DOWN
        if down and not report.fell:
            report.fell, report.fell_at_s = True, t


def robot_state(data: mujoco.MjData) -> np.ndarray:
    """[qpos, qvel] of the robot alone, (51,) float64, in MuJoCo's order: the default observation of a bundle."""
    return np.concatenate([data.qpos[:26], data.qvel[:25]])
