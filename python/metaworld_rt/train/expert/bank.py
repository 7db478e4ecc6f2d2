"""A bank of states that skills pass through, for other skills to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaworld_rt.plants.robot import H1
from metaworld_rt.train.files import CheckpointError, write_arrays

ROBOT_NQ, ROBOT_NV = 7 + H1.n, 6 + H1.n
_SCENE = (0, 2)  # joints of a scene: none, or the door's


@dataclass(frozen=True)
class Bank:
    """States of one skill's motion, k of them.

    Attributes:
        qpos, qvel: (k, 26), (k, 25), world frame, the robot's own; in a bank of whole states the scene's joints follow.
        action: (k, 19), the normalised action before.
        phase: (k,) cycles, of the next decision, as the phase runs on through a switch of skills.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    action: np.ndarray
    phase: np.ndarray

    def __len__(self) -> int:
        return len(self.phase)

    def __getitem__(self, rows: np.ndarray) -> Bank:
        return Bank(self.qpos[rows], self.qvel[rows], self.action[rows], self.phase[rows])

    @property
    def robot(self) -> Bank:
        """The same states without the scene's joints."""
        return Bank(self.qpos[:, :ROBOT_NQ], self.qvel[:, :ROBOT_NV], self.action, self.phase)

    def save(self, path: Path) -> None:
        """Writes the bank whole or not at all, in single precision.

        Raises:
            CheckpointError: the file cannot be written.
        """
        write_states(path, vars(self))


def write_states(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a file of arrays of states by name, in single precision, whole or not at all.

    Raises:
        CheckpointError: the file cannot be written.
    """
    write_arrays(path, {name: array.astype(np.float32) for name, array in arrays.items()}, compressed=True)


def join(parts: Sequence[Bank]) -> Bank:
    """The states of several banks, one after another; none at all for no part."""
    if not parts:
        return Bank(np.zeros((0, ROBOT_NQ)), np.zeros((0, ROBOT_NV)), np.zeros((0, H1.n)), np.zeros(0))
    return Bank(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def load(path: Path) -> Bank:
    """Reads a bank.

    Raises:
        CheckpointError: the file is missing, or is no bank of this robot.
    """
    try:
        with np.load(path) as file:
            bank = Bank(*(file[name].astype(np.float64) for name in ("qpos", "qvel", "action", "phase")))
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"no state bank in {path}: {error}") from error
    shapes = [array.shape for array in vars(bank).values()]
    k = len(bank)
    scene = bank.qpos.shape[-1] - ROBOT_NQ
    if k == 0 or scene not in _SCENE or shapes != [(k, ROBOT_NQ + scene), (k, ROBOT_NV + scene), (k, H1.n), (k,)]:
        raise CheckpointError(f"{path} is no state bank of h1: its arrays have the shapes {shapes}")
    return bank
