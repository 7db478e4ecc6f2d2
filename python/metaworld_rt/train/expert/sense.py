"""Observation terms beyond the robot's own state, for a batch: hands, goal, door."""

from __future__ import annotations

import numpy as np

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.signals import SignalReader
from metaworld_rt.tasks.vector import VectorPhysics

_ROBOT_NQ, _ROBOT_NV = 7 + H1.n, 6 + H1.n


class Senses:
    """Keeps the hands' positions of a batch through steps and resets. Not thread-safe."""

    def __init__(self, physics: VectorPhysics) -> None:
        self._physics = physics
        self._reader = SignalReader(physics.model)
        self._door = physics.model.nq > _ROBOT_NQ
        self.left = np.zeros((physics.count, 3))
        self.right = np.zeros((physics.count, 3))
        self.reset(np.arange(physics.count))

    def reset(self, rows: np.ndarray) -> None:
        """Looks where the hands are after the states of some robots were set."""
        if len(rows) == 0:
            return
        p = self._physics
        s = self._reader.read(p.qpos[rows], p.qvel[rows], p.forward(rows))
        self.left[rows], self.right[rows] = s.left_hand, s.right_hand

    def update(self) -> None:
        """Takes the hands from the last step."""
        s = self._physics.signals
        self.left, self.right = s.left_hand.copy(), s.right_hand.copy()

    def terms(self, goal: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """left_hand_pos, right_hand_pos, goal_pos (count, 3), door (count, 4), door_present (count, 1).

        Without a goal its position is the origin, without a door the door's entries are 0, as in the plant.
        """
        p = self._physics
        door = np.zeros((p.count, 4))
        if self._door:
            door = np.concatenate([p.qpos[:, _ROBOT_NQ:], p.qvel[:, _ROBOT_NV:]], axis=-1)
        return {
            "left_hand_pos": self.left,
            "right_hand_pos": self.right,
            "goal_pos": np.zeros((p.count, 3)) if goal is None else goal,
            "door": door,
            "door_present": np.full((p.count, 1), float(self._door)),
        }
