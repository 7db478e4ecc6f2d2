"""What a bundle's returns cost: precision and budget of the planner against return and milliseconds a plan.

    python benchmarks/planner_quality.py measure --bundle models/NAME --task walk --episodes 10
        -> benchmarks/data/planner/quality-NAME-TASK.json
    python benchmarks/planner_quality.py time --bundle models/NAME --task walk      the milliseconds again, in turns
    python benchmarks/planner_quality.py draw     -> docs/media/planner_quality_NAME_TASK.png

Lockstep episodes in the built-in environment: every setting meets the same seeds, plans are warm-started and run to
their end. The first row, the full plan in fp32, is what the others are held against; a precision that the gate refuses
at load is not run but listed with the reason. Settings that the file has already, of the same bundle, seed and
episodes, are not run again. Milliseconds are the median of a plan on one thread; `time` wants a quiet machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from metaworld_rt import _core
from metaworld_rt.bench.planner import PRECISIONS
from metaworld_rt.controller import load
from metaworld_rt.evaluate.builtin import BuiltinTask
from metaworld_rt.evaluate.controllers import Driver
from metaworld_rt.evaluate.episodes import run_episode
from metaworld_rt.evaluate.observation import Observer
from planner_curves import COLOURS, DATA, MEDIA, machine

#: samples, iterations; the first is TD-MPC2's.
BUDGETS = ((512, 6), (512, 3), (256, 6), (256, 3), (256, 2), (128, 6), (128, 3), (128, 2), (64, 3), (64, 2), (32, 2))
KEPT = 0.99  # of the full plan's return


def settings(bundle: _core.Bundle, samples: int, iterations: int, precision: str) -> dict[str, float | str]:
    """Elites and seeds keep the share that they have in the bundle's own plan."""
    own = bundle.planner
    share = {
        name: round(samples * own[name] / own["samples"])
        for name in ("elites", "prior_trajectories", "expert_trajectories")
    }
    return {"samples": samples, "iterations": iterations, "precision": precision, **share}


def measure(args: argparse.Namespace) -> None:
    """Runs the episodes."""
    bundle, rows = load(args.bundle), []
    if bundle.planner is None:
        raise SystemExit(f"{bundle.name} has no world model")
    known = recorded(bundle, args)
    task = BuiltinTask(args.task)
    observer = Observer(bundle.observation, task.observes)
    budgets = [tuple(map(int, b.split("x"))) for b in args.budgets.split(",")] if args.budgets else BUDGETS
    path = DATA / f"quality-{bundle.name}-{args.task}.json"
    DATA.mkdir(parents=True, exist_ok=True)
    contenders = [
        ("experts", None),
        *(("full", settings(bundle, *b, p)) for p, b in itertools.product(args.precisions.split(","), budgets)),
    ]
    for name, chosen in contenders:
        row = {"controller": name, **(chosen or {})}
        if key(row) in known:
            rows.append(known.pop(key(row)))
            continue
        driver = Driver(name, bundle, args.task, settings=chosen or {})
        row |= gate(driver, bundle)
        if chosen is None or row["used"] == chosen["precision"]:
            runs = [run_episode(task, driver, observer, args.seed + k) for k in range(args.episodes)]
            returns = [run.total for run in runs]
            row |= {"return_mean": float(np.mean(returns)), "return_min": float(np.min(returns)), "returns": returns}
        rows.append(row)
        print(json.dumps({k: v for k, v in row.items() if k != "returns"}), file=sys.stderr)
        found = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "bundle": bundle.name, "task": args.task}
        found |= {"digest": bundle.digest, "seed": args.seed, "episodes": args.episodes, "planner": bundle.planner}
        every = sorted([*rows, *known.values()], key=place)
        path.write_text(json.dumps({**found, "rows": every}, indent=1) + "\n")
    task.close()
    choose(every)


def key(row: dict) -> tuple:
    """What makes a setting."""
    return tuple(row.get(k) for k in ("controller", "samples", "iterations", "precision"))


def place(row: dict) -> tuple:
    """The experts first, then fp32 from the largest budget down, then the other precisions."""
    precision = PRECISIONS.index(row["precision"]) if "precision" in row else -1
    return precision, -row.get("samples", 0), -row.get("iterations", 0)


def recorded(bundle: _core.Bundle, args: argparse.Namespace) -> dict[tuple, dict]:
    """Rows of an earlier run with the same bundle, seed and episodes."""
    path = DATA / f"quality-{bundle.name}-{args.task}.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    same = {"digest": bundle.digest, "seed": args.seed, "episodes": args.episodes}
    return {key(r): r for r in found["rows"]} if same.items() <= found.items() else {}


def again(args: argparse.Namespace) -> None:
    """The milliseconds of every row, in turns."""
    bundle = load(args.bundle)
    path = DATA / f"quality-{bundle.name}-{args.task}.json"
    data = json.loads(path.read_text())
    if data["digest"] != bundle.digest:
        raise SystemExit(f"{path} is of another {bundle.name}: measure first")
    rows = [r for r in data["rows"] if "p50_ms" in r]
    fields = ("samples", "iterations", "elites", "prior_trajectories", "expert_trajectories", "precision")
    planners = [_core.MppiPlanner(bundle, gate=False, **{k: r[k] for k in fields}) for r in rows]
    took = [[] for _ in rows]
    for _ in range(7):
        for planner, found in zip(planners, took, strict=True):
            found.append(np.median(planner.measure(**inputs(bundle), seconds=0.1, least=5)) / 1e6)
    for row, found in zip(rows, took, strict=True):
        row["p50_ms"] = float(np.median(found))
    path.write_text(json.dumps(data, indent=1) + "\n")


def inputs(bundle: _core.Bundle) -> dict[str, np.ndarray]:
    """For planner.measure: every expert in the mixture."""
    found = {"phi": np.zeros(bundle.feature_size, np.float32)}
    if any(name.startswith("latent") for name in bundle.files):
        found["mixture"] = np.full(len(bundle.skills), 1 / len(bundle.skills), np.float32)
    return found


def gate(driver: Driver, bundle: _core.Bundle) -> dict:
    """What the precision gate found, and what a plan costs with every expert in the mixture."""
    planner = driver.planner
    if planner is None:
        return {}
    report = planner.precision
    return {
        "used": report["used"],
        "rank_correlation": report["rank_correlation"],
        "action_difference": report["action_difference"],
        "refused": report["message"],
        "p50_ms": float(np.median(planner.measure(**inputs(bundle), seconds=0.5, least=20)) / 1e6),
    }


def choose(rows: list[dict]) -> None:
    """Prints the cheapest setting that keeps the full plan's return."""
    ran = [r for r in rows if "return_mean" in r and r["controller"] == "full"]
    full = ran[0]["return_mean"]
    kept = [r for r in ran if r["return_mean"] >= full - (1 - KEPT) * abs(full)]
    best = min(kept, key=lambda r: r["p50_ms"])
    print(f"full fp32 plan: {full:.1f} at {ran[0]['p50_ms']:.2f} ms")
    print(f"cheapest within 1 %: {best['samples']} x {best['iterations']} {best['precision']}: ", end="")
    print(f"{best['return_mean']:.1f} at {best['p50_ms']:.2f} ms")


def draw() -> None:
    """Return against milliseconds, one picture a data file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    for path in sorted(DATA.glob("quality-*.json")):
        data = json.loads(path.read_text())
        figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
        ran = [r for r in data["rows"] if "return_mean" in r]
        for precision in PRECISIONS:
            rows = [r for r in ran if r.get("precision") == precision]
            x, y = [r["p50_ms"] for r in rows], [r["return_mean"] for r in rows]
            axes.plot(x, y, "o", ms=4, color=COLOURS[precision], label=precision)
            if precision == "fp32" and rows:
                axes.axhspan(KEPT * y[0], y[0] / KEPT, color="black", alpha=0.08, lw=0, label="full plan, 1 %")
                for r in rows:
                    label = f"{r['samples']}x{r['iterations']}"
                    axes.annotate(
                        label, (r["p50_ms"], r["return_mean"]), fontsize=6, xytext=(2, 3), textcoords="offset points"
                    )
        axes.axhline(next(r["return_mean"] for r in ran if r["controller"] == "experts"), color="black", lw=0.8, ls=":")
        axes.set(xlabel="ms a plan, one thread", ylabel=f"return, mean of {data['episodes']} episodes", xscale="log")
        axes.set_title(f"{data['bundle']}, {data['task']} (dotted: the experts alone)", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
        target = MEDIA / f"planner_{path.stem.replace('-', '_')}.png"
        figure.savefig(target, dpi=110)
        plt.close(figure)
        print(target)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "time", "draw"])
    parser.add_argument("--bundle", type=Path, help="a folder or zip with a world model")
    parser.add_argument("--task", default="walk")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budgets", help="samples x iterations, such as 512x6,128x3; default: a grid")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="default: %(default)s")
    args = parser.parse_args()
    if args.what != "draw" and args.bundle is None:
        parser.error(f"{args.what} needs --bundle")
    {"measure": lambda: measure(args), "time": lambda: again(args), "draw": draw}[args.what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
