"""What a bundle's returns cost: precision and budget of the planner against return and milliseconds a plan.

    python benchmarks/planner_quality.py measure --bundle models/NAME --task walk --episodes 10
        -> benchmarks/data/planner/quality-NAME-TASK.json
    python benchmarks/planner_quality.py draw     -> docs/media/planner_quality_NAME_TASK.png

Lockstep episodes in the built-in environment: every setting meets the same seeds, plans are warm-started and run to
their end. The first row, the full plan in fp32, is what the others are held against; a precision that the gate refuses
at load is not run but listed with the reason. Milliseconds are the median of a plan on one thread.
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


def settings(samples: int, iterations: int, precision: str) -> dict[str, float | str]:
    """The share of elites and of the prior's trajectories is that of the full plan."""
    return {
        "samples": samples,
        "iterations": iterations,
        "elites": max(1, samples // 8),
        "prior_trajectories": min(24, samples // 4),
        "precision": precision,
    }


def measure(args: argparse.Namespace) -> None:
    """Runs the episodes."""
    bundle, rows = load(args.bundle), []
    if bundle.planner is None:
        raise SystemExit(f"{bundle.name} has no world model")
    task = BuiltinTask(args.task)
    observer = Observer(bundle.observation, task.observes)
    budgets = [tuple(map(int, b.split("x"))) for b in args.budgets.split(",")] if args.budgets else BUDGETS
    path = DATA / f"quality-{bundle.name}-{args.task}.json"
    DATA.mkdir(parents=True, exist_ok=True)
    contenders = [("experts", None), *(("full", settings(*b, p)) for p, b in itertools.product(PRECISIONS, budgets))]
    for name, chosen in contenders:
        driver = Driver(name, bundle, args.task, settings=chosen or {})
        row = {"controller": name, **(chosen or {}), **gate(driver, bundle)}
        if chosen is None or row["used"] == chosen["precision"]:
            runs = [run_episode(task, driver, observer, args.seed + k) for k in range(args.episodes)]
            returns = [run.total for run in runs]
            row |= {"return_mean": float(np.mean(returns)), "return_min": float(np.min(returns)), "returns": returns}
        rows.append(row)
        print(json.dumps({k: v for k, v in row.items() if k != "returns"}), file=sys.stderr)
        found = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "bundle": bundle.name, "task": args.task}
        found |= {"digest": bundle.digest, "seed": args.seed, "episodes": args.episodes, "planner": bundle.planner}
        path.write_text(json.dumps({**found, "rows": rows}, indent=1) + "\n")
    task.close()
    choose(rows)


def gate(driver: Driver, bundle: _core.Bundle) -> dict:
    """What the precision gate found, and what a plan costs with every expert in the mixture."""
    planner = driver.planner
    if planner is None:
        return {}
    report, n = planner.precision, len(bundle.skills)
    heads = any(name.startswith("latent") for name in bundle.files)
    inputs = {"phi": np.zeros(bundle.feature_size, np.float32)}
    if heads:
        inputs["mixture"] = np.full(n, 1 / n, np.float32)
    return {
        "used": report["used"],
        "rank_correlation": report["rank_correlation"],
        "action_difference": report["action_difference"],
        "refused": report["message"],
        "p50_ms": float(np.median(planner.measure(**inputs, seconds=0.5, least=20)) / 1e6),
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
    parser.add_argument("what", choices=["measure", "draw"])
    parser.add_argument("--bundle", type=Path, help="a folder or zip with a world model")
    parser.add_argument("--task", default="walk")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budgets", help="samples x iterations, such as 512x6,128x3; default: a grid")
    args = parser.parse_args()
    if args.what == "measure" and args.bundle is None:
        parser.error("measure needs --bundle")
    {"measure": lambda: measure(args), "draw": draw}[args.what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
