"""What the low-precision gate says of trained models, and what a plan of theirs costs.

    python benchmarks/planner_gate.py --bundle models/h1-locomotion             -> benchmarks/data/planner/gate.json
    python benchmarks/planner_gate.py --world RUN/model.pt --visited RUN        adds a world model that is in no bundle

A bundle is asked with its own planner settings and calibration states. A world model of a training run is asked with
TD-MPC2's settings, and with those of the bundle; its calibration states are what its newest recorded round visited, as
`export` chooses them. Milliseconds are the median of a plan on one thread, all precisions in turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from metaworld_rt import _core
from metaworld_rt.bench import worlds
from metaworld_rt.bench.planner import PRECISIONS
from metaworld_rt.train.pipeline import visited
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.config import SIZES, PlannerConfig
from planner_curves import DATA, commit, machine

TURNS = 7
STATES = 64  # that a world model of a run is asked on


def ask(make: Callable[..., _core.MppiPlanner], inputs: dict[str, np.ndarray]) -> list[dict]:
    """A row for each precision, and one for `auto`. `make`: planner of a precision, with the gate or without."""
    rows, free = [], {p: make(precision=p, gate=False) for p in PRECISIONS}
    took: dict[str, list[float]] = {p: [] for p in PRECISIONS}
    for _ in range(TURNS):
        for p, planner in free.items():
            took[p].append(float(np.median(planner.measure(**inputs, seconds=0.2, least=3))) / 1e6)
    for p in (*PRECISIONS[1:], "auto"):
        report = make(precision=p, gate=True).precision
        rows.append({"precision": p, **report, "ms": float(np.median(took[report["used"] if p == "auto" else p]))})
    return [{"precision": "fp32", "used": "fp32", "ms": float(np.median(took["fp32"]))}, *rows]


def of_bundle(folder: Path) -> dict[str, dict]:
    """What the bundle at `folder` is told when it is loaded."""
    bundle = _core.load(folder)
    k = bundle.planner
    heads = any(name.startswith("latent") for name in bundle.files)
    inputs = {"phi": np.zeros(bundle.feature_size, np.float32)}
    if heads:
        inputs["mixture"] = np.full(len(bundle.skills), 1 / len(bundle.skills), np.float32)
    rows = ask(lambda **options: _core.MppiPlanner(bundle, **options), inputs)
    return {f"{bundle.name}, its own": {"digest": bundle.digest, "planner": k, "rows": rows}}


def of_world(path: Path, run: Path, bundle: Path) -> dict[str, dict]:
    """Of a checkpoint: TD-MPC2's settings, and the bundle's."""
    model, content = checkpoint.load(path)
    model.eval()
    size = next(s for s, shape in SIZES.items() if shape[:2] == (model.config.latent, model.config.mlp))
    shipped = {k: v for k, v in _core.load(bundle).planner.items() if k in vars(PlannerConfig())}
    found, states = {}, visited(run, 0).astype(np.float32)[:STATES]
    for name, k in (("TD-MPC2's", PlannerConfig()), (f"those of {bundle.name}", PlannerConfig(**shipped))):
        inputs = worlds.request(model, worlds.random_situation(model, 1))
        rows = ask(lambda k=k, **options: worlds.native(model, k, calibration=states, **options), inputs)
        updates = content["progress"]["updates"]
        found[f"trained {size}, {name}"] = {"updates": updates, "planner": vars(k), "rows": rows}
    return found


def main() -> int:
    """Asks, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/h1-locomotion"))
    parser.add_argument("--world", type=Path, help="model.pt of a training run")
    parser.add_argument("--visited", type=Path, help="the run whose recorded rounds are the calibration states")
    args = parser.parse_args()
    path = DATA / "gate.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    new = of_world(args.world, args.visited or args.world.parent, args.bundle) if args.world else of_bundle(args.bundle)
    for name, asked in new.items():
        for r in asked["rows"]:
            print(f"{name}: {r['precision']:5s} {r['ms']:8.3f} ms  -> {r['used']}", end="")
            print(f"  rank {r['rank_correlation']:.5f}  action {r['action_difference']:.4f}" if "states" in r else "")
        found[name] = {**asked, "machine": machine(), "date": time.strftime("%Y-%m-%d"), "commit": commit()}
    path.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
