"""Which of the planner's settings matter: one thing changed at a time, against the experts from the same seeds.

    python benchmarks/planner_settings.py --bundle models/h1-locomotion --tasks stand --docs docs/training.md

Through the C++ controller on our tasks, undisturbed. The difference is paired: episode by episode, with its standard
error, so that a tenth of a thousandth shows. Writes benchmarks/data/planner/settings.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from metaworld_rt.cli.common import versions
from metaworld_rt.controller import load
from metaworld_rt.evaluate.builtin import BuiltinTask
from metaworld_rt.evaluate.controllers import Driver
from metaworld_rt.evaluate.episodes import run_episode
from metaworld_rt.evaluate.observation import Observer
from page import keep
from planner_curves import machine

DATA = Path(__file__).parent / "data" / "planner" / "settings.json"
CHANGES: dict[str, dict[str, float | str]] = {
    "the bundle's own": {},
    "half the seeds from the prior": {"prior_trajectories": 8, "expert_trajectories": 8},
    "no seeds": {"prior_trajectories": 0, "expert_trajectories": 0},
    "temperature 0.5": {"temperature": 0.5},
    "temperature 2": {"temperature": 2.0},
    "guidance 0.3": {"guidance": 0.3},
    "guidance 1": {"guidance": 1.0},
    "guidance 0": {"guidance": 0.0},
    "std up to 0.15": {"max_std": 0.15},
    "std from 0.05": {"min_std": 0.05},
    "horizon 1": {"horizon": 1},
    "horizon 5": {"horizon": 5},
    "mean of the Q heads": {"q_reduction": "mean"},
    "8 elites": {"elites": 8},
}


def measure(bundle, task_name: str, episodes: int, seed: int) -> list[dict]:
    """Every change on one task."""
    task = BuiltinTask(task_name)
    observer = Observer(bundle.observation, task.observes)

    def returns(driver: Driver) -> tuple[np.ndarray, float]:
        runs = [run_episode(task, driver, observer, seed + k) for k in range(episodes)]
        return np.array([run.total for run in runs]), float(np.mean([run.jerk for run in runs]))

    base, jerk = returns(Driver("experts", bundle, task_name))
    rows = [{"task": task_name, "change": "experts alone", "returns": base.tolist(), "jerk": jerk}]
    for name, settings in CHANGES.items():
        values, jerk = returns(Driver("full", bundle, task_name, settings=settings))
        off = values - base
        row = {"task": task_name, "change": name, "settings": settings, "returns": values.tolist(), "jerk": jerk}
        row |= {"difference": float(off.mean()), "error": float(off.std(ddof=1) / np.sqrt(episodes))}
        rows.append(row)
        print(
            f"{task_name:6} {name:30} {values.mean():7.2f} {row['difference']:+8.2f} ± {row['error']:.2f}", flush=True
        )
    task.close()
    return rows


def table(document: dict) -> str:
    """The rows as a table of Markdown."""
    lines = [
        f"`benchmarks/planner_settings.py`, {document['bundle']}, {document['episodes']} episodes a row from the same "
        f"seeds, mujoco {document['versions']['mujoco']}, {document['machine']}:",
        "",
        "| task | changed | mean return | against the experts | jerk, (rad/s³)² |",
        "|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        off = f"{row['difference']:+.2f} ± {row['error']:.2f}" if "difference" in row else "-"
        lines.append(f"| {row['task']} | {row['change']} | {np.mean(row['returns']):.2f} | {off} | {row['jerk']:.3g} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Measure, write the JSON, and the table where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="models/h1-locomotion")
    parser.add_argument("--tasks", default="stand")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--docs", type=Path, help='a page with a block "planner settings"')
    args = parser.parse_args()
    bundle = load(args.bundle)
    rows = [row for name in args.tasks.split(",") for row in measure(bundle, name, args.episodes, args.seed)]
    document = {"schema": "metaworld_rt.planner_settings/1", "bundle": bundle.name, "digest": bundle.digest}
    document |= {
        "episodes": args.episodes,
        "seed": args.seed,
        "machine": machine(),
        "versions": versions(),
        "rows": rows,
    }
    keep(document, DATA, args.docs, "planner settings", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
