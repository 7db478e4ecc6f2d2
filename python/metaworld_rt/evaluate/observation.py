"""The flat observation that a bundle asks for, out of named terms. Shared by every plant that feeds a controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from ..errors import UserError
from ..plants.robot import H1


class Observer:
    """Fills one flat float64 vector from named terms (docs/bundle.md). Not thread-safe: the vector is reused.

    Raises:
        UserError: the bundle asks for a term that `available` lacks.
    """

    def __init__(self, terms: Sequence[tuple[str, int]], available: Sequence[str]):
        missing = [name for name, _ in terms if name not in available]
        if missing:
            raise UserError(f"this task cannot observe {', '.join(missing)}, which the bundle asks for")
        self._slices: dict[str, slice] = {}
        start = 0
        for name, size in terms:
            self._slices[name] = slice(start, start + size)
            start += size
        self.vector = np.zeros(start)

    def fill(self, terms: Mapping[str, np.ndarray | float]) -> np.ndarray:
        """The vector, overwritten with these terms; it is valid until the next call."""
        for name, where in self._slices.items():
            self.vector[where] = terms[name]
        return self.vector


class StateReader:
    """Named terms out of a MuJoCo state: what a robot's own sensors and the task's markers would say.

    Hand positions come from the sensors and so lag the joints by one 2 ms substep, as in the benchmark.
    """

    def __init__(self, model: mujoco.MjModel):
        n = H1.n
        self._joints, self._rates = slice(7, 7 + n), slice(6, 6 + n)
        self._door = model.nq == 7 + n + 2
        self._hands = {}
        for side in ("left", "right"):
            address = int(model.sensor(f"{side}_hand_pos").adr[0])
            self._hands[f"{side}_hand_pos"] = slice(address, address + 3)

    @property
    def names(self) -> list[str]:
        """Every term that `read` gives."""
        base = ["base_pos", "base_quat", "joint_pos", "base_lin_vel", "base_ang_vel", "joint_vel"]
        return [*base, *self._hands, "goal_pos", "door", "door_present"]

    def read(self, data: mujoco.MjData, goal: np.ndarray) -> dict[str, np.ndarray | float]:
        """The terms of a state; a task without a door gives a closed one."""
        qpos, qvel = data.qpos, data.qvel
        n = H1.n
        door = np.array([*qpos[7 + n :], *qvel[6 + n :]]) if self._door else np.zeros(4)
        return {
            "base_pos": qpos[0:3],
            "base_quat": qpos[3:7],
            "joint_pos": qpos[self._joints],
            "base_lin_vel": qvel[0:3],
            "base_ang_vel": qvel[3:6],
            "joint_vel": qvel[self._rates],
            **{name: data.sensordata[where] for name, where in self._hands.items()},
            "goal_pos": goal,
            "door": door,
            "door_present": float(self._door),
        }
