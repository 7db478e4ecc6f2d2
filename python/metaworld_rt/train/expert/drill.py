"""Episodes that begin in the middle of another skill's motion: a switch, as often as it takes to learn it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaworld_rt.train.expert.bank import Bank, join

_SPEED_STEP = 0.5  # m/s of horizontal speed in one group
_EVEN = 0.2  # share of the drills that are drawn from all groups alike
_LATELY = 0.05  # weight of the newest drill in the share of falls


class Drills:
    """Draws drills by how often robots fall from states of about the same speed. Not thread-safe.

    A run is at full speed nearly all the time, and from there who cannot run falls whatever it tries: nothing is
    learned. So a skill's states are grouped by speed, and a group is drawn most while about half of its drills end in
    a fall, which moves on from slow to fast by itself.

    Args:
        banks: states of other skills.
        count: robots.
        rng: draws them.

    Attributes:
        falls: (groups,) share of the late drills that ended in a fall.
        speed: (groups,) m/s, the least of each.
    """

    def __init__(self, banks: Sequence[Bank], count: int, rng: np.random.Generator) -> None:
        self._bank, self._rng = join(banks), rng
        source = np.repeat(np.arange(len(banks)), [len(bank) for bank in banks])
        step = np.floor(np.linalg.norm(self._bank.qvel[:, :2], axis=-1) / _SPEED_STEP)
        groups, of = np.unique(np.column_stack([source, step]), axis=0, return_inverse=True)
        self._members = [np.flatnonzero(of.ravel() == g) for g in range(len(groups))]
        self.speed = groups[:, 1] * _SPEED_STEP
        self.falls = np.full(len(groups), 0.5)
        self._group = np.full(count, -1)

    def __len__(self) -> int:
        return len(self._bank)

    def draw(self, robots: np.ndarray) -> Bank:
        """A state for each of these robots (n,)."""
        doubt = self.falls * (1.0 - self.falls) + 1e-9
        shares = _EVEN / len(doubt) + (1.0 - _EVEN) * doubt / doubt.sum()
        self._group[robots] = self._rng.choice(len(shares), len(robots), p=shares)
        return self._bank[np.array([self._rng.choice(self._members[g]) for g in self._group[robots]], dtype=np.int64)]

    def ended(self, robots: np.ndarray, fell: np.ndarray) -> None:
        """Episodes of these robots (n,) are over; those that were no drills do not matter."""
        for group, fall in zip(self._group[robots], fell, strict=True):
            if group >= 0:
                self.falls[group] += _LATELY * (fall - self.falls[group])
        self._group[robots] = -1
