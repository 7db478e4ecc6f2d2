"""States that a batch has lived through itself, sorted by progress, to start later episodes from.

A backward curriculum that writes itself: where bins count alike the furthest states reached are practised as often as
the beginning, and a policy meets the states in which the one before it hands over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SURVIVES = 25  # decisions that a robot must live on after a state for it to be kept: no starts in mid-fall
SAMPLE = 0.02  # share of the decisions looked at


class Archive:
    """Ring buffers of whole states, one a bin. Not thread-safe.

    Args:
        count: robots of the batch.
        sizes: widths of the parts of a state.
        bins: number of bins.
        depth: states kept of each, the newest.
        rng: draws what is looked at and what is given out.
    """

    def __init__(self, count: int, sizes: Sequence[int], bins: int, depth: int, rng: np.random.Generator) -> None:
        self._rng, self._depth = rng, depth
        self._width = np.cumsum(sizes)
        self._store = np.zeros((bins, depth, self._width[-1]))
        self._filled = np.zeros(bins, dtype=np.int64)
        self._next = np.zeros(bins, dtype=np.int64)
        self._pending = np.zeros((count, self._width[-1]))
        self._bin = np.zeros(count, dtype=np.int64)
        self._wait = np.full(count, -1)

    @property
    def filled(self) -> np.ndarray:
        """States kept of each bin, (bins,)."""
        return self._filled

    def look(self, parts: Sequence[np.ndarray], bins: np.ndarray) -> None:
        """Called every decision with the batch's states, parts (count, size), and each one's bin (count,); -1: none."""
        self._wait -= self._wait > 0
        for row in np.flatnonzero(self._wait == 0):
            at = self._bin[row]
            self._store[at, self._next[at]] = self._pending[row]
            self._next[at] = (self._next[at] + 1) % self._depth
            self._filled[at] = min(self._depth, self._filled[at] + 1)
            self._wait[row] = -1
        fresh = (self._wait < 0) & (bins >= 0) & (self._rng.random(len(bins)) < SAMPLE)
        if fresh.any():
            rows = np.flatnonzero(fresh)
            self._pending[rows] = np.concatenate([part[rows] for part in parts], axis=-1)
            self._bin[rows], self._wait[rows] = bins[rows], SURVIVES

    def forget(self, rows: np.ndarray) -> None:
        """Robots that were reset: what they would have handed in is not kept."""
        self._wait[rows] = -1

    def draw(self, n: int, shares: np.ndarray) -> list[np.ndarray]:
        """The parts of n states, bins by their shares (bins,), of any sum; fewer, even none, while nothing is there."""
        shares = shares * (self._filled > 0)
        if not shares.any():
            n, shares = 0, np.ones(len(shares))
        chosen = self._rng.choice(len(shares), n, p=shares / shares.sum())
        rows = (self._rng.random(n) * self._filled[chosen]).astype(np.int64)
        return np.split(self._store[chosen, rows], self._width[:-1], axis=-1)
