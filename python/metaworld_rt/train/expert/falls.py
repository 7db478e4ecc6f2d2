"""States from some time before a batch's own failures, to practise what went wrong.

Failures are rare, and what leads to one rarer still among the starts that an `Archive` gives: that keeps whoever lives
on. Here is who does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EVERY = 10  # decisions between two states that are remembered of a robot
BACK = (3, 10)  # of those, how far before a failure a start is: 0.6 to 2 s


class Falls:
    """A ring buffer of whole states. Not thread-safe.

    Args:
        count: robots of the batch.
        sizes: widths of the parts of a state.
        depth: states kept, the newest.
        rng: draws which state before a failure is kept, and what is given out.
    """

    def __init__(self, count: int, sizes: Sequence[int], depth: int, rng: np.random.Generator) -> None:
        self._rng, self._depth = rng, depth
        self._width = np.cumsum(sizes)
        self._past = np.zeros((BACK[1], count, self._width[-1]))  # the newest first
        self._known = np.zeros(count, dtype=np.int64)  # states remembered of each robot
        self._store = np.zeros((depth, self._width[-1]))
        self._kept, self._clock = 0, 0
        self._replay = np.zeros(count, dtype=bool)

    def __len__(self) -> int:
        return min(self._kept, self._depth)

    def look(self, parts: Sequence[np.ndarray]) -> None:
        """Called every decision with the batch's states, parts (count, size)."""
        self._clock += 1
        if self._clock % EVERY == 0:
            self._past = np.roll(self._past, 1, axis=0)
            self._past[0] = np.concatenate(list(parts), axis=-1)
            self._known = np.minimum(self._known + 1, BACK[1])

    def failed(self, rows: np.ndarray) -> None:
        """Robots that have failed; one that began before an earlier failure teaches nothing new and is not kept."""
        for row in rows[~self._replay[rows] & (self._known[rows] >= BACK[0])]:
            back = self._rng.integers(BACK[0], self._known[row] + 1) - 1
            self._store[self._kept % self._depth] = self._past[back, row]
            self._kept += 1

    def begin(self, rows: np.ndarray, replay: np.ndarray) -> None:
        """Robots that were reset; those of `replay` to a state from here."""
        self._known[rows] = 0
        self._replay[rows] = False
        self._replay[replay] = True

    def draw(self, n: int) -> list[np.ndarray]:
        """The parts of n of the states; none while nothing is there."""
        n = n if len(self) else 0
        rows = self._rng.integers(0, max(1, len(self)), n)
        return np.split(self._store[rows], self._width[:-1], axis=-1)
