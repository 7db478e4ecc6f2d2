"""Generated examples as arrays: hashed once, batched cheaply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...semantic.heads import DOORS, PACES, TARGETS, TURNS, UNTILS
from ...semantic.text import GRAMS, codes, normalised, quantities
from .grammar import Example, described, example
from .labels import MAX_STEPS

END = -1  # of `Batch.skill`: no stage here
IGNORED = -100  # torch's ignore_index


@dataclass(frozen=True)
class Batch:
    """B sentences with T tokens at most, over U distinct skill texts, S skills at most in a bundle.

    text [B, T, GRAMS], skill_text [U, K, GRAMS] int64 codes; bundle [B, S] rows of skill_text, -1 for none;
    door, target [B]; refuse [B] float32; skill, turn, pace, until [B, MAX_STEPS], skill S means the end.
    """

    text: np.ndarray
    skill_text: np.ndarray
    bundle: np.ndarray
    door: np.ndarray
    target: np.ndarray
    refuse: np.ndarray
    skill: np.ndarray
    turn: np.ndarray
    pace: np.ndarray
    until: np.ndarray


@dataclass(frozen=True)
class _Item:
    text: np.ndarray
    bundle: np.ndarray
    door: int
    target: int
    labels: np.ndarray | None  # [4, steps]: index into the bundle, turn, pace, until


def marked(text: str) -> str:
    """What of a sentence is hashed: normalised, with marks for its quantities."""
    return quantities(normalised(text))[0]


def key_of(text: str) -> str:
    """Sentences with the same key are the same to the model but for their quantities."""
    return " ".join(marked(text).split()).strip(" .!?,~")


class Corpus:
    """Examples drawn with one seed; those whose sentence is in `excluded` (a set of `key_of`) are left out."""

    def __init__(self, count: int, seed: int, excluded: frozenset[str] = frozenset()):
        rng = np.random.default_rng(seed)
        self._rows: dict[str, int] = {}
        self._keys: list[str] = []
        self._items: list[_Item] = []
        with tqdm(total=count, desc="generate sentences", mininterval=5.0) as bar:
            while len(self._items) < count:
                drawn = example(rng)
                if excluded and key_of(drawn.text) in excluded:
                    continue
                self._items.append(self._item(drawn))
                bar.update()

    def __len__(self) -> int:
        return len(self._items)

    def _item(self, drawn: Example) -> _Item:
        for key in drawn.skills:
            if key not in self._rows:
                self._rows[key] = len(self._keys)
                self._keys.append(key)
        rows = [self._rows[key] for key in drawn.skills]
        labels = None
        if drawn.steps is not None:
            skill = [drawn.skills.index(step.skill) for step in drawn.steps]
            turn = [TURNS.index(step.turn) for step in drawn.steps]
            labels = np.array([skill, turn, drawn.paces, drawn.untils], np.int16)
        text = codes(marked(drawn.text)).astype(np.int16)
        return _Item(text, np.array(rows, np.int32), drawn.door, drawn.target, labels)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass in random order; sentences of like length share a batch."""
        order = rng.permutation(len(self._items))
        for start in range(0, len(order), 16 * size):
            pool = sorted(order[start : start + 16 * size], key=lambda i: len(self._items[i].text))
            parts = [pool[i : i + size] for i in range(0, len(pool), size)]
            for i in rng.permutation(len(parts)):
                yield self.batch(parts[i], rng)

    def batch(self, indices: Sequence[int], rng: np.random.Generator) -> Batch:
        """The examples with these indices; each skill is described in one way in the whole batch."""
        items = [self._items[i] for i in indices]
        used = sorted({int(row) for item in items for row in item.bundle})
        where = {row: i for i, row in enumerate(used)}
        width = max(len(item.bundle) for item in items)
        bundle = np.full((len(items), width), -1, np.int64)
        grid = np.zeros((4, len(items), MAX_STEPS), np.int64)
        grid[0], grid[1:] = width, IGNORED
        for i, item in enumerate(items):
            bundle[i, : len(item.bundle)] = [where[int(row)] for row in item.bundle]
            if item.labels is None:
                grid[0, i] = IGNORED
            else:
                grid[:, i, : item.labels.shape[1]] = item.labels
        return Batch(
            padded([item.text for item in items]),
            padded([codes(normalised(described(rng, self._keys[row]))) for row in used]),
            bundle,
            np.array([item.door for item in items]),
            np.array([item.target for item in items]),
            np.array([item.labels is None for item in items], np.float32),
            *grid,
        )


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Codes of several texts as one [n, longest, GRAMS] int64 array."""
    out = np.zeros((len(rows), max(len(row) for row in rows), GRAMS), np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def excluded_from(path: Path | None) -> frozenset[str]:
    """The keys of a test set's sentences (JSON lines with "text"), so that none is trained on."""
    if path is None:
        return frozenset()
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(key_of(json.loads(line)["text"]) for line in lines if line.strip())


__all__ = [
    "DOORS",
    "END",
    "IGNORED",
    "PACES",
    "TARGETS",
    "UNTILS",
    "Batch",
    "Corpus",
    "excluded_from",
    "key_of",
    "marked",
    "padded",
]
