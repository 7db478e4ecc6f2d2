"""Where low precision loses the order of trajectories: one part of the world model is rounded at a time.

    python benchmarks/planner_rounding.py --bundle models/h1-locomotion   -> benchmarks/data/planner/rounding.json

The first iteration of a plan, in numpy and float64, on calibration states of a bundle: candidates around the experts'
action with the bundle's max_std, as the planner draws them. `weights` are all weights; `z, a` is what every network
reads; the others are the hidden activations of one network. For each part and number format: Spearman's correlation of
the trajectories' values with the unrounded ones (least and median over the states), and by how much the refitted mean's
first action moves (greatest and median over the states, the greatest joint).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from metaworld_rt import _core
from metaworld_rt.bench.planner import rank_correlation
from planner_curves import DATA, machine

Rounding = Callable[[np.ndarray], np.ndarray]
PARTS = ("weights", "z, a", "dynamics", "reward", "Q", "prior", "experts")


def bf16(x: np.ndarray) -> np.ndarray:
    """To nearest, 8 bits of mantissa."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def int8(x: np.ndarray) -> np.ndarray:
    """255 steps from a row's least to its greatest number, zero among them."""
    low, high = np.minimum(x.min(-1, keepdims=True), 0), np.maximum(x.max(-1, keepdims=True), 0)
    step = np.maximum(high - low, 1e-20) / 255
    return (np.round(x / step + np.round(-low / step)) - np.round(-low / step)) * step


def int16(x: np.ndarray) -> np.ndarray:
    """32767 steps to eight standard deviations behind LayerNorm (here with a gain of 1)."""
    step = min(8.0, np.sqrt(x.shape[-1])) / 32767
    return np.round(x / step) * step


def unit_int8(x: np.ndarray) -> np.ndarray:
    """What networks read: z in [0, 1], actions in [-1, 1]."""
    return np.round(x * 255) / 255 if x.min() >= 0 else np.round((x + 1) * 127.5) / 127.5 - 1


def unit_int16(x: np.ndarray) -> np.ndarray:
    """The same."""
    return np.round(x * 32767) / 32767


#: How hidden activations are rounded, and how what networks read.
FORMATS: dict[str, tuple[Rounding, Rounding]] = {
    "bf16": (bf16, bf16),
    "int8": (int8, unit_int8),
    "int16": (int16, unit_int16),
}


class Net:
    """A chain of dense layers from a bundle's ONNX file; `group` is that of SimNorm at the end, 0 without."""

    def __init__(self, path: Path, group: int = 0):
        found = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in onnx.load(path).graph.initializer}
        self.layers = []
        while (stem := f"layer{len(self.layers)}") + ".weight" in found:
            self.layers.append([found.get(f"{stem}.{part}") for part in ("weight", "bias", "gain", "shift")])
        self.group = group

    def __call__(self, x: np.ndarray, weights: Rounding | None, hidden: Rounding | None) -> np.ndarray:
        """Outputs of rows x, weights and hidden activations rounded."""
        last = len(self.layers) - 1
        for i, (weight, bias, gain, shift) in enumerate(self.layers):
            x = x @ (weight if weights is None else weights(weight)).T + bias
            if gain is not None:
                centred = x - x.mean(-1, keepdims=True)
                x = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + shift
            if i < last:
                x = x * np.tanh(np.logaddexp(0, x))
                x = x if hidden is None else hidden(x)
        if self.group:
            x = x.reshape(len(x), -1, self.group)
            x = np.exp(x - x.max(-1, keepdims=True))
            x = (x / x.sum(-1, keepdims=True)).reshape(len(x), -1)
        return x


class Model:
    """What a bundle folder holds of its world model, and one iteration of its planner."""

    def __init__(self, folder: Path):
        about = json.loads((folder / "bundle.json").read_text())
        self.k, m = about["planner"], about["world_model"]
        self.m, self.skills, self.actions = m, len(about["experts"]), len(about["robot"]["joints"])
        self.encoder = Net(folder / m["encoder"], m["simnorm"])
        self.dynamics = Net(folder / m["dynamics"], m["simnorm"])
        self.reward, self.prior = Net(folder / m["reward"]), Net(folder / m["prior"])
        self.q = [Net(folder / q) for q in m["q"][:2]]
        self.experts = [Net(folder / e["latent_file"]) for e in about["experts"] if e.get("latent_file")]
        if m.get("termination"):
            raise SystemExit(f"{folder}: this study has no termination head")
        width = len(np.fromfile(folder / about["calibration"], np.float32))
        self.states = np.fromfile(folder / about["calibration"], np.float32).reshape(
            -1, self.encoder.layers[0][0].shape[1]
        )
        assert self.states.size == width

    def two_hot(self, logits: np.ndarray) -> np.ndarray:
        """Expectation, then symexp."""
        p = np.exp(logits - logits.max(-1, keepdims=True))
        v = (p / p.sum(-1, keepdims=True)) @ np.linspace(self.m["vmin"], self.m["vmax"], self.m["bins"])
        return np.sign(v) * np.expm1(np.abs(v))

    def reference(self, z: np.ndarray, mixture: np.ndarray, part: dict[str, Rounding]) -> np.ndarray:
        """The experts' action."""
        w = part.get("weights")
        return sum(
            share * np.clip(e(z, w, part.get("experts")), -1, 1) for share, e in zip(mixture, self.experts, strict=True)
        )

    def values(
        self, z0: np.ndarray, a: np.ndarray, a_ref: np.ndarray, c: np.ndarray, part: dict[str, Rounding]
    ) -> np.ndarray:
        """Of trajectories a (N, H, A), as docs/bundle.md has it. `part`: what is rounded, and how."""
        n, w, read = len(a), part.get("weights"), part.get("z, a", lambda x: x)
        condition = np.repeat(c[None], n, 0)
        z, total, gamma = read(np.repeat(z0, n, 0)), np.zeros(n), 1.0
        for t in range(a.shape[1]):
            reference = a_ref if t == 0 or not self.experts else self.reference(z, self.mixture(c), part)
            x = np.concatenate([z, read(a[:, t]), condition], -1)
            gain = self.two_hot(self.reward(x, w, part.get("reward")))
            total += gamma * (gain - self.k["guidance"] * ((a[:, t] - reference) ** 2).sum(-1))
            z, gamma = read(self.dynamics(x, w, part.get("dynamics"))), gamma * self.m["discount"]
        last = np.tanh(self.prior(np.concatenate([z, condition], -1), w, part.get("prior"))[:, : self.actions])
        x = np.concatenate([z, read(last), condition], -1)
        q = [self.two_hot(head(x, w, part.get("Q"))) for head in self.q]
        return total + gamma * (np.minimum(*q) if self.k["q_reduction"] == "min" else np.mean(q, 0))

    def mixture(self, c: np.ndarray) -> np.ndarray:
        """As the gate takes it."""
        return c if len(c) == self.skills else np.full(self.skills, 1 / self.skills)

    def refit(self, a: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The mean's first action."""
        best = np.argsort(-values)[: self.k["elites"]]
        weight = np.exp(self.k["temperature"] * (values[best] - values[best[0]]))
        return (weight / weight.sum()) @ a[best, 0]


def study(model: Model, states: int, seed: int = 0) -> list[dict]:
    """Every part and format; then everything, and everything but one part."""
    parts = {f: {p: read if p == "z, a" else r for p in PARTS} for f, (r, read) in FORMATS.items()}
    del parts["int8"]["weights"], parts["int16"]["weights"]  # a column's scale and the kernels' bounds are not here
    cases = [(f, f"{p} alone", {p: r}) for f, every in parts.items() for p, r in every.items()]
    cases += [(f, "all", every) for f, every in parts.items()]
    cases += [("bf16", f"all but {p}", {q: bf16 for q in PARTS if q != p}) for p in PARTS]
    ranks, moved = [[] for _ in cases], [[] for _ in cases]
    random, k, m = np.random.default_rng(seed), model.k, model.m
    spread = []
    for state in model.states[np.linspace(0, len(model.states) - 1, states).astype(int)].astype(np.float64):
        c = state[len(state) - m["condition"] :]
        z0 = model.encoder(state[None], None, None)
        a_ref = model.reference(z0, model.mixture(c), {}) if model.experts else np.zeros((1, model.actions))
        noise = random.standard_normal((k["samples"], k["horizon"], model.actions))
        a = np.clip(a_ref[:, None] + k["max_std"] * noise, -1, 1)
        exact = model.values(z0, a, a_ref, c, {})
        spread.append(exact.std() / abs(exact.mean()))
        first = model.refit(a, exact)
        for i, (_, _, part) in enumerate(cases):
            got = model.values(z0, a, a_ref, c, part)
            ranks[i].append(rank_correlation(got, exact))
            moved[i].append(np.abs(model.refit(a, got) - first).max())
    print(f"spread of values over their mean: median {np.median(spread):.4f}")
    return [
        {
            "format": f, "rounded": what, "rank_least": float(np.min(r)), "rank_median": float(np.median(r)),
            "action_greatest": float(np.max(d)), "action_median": float(np.median(d)),
        }
        for (f, what, _), r, d in zip(cases, ranks, moved, strict=True)
    ]  # fmt: skip


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/h1-locomotion"), help="a folder with a world model")
    parser.add_argument("--states", type=int, default=64)
    args = parser.parse_args()
    rows = study(Model(args.bundle), args.states)
    for r in rows:
        print(f"{r['format']:5s} {r['rounded']:18s} rank {r['rank_least']:.5f} (median {r['rank_median']:.5f})", end="")
        print(f"   first action {r['action_greatest']:.4f} (median {r['action_median']:.4f})")
    about = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "bundle": args.bundle.name}
    about |= {"digest": _core.load(args.bundle).digest, "states": args.states}
    (DATA / "rounding.json").write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
