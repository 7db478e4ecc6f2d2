"""A way through the door: commands that a search found, and the states of a robot that followed them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaworld_rt.train.expert import bank
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.files import CheckpointError


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
        """Writes the way, readable as a bank of its states too.

        Raises:
            CheckpointError: the file cannot be written.
        """
        arrays = {**vars(self.states), "command": self.command, "place": self.place, "heading": self.heading}
        try:
            np.savez_compressed(path, **{name: array.astype(np.float32) for name, array in arrays.items()})
        except OSError as error:
            raise CheckpointError(f"cannot write the way {path}: {error}") from error


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
