"""A way through the door: commands that a search found, and the states of a robot that followed them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.train.expert import bank
from metaworld_rt.train.expert.bank import ROBOT_NQ, Bank, join
from metaworld_rt.train.files import CheckpointError

# States are alike when they are no further apart than a tenth of a second of walking makes them, weighted so.
_ALIKE = 1.5
_PLACE, _TURN, _LEGS, _ARMS, _HINGE = 4.0, 4.0, 1.0, 0.7, 3.0
_SPEED, _SPIN, _JOINT_SPEED = 0.7, 0.45, 0.05
_LEAST = 15  # decisions that a cut must save
_BRIDGE_PACE = 0.5  # m/s of the pelvis over a cut


@dataclass(frozen=True)
class Way:
    """Of T decisions.

    Attributes:
        command: (T, 19) normalised actions; the arms' and the torso's are the command, the legs' those of one robot.
        place: (T, 3) where the pelvis is told to be, world, m.
        heading: (T,) where it is told to face, rad.
        states: whole states before each decision, of the robot that followed; its phase is that of the legs' gait.
    """

    command: np.ndarray
    place: np.ndarray
    heading: np.ndarray
    states: Bank

    def __len__(self) -> int:
        return len(self.heading)

    def save(self, path: Path) -> None:
        """Writes the way whole or not at all, readable as a bank of its states too.

        Raises:
            CheckpointError: the file cannot be written.
        """
        more = {"command": self.command, "place": self.place, "heading": self.heading}
        bank.write_states(path, {**vars(self.states), **more})


def load(path: Path) -> Way:
    """Reads a way.

    Raises:
        CheckpointError: the file is missing, or is no way of this robot.
    """
    states = bank.load(path)
    with np.load(path) as file:
        try:
            command, place, heading = (file[name].astype(np.float64) for name in ("command", "place", "heading"))
        except KeyError as error:
            raise CheckpointError(f"{path} is a bank of states, not a way: {error}") from error
    if command.shape != states.action.shape or place.shape != (len(states), 3) or heading.shape != (len(states),):
        raise CheckpointError(f"{path} is no way: its arrays differ in length")
    return Way(command, place, heading, states)


def joined(first: Way, second: Way) -> Way:
    """One way after the other."""
    parts = (np.concatenate([getattr(first, n), getattr(second, n)]) for n in ("command", "place", "heading"))
    return Way(*parts, join([first.states, second.states]))


def changed(way: Way, change: Callable[[np.ndarray], np.ndarray]) -> Way:
    """The way with every array (T, ...) changed alike; orientations become unit quaternions again."""
    states = Bank(*map(change, vars(way.states).values()))
    states.qpos[:, 3:7] /= np.linalg.norm(states.qpos[:, 3:7], axis=-1, keepdims=True)
    return Way(change(way.command), change(way.place), change(way.heading), states)


def shortened(way: Way) -> Way:
    """Without the stretches that come back to where they began: a search dawdles.

    The longest are cut first. A cut is bridged in a straight line, at a pace that can be walked.
    """
    while True:
        features = _features(way.states)
        apart = np.linalg.norm(features[:, None] - features[None], axis=-1)
        i, j = np.nonzero((apart < _ALIKE) & (np.arange(len(way)) - np.arange(len(way))[:, None] >= _LEAST))
        step = np.linalg.norm(way.states.qpos[j, :2] - way.states.qpos[i, :2], axis=-1)
        bridge = np.ceil(step / (_BRIDGE_PACE * DECISION_DT)).astype(int)
        saved = j - i - bridge
        if len(saved) == 0 or saved.max() < _LEAST:
            return way
        best = saved.argmax()
        way = _bridged(way, i[best], j[best], bridge[best])


def _features(states: Bank) -> np.ndarray:
    q, v = states.qpos, states.qvel
    legs, arms = q[:, 7:18], q[:, 18:ROBOT_NQ]
    parts = (_PLACE * q[:, :3], _TURN * q[:, 3:7], _LEGS * legs, _ARMS * arms, _HINGE * q[:, -2:-1])
    speeds = (_SPEED * v[:, :3], _SPIN * v[:, 3:6], _JOINT_SPEED * v[:, 6:25], _SPEED * v[:, -2:-1])
    return np.concatenate([*parts, *speeds], axis=-1)


def _bridged(way: Way, i: int, j: int, between: int) -> Way:
    """Decision i followed by j, with so many on a line between them."""
    share = np.arange(1, between + 1) / (between + 1)

    def bridge(values: np.ndarray) -> np.ndarray:
        line = values[i] + share.reshape(-1, *[1] * (values.ndim - 1)) * (values[j] - values[i])
        return np.concatenate([values[: i + 1], line, values[j:]])

    return changed(way, bridge)
