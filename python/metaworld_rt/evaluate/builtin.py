"""Episodes of our own tasks, stepped in lockstep with the controller: one decision, ten physics substeps."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from .. import _core
from ..plants import h1
from ..tasks.reach import sample_goal
from ..tasks.signals import SignalReader
from ..tasks.task import EPISODE_DECISIONS, RESET_NOISE, get_task
from .observation import StateReader


@dataclass(frozen=True)
class Outcome:
    """What one decision led to."""

    terms: dict[str, np.ndarray | float]
    reward: float
    terminated: bool


class BuiltinTask:
    """One task of `metaworld_rt.tasks` on its own model, driven by joint commands. Not thread-safe.

    Raises:
        ValueError: an unknown task.
    """

    length = EPISODE_DECISIONS
    decision_s = h1.DECISION_DT

    def __init__(self, name: str):
        self.task = get_task(name)
        self.model = h1.build(self.task.scene)
        self.data = mujoco.MjData(self.model)
        self._signals = SignalReader(self.model)
        self._reader = StateReader(self.model)
        self._goal: np.ndarray | None = None
        self._gains: bytes = b""

    @property
    def observes(self) -> list[str]:
        """Names of the observation terms."""
        return self._reader.names

    @property
    def qpos(self) -> np.ndarray:
        """(nq,) the current state, a copy."""
        return self.data.qpos.copy()

    def reset(self, seed: int) -> dict[str, np.ndarray | float]:
        """The keyframe with U(-0.01, 0.01) on every coordinate, at rest; a new goal where the task has one."""
        rng = np.random.default_rng(seed)
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        self.data.qpos[:] += rng.uniform(-RESET_NOISE, RESET_NOISE, self.model.nq)
        self.data.qvel[:] = 0.0
        self._goal = sample_goal(rng) if self.task.has_goal else None
        mujoco.mj_forward(self.model, self.data)
        return self._reader.read(self.data, self._goal)

    def step(self, command: _core.Command) -> Outcome:
        """Holds a command for one decision (20 ms)."""
        self._apply(command)
        mujoco.mj_step(self.model, self.data, h1.SUBSTEPS)
        # A decision ends as in the benchmark: contact forces are updated, positions are not propagated again.
        mujoco.mj_rnePostConstraint(self.model, self.data)
        signals = self._signals.read(self.data.qpos, self.data.qvel, self.data.sensordata)
        reward = float(self.task.terms(signals, self._goal)["reward"])
        return Outcome(self._reader.read(self.data, self._goal), reward, bool(self.task.terminated(signals)))

    def _apply(self, command: _core.Command) -> None:
        kp, kd = command.kp, command.kd
        if command.mode == _core.CommandMode.damping:
            kp = np.zeros_like(kp)
        gains = kp.tobytes() + kd.tobytes()
        if gains != self._gains:
            self.model.actuator_gainprm[:, 0] = kp
            self.model.actuator_biasprm[:, 1] = -kp
            self.model.actuator_biasprm[:, 2] = -kd
            self._gains = gains
        self.data.ctrl[:] = command.q

    def close(self) -> None:
        """Nothing to free."""
