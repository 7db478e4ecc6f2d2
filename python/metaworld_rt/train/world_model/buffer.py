"""Replay: recorded decisions of many robots, and n-step returns over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.errors import UserError
from metaworld_rt.train.files import write_arrays

FIELDS = ("phi", "action", "clean", "experts", "c", "mixture", "rewards", "dead", "last", "cut")


@dataclass
class Batch:
    """Sequences for one update; H steps, B sequences.

    Attributes:
        phi: `[H + 1, B, phi]`.
        action: `[H, B, A]`.
        c: `[B, K]`, of the first step.
        reward: `[H, B]`.
        ends: `[H, B]`, 1 where the step led to the end of the episode by a fall.
        partial: `[H, B]` discounted rewards until the bootstrap state, and `weight` `[H, B]` the discount there
            (0 if the robot had fallen).
        boot_phi: `[H, B, phi]`; boot_action: `[H, B, A]`, what the clean policy does there.
        experts: `[H + 1, B, K, A]`; reference: `[H + 1, B, A]`, the expert mixture.
    """

    phi: torch.Tensor
    action: torch.Tensor
    c: torch.Tensor
    reward: torch.Tensor
    ends: torch.Tensor
    partial: torch.Tensor
    weight: torch.Tensor
    boot_phi: torch.Tensor
    boot_action: torch.Tensor
    experts: torch.Tensor
    reference: torch.Tensor


class Recorder:
    """Collects rows `[B, ...]` of one round and turns them into streams, one robot after the other.

    Each row is a state and the decision taken there: `phi, action, clean` (what the policy would have done without
    exploration), `experts, c, mixture, rewards`; `dead`: the state is after a fall; `last`: no decision follows;
    `noisy`: the action is not the clean one; `pushed`: something outside moved the robot since the row before.
    """

    def __init__(self):
        self._rows: list[dict[str, np.ndarray]] = []

    def add(self, **row: np.ndarray) -> None:
        """Append one decision of all robots."""
        self._rows.append(row)

    def streams(self) -> dict[str, np.ndarray]:
        """`[B * T, ...]` arrays under the names of `FIELDS`."""
        out = {name: np.stack([row[name] for row in self._rows], 1) for name in self._rows[0]}
        # A return must bootstrap where the clean policy under the same command ends; nothing predicts a push.
        cut = np.ones_like(out["last"])
        changed = np.abs(out["c"][:, 1:] - out["c"][:, :-1]).max(-1) > 1e-6
        cut[:, :-1] = out.pop("noisy")[:, 1:] | changed
        out["cut"] = cut
        out["last"][:, :-1] |= out.pop("pushed")[:, 1:]
        out["last"][:, -1] = True
        return {name: array.reshape(-1, *array.shape[2:]) for name, array in out.items()}


class Replay:
    """Rounds of recorded decisions, the oldest dropped beyond `capacity` rows.

    Args:
        capacity: rows to keep.
        horizon: steps of a training sequence.
        discount: of the returns.
        n_step: longest return before it bootstraps; 1 is TD(0).
    """

    def __init__(self, capacity: int, horizon: int, discount: float, n_step: int):
        self.capacity, self.horizon, self.discount, self.n_step = capacity, horizon, discount, n_step
        self._rounds: list[dict[str, np.ndarray]] = []
        self.data: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.data["phi"]) if self.data else 0

    def extend(self, streams: dict[str, np.ndarray], prepare: bool = True) -> None:
        """Add one round (`Recorder.streams`); `prepare` False if more follow before the next `sample`."""
        self._rounds.append(streams)
        if not prepare:
            return
        while len(self._rounds) > 1 and sum(len(r["phi"]) for r in self._rounds) > self.capacity:
            self._rounds.pop(0)
        self.data = {name: np.concatenate([r[name] for r in self._rounds]) for name in FIELDS}
        self._rounds = [  # views of the one copy
            {name: self.data[name][a:b] for name in FIELDS} for a, b in _spans([len(r["phi"]) for r in self._rounds])
        ]
        self._prepare()

    def _prepare(self) -> None:
        data, gamma, n = self.data, self.discount, self.n_step
        rows = len(data["phi"])
        reward = np.einsum("ik,ik->i", data["c"], data["rewards"]).astype(np.float64)
        stop = data["cut"] | data["last"]
        # full[i]: discounted rewards up to the next stop; left[i]: how many decisions that is.
        full, left = np.zeros(rows + 1), np.zeros(rows + 1, np.int64)
        for i in range(rows - 1, -1, -1):
            if data["last"][i]:
                continue
            ends = stop[i] or data["last"][i + 1]
            full[i] = reward[i] + (0.0 if ends else gamma * full[i + 1])
            left[i] = 1 if ends else 1 + left[i + 1]
        index = np.arange(rows)
        long = left[:rows] > n
        tail = full[np.minimum(index + n, rows)] * gamma**n
        self._partial = np.where(long, full[:rows] - tail, full[:rows]).astype(np.float32)
        self._boot = index + np.where(long, n, left[:rows])
        self._reward = reward.astype(np.float32)
        # A sequence may start where H decisions follow; a command that slews counts as constant over so few.
        same = np.zeros(rows, bool)
        same[:-1] = ~data["last"][:-1]
        valid = same.copy()
        for h in range(1, self.horizon):
            valid[: rows - h] &= same[h:]
            valid[rows - h :] = False
        self._starts = np.flatnonzero(valid)

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw `size` sequences; raises UserError if the replay holds none."""
        if not self.data or not len(self._starts):
            raise UserError("the replay buffer holds no complete sequence yet: collect more decisions")
        d = self.data
        start = self._starts[rng.integers(0, len(self._starts), size)]
        rows = start + np.arange(self.horizon + 1)[:, None]
        steps = rows[:-1]
        boot = self._boot[steps]
        c = d["c"][start]
        same = np.abs(d["c"][boot] - c).max(-1) < 1e-6
        old = np.einsum("bk,hbka->hba", c, d["experts"][boot])
        weight = self.discount ** (boot - steps) * ~d["dead"][boot]
        arrays = {
            "phi": d["phi"][rows],
            "action": d["action"][steps],
            "c": c,
            "reward": self._reward[steps],
            "ends": d["dead"][rows[1:]],
            "partial": self._partial[steps],
            "weight": weight,
            "boot_phi": d["phi"][boot],
            "boot_action": np.where(same[..., None], d["clean"][boot], old),
            "experts": d["experts"][rows],
            "reference": np.einsum("hbk,hbka->hba", d["mixture"][rows], d["experts"][rows]),
        }
        return Batch(**{name: torch.from_numpy(np.ascontiguousarray(a, np.float32)) for name, a in arrays.items()})


def save_round(path: Path, streams: dict[str, np.ndarray]) -> None:
    """Write one round whole or not at all.

    Raises:
        CheckpointError: the folder cannot be written, or the disk is full.
    """
    write_arrays(path, {name: _small(array) for name, array in streams.items()})


def load_round(path: Path) -> dict[str, np.ndarray]:
    """Read one round; raises UserError if it is damaged."""
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in FIELDS}
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): remove it, and it is collected again") from error
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}


def _small(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == bool else array.astype(np.float16 if array.ndim == 3 else np.float32)


def _spans(lengths: list[int]):
    ends = np.cumsum(lengths)
    return zip(ends - lengths, ends, strict=True)
