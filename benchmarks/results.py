r"""The table of returns, docs/results.md: ours as measured, beside the published figures.

    python benchmarks/results.py measure --bundle models/h1-locomotion --controllers full,experts
    python benchmarks/results.py measure --bundle models/h1-locomotion --disturbances all
    python benchmarks/results.py measure --bundle runs/h1-household-whole --ablation --tasks door \
      --controllers full,experts,no-gate,no-guidance,planner-only,no-semantic
    python benchmarks/results.py write

`measure` runs episodes and keeps them in benchmarks/data/returns/; `write` renders every measurement that is there,
the composed task's (benchmarks/composed.py) and the baseline's (benchmarks/baseline.py).
A row of ours that was not measured does not appear. The published figures are copied from their papers, and say so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "benchmarks" / "data" / "returns"
COMPOSED = ROOT / "benchmarks" / "data"
BASELINE = ROOT / "benchmarks" / "data" / "baseline"
ABLATION = ROOT / "benchmarks" / "data" / "ablation"
TASKS = ("stand", "walk", "run", "reach", "door")

#: Published returns: method -> source, robot, task -> text (steps in brackets). Not measured by us.
PAPER = "MetaWorld, arXiv 2601.17507, Table 1"
PUBLISHED: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "MetaWorld", PAPER, "h1",
        {"stand": "793.4 ± 13.5 (0.8M)", "walk": "701.2 ± 7.6 (1.4M)", "run": "1689.9 (1.9M) [1]",
         "door": "680.0 ± 50 (1.7M)"},
    ),
    (
        "TD-MPC2", PAPER, "h1",
        {"stand": "749.8 ± 54.3 (1.9M)", "walk": "644.2 ± 162.3 (1.8M)", "run": "66.1 ± 4.7 (2.0M)",
         "door": "179.8 ± 52.9 (2.0M)"},
    ),
    (
        "DreamerV3", PAPER, "h1",
        {"stand": "699.3 ± 62.7 (5.5M)", "walk": "428.2 ± 14.5 (6.0M)", "run": "298.5 ± 84.5 (6.0M)",
         "door": "165.8 ± 50.2 (9.0M)"},
    ),
    (
        "best published on h1", "SAC, SimbaV2, SimBa, TD-MPC2", "h1",
        {"stand": "SAC 824", "walk": "SimbaV2 846 (1M)", "run": "TD-MPC2 792 (2M)", "reach": "SimBa 6277 (2M)"},
    ),
    (
        "best published on h1hand", "FastTD3", "h1hand",
        {"stand": "912 (6.4M)", "walk": "928 (6.4M)", "run": "902 (9.6M)", "reach": "8147-8748 (19M)",
         "door": "332 (12.8M)"},
    ),
)  # fmt: skip
NOTE_CAP = (
    "[1] The reward of a decision is at most 1 and an episode has 1000 decisions, so the strict maximum of stand, "
    "walk, run and door is 1000: this figure cannot be a return of the benchmark."
)


def measure(args: argparse.Namespace) -> Path:
    """Run episodes of a bundle and keep them with what is known of its training."""
    sys.path.insert(0, str(ROOT / "python"))
    from metaworld_rt.cli.common import versions
    from metaworld_rt.controller import load
    from metaworld_rt.evaluate import evaluate
    from metaworld_rt.evaluate.controllers import doable
    from metaworld_rt.plants import suite

    bundle = load(args.bundle)
    tasks = args.tasks.split(",") if args.tasks else doable(bundle)
    troubles = suite.expand(args.disturbances.split(","))
    controllers = args.controllers.split(",")
    description = json.loads((Path(args.bundle) / "bundle.json").read_text())
    kind = "" if troubles == ["calm"] else "-disturbed"
    seeds = training_seeds(args.training_seed)
    label = seed_label(seeds).replace(", ", "-").replace(" ", "")
    folder = ABLATION if args.ablation else DATA
    path = folder / f"{description['name']}-{args.suite}{kind}-seed{label}.json"
    now = {"bundle_digest": bundle.digest, "versions": versions(), "first_seed": args.seed}
    before = json.loads(path.read_text()) if path.exists() else now
    differ = [key for key in now if before.get(key) != now[key]]
    if differ and not args.replace:
        raise SystemExit(f"{path} has another {', '.join(differ)}, and its rows would be lost: give --replace")
    rows = evaluate(bundle, tasks, controllers, args.episodes, args.seed, args.suite, disturbances=troubles)
    if path.exists() and not differ:  # read anew: another run may have added rows meanwhile
        rows = merged(json.loads(path.read_text())["results"], rows)
    document = {
        "schema": "metaworld_rt.eval/1",
        "suite": args.suite,
        "bundle": description["name"],
        "folder": os.path.relpath(args.bundle, ROOT),
        **now,
        **seeds,
        "training": description.get("provenance", {}),
        "results": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def kept(folder: Path, pattern: str = "*.json") -> list[dict]:
    """The documents in a folder, by name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]


def merged(before: list[dict], now: list[dict]) -> list[dict]:
    """The rows of now, and those of before that were not measured again."""

    def key(row: dict) -> tuple:
        return row["task"], row["disturbance"], row["controller"]

    return list(({key(row): row for row in before} | {key(row): row for row in now}).values())


def rows_of(documents: Iterable[dict]) -> list[dict]:
    """Measured rows, one a (bundle, suite, mujoco, controller): episodes of every training seed pooled a task."""
    pooled: dict[tuple, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    training: dict[tuple, dict[str, dict]] = defaultdict(dict)
    for document in documents:
        where = (document["bundle"], document["suite"], document["versions"]["mujoco"])
        if is_disturbed(document):
            continue
        for row in document["results"]:
            key = (*where, row["controller"])
            pooled[key][row["task"]].append({**row, "training_seed": seed_of(document, row["task"])})
            training[key][seed_label(document)] = document.get("training", {})
    out = []
    for (bundle, suite, mujoco, controller), tasks in sorted(pooled.items()):
        cells = {}
        for task, parts in tasks.items():
            returns = np.concatenate([part["returns"] for part in parts])
            cells[task] = {
                "mean": float(returns.mean()),
                "std": float(returns.std()),
                "min": float(returns.min()),
                "episodes": len(returns),
                "seeds": len({part["training_seed"] for part in parts}),
            }
        out.append({"bundle": bundle, "suite": suite, "mujoco": mujoco, "controller": controller, "cells": cells,
                    "training": training[bundle, suite, mujoco, controller]})  # fmt: skip
    return out


def training_seeds(text: str) -> dict:
    """What `--training-seed` says, as a document has it: a seed, and those of tasks that were trained with another.

    Raises:
        SystemExit: it is not like 0 or 0,door=2.
    """
    first, *others = text.split(",")
    try:
        of_tasks = {task: int(seed) for task, _, seed in (part.partition("=") for part in others)}
        return {"training_seed": int(first), **({"training_seeds": of_tasks} if of_tasks else {})}
    except ValueError as error:
        raise SystemExit(f"--training-seed {text}: give a number, and others by task, as in 0,door=2") from error


def seed_of(document: dict, task: str) -> int:
    """The training seed of what does a task."""
    return document.get("training_seeds", {}).get(task, document["training_seed"])


def seed_label(document: dict) -> str:
    """The training seeds of a measurement: 0, or 0, door 2."""
    others = document.get("training_seeds", {})
    return ", ".join([str(document.get("training_seed", 0)), *(f"{task} {seed}" for task, seed in others.items())])


def is_disturbed(document: dict) -> bool:
    """Whether a measurement is one of the disturbance suite."""
    return any(row["disturbance"] != "calm" for row in document["results"])


def lineage(provenance: dict) -> list[dict]:
    """A training and those that it began from."""
    return [provenance, *(lineage(provenance["start"]) if "start" in provenance else [])]


def costs(trainings: dict[str, dict], controller: str) -> str:
    """What each training seed cost, those apart that differ."""
    seeds: dict[str, list[str]] = defaultdict(list)
    for seed, training in sorted(trainings.items()):
        seeds[cost(training, controller)].append(seed)
    if len(seeds) == 1:
        return next(iter(seeds))
    return "<br>".join(f"seed {'; '.join(of)}: {text}" for text, of in seeds.items())


def cost(training: dict, controller: str) -> str:
    """Decisions and minutes of training, as the bundle's provenance gives them."""
    parts = []
    experts = training.get("experts", {})
    if experts:
        runs = [run for expert in experts.values() for run in lineage(expert)]
        runs = list({json.dumps(run, sort_keys=True): run for run in runs}.values())  # two experts may share a start
        decisions = sum(run.get("decisions", 0) for run in runs)
        minutes = sum(run.get("minutes", 0.0) for run in runs)
        parts.append(f"experts {decisions / 1e6:.1f}M, {minutes:.0f} min")
    model = training.get("world_model")
    if model and not controller.startswith("expert"):
        parts.append(f"world model {model['decisions'] / 1e6:.2f}M, {model['minutes']:.0f} min")
    return "; ".join(parts) or "-"


def render(documents: list[dict]) -> str:
    """The whole of docs/results.md."""
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/results.py write`. Undiscounted returns; 1000 decisions an episode.",
        "",
        "## Ours, measured",
        "Suite `builtin` is `metaworld_rt.tasks` (equal to HumanoidBench's h1 but for the foot, see the tests of",
        "`tests/tasks`); `humanoid_bench` is the real benchmark, untouched, with the versions that its setup.py pins "
        "(mujoco 3.1.6, dm_control 1.0.20). Mean ± standard deviation over all episodes (least; "
        "episodes / training seeds). Training: decisions and minutes on 2 cores, of the bundle's checkpoints and of "
        "those that they began from.",
        "",
        "| bundle | controller | suite | robot, mujoco | " + " | ".join(TASKS) + " | training |",
        "|---" * (5 + len(TASKS)) + "|",
    ]
    for row in rows_of(documents):
        cells = []
        for task in TASKS:
            cell = row["cells"].get(task)
            cells.append(
                f"{cell['mean']:.1f} ± {cell['std']:.1f} ({cell['min']:.1f}; {cell['episodes']}/{cell['seeds']})"
                if cell
                else "-"
            )
        lines.append(
            f"| {row['bundle']} | {row['controller']} | {row['suite']} | h1, {row['mujoco']} | {' | '.join(cells)} "
            f"| {costs(row['training'], row['controller'])} |"
        )
    lines += baseline()
    lines += motion(documents)
    lines += disturbed(documents)
    lines += ablation()
    lines += composed()
    lines += trials()
    lines += [
        "",
        "## Published, not measured by us",
        "Environment steps in brackets where they are given. h1hand has hands and 61 actuators: another robot.",
        "",
        "| method | from | robot | " + " | ".join(TASKS) + " |",
        "|---" * (3 + len(TASKS)) + "|",
    ]
    for method, source, robot, figures in PUBLISHED:
        lines.append(f"| {method} | {source} | {robot} | " + " | ".join(figures.get(t, "-") for t in TASKS) + " |")
    return "\n".join([*lines, "", NOTE_CAP, ""])


def motion(documents: list[dict]) -> list[str]:
    """How smooth each controller moves, on our tasks."""
    rows = [
        (document["bundle"], seed_of(document, row["task"]), row)
        for document in documents
        if document["suite"] == "builtin" and not is_disturbed(document)
        for row in document["results"]
    ]
    lines = [
        "",
        "## Motion",
        "Suite `builtin`, the episodes above. Action rate: mean squared change of a joint's position target between "
        "decisions, rad². Jerk: mean squared third difference of a joint's position at 50 Hz, (rad/s³)².",
        "",
        "| bundle | training seed | task | controller | return | action rate | jerk |",
        "|---|---|---|---|---|---|---|",
    ]
    for bundle, seed, row in rows:
        lines.append(
            f"| {bundle} | {seed} | {row['task']} | {row['controller']} | {row['return_mean']:.1f} "
            f"| {row['action_rate']:.5f} | {row['jerk']:.3g} |"
        )
    return lines


def disturbed(documents: list[dict]) -> list[str]:
    """The disturbance suite: controllers side by side, with what each keeps of its calm return."""
    lines = []
    for document in filter(is_disturbed, documents):
        rows = {(r["task"], r["disturbance"], r["controller"]): r for r in document["results"]}
        tasks, troubles, controllers = (list(dict.fromkeys(key[i] for key in rows)) for i in range(3))
        counts = Counter(row["episodes"] for row in rows.values())
        usual = max(counts, key=counts.__getitem__)
        more = {key[1]: row["episodes"] for key, row in rows.items() if row["episodes"] != usual}
        episodes = ", ".join([f"{usual} episodes each", *(f"{n} under {trouble}" for trouble, n in more.items())])
        lines += [
            "",
            f"## Under disturbance: {document['bundle']}{of_seed(document)}",
            f"Of the suite (`eval --disturbances`, `plants/suite.py`), {episodes}, from the same seeds, mujoco "
            f"{document['versions']['mujoco']}. Mean return, in brackets its share of the calm return and the mean "
            "decisions lived.",
            "",
            "| task | disturbance | " + " | ".join(controllers) + " |",
            "|---" * (2 + len(controllers)) + "|",
        ]
        for task in tasks:
            for trouble in troubles:
                cells = []
                for name in controllers:
                    row, calm = rows[task, trouble, name], rows[task, "calm", name]
                    share = row["return_mean"] / calm["return_mean"]
                    cells.append(f"{row['return_mean']:.1f} ({100 * share:.0f} %, {row['length_mean']:.0f})")
                lines.append(f"| {task} | {trouble} | {' | '.join(cells)} |")
    return lines


def baseline() -> list[str]:
    """TD-MPC2 trained from scratch by the same code, where it was."""
    documents = kept(BASELINE)
    if not documents:
        return []
    lines = [
        "",
        "## TD-MPC2 from scratch, ours",
        "`benchmarks/baseline.py`: the same code as published, without experts, in the trainer's arena, our tasks. The "
        "published runs had 2M steps; this is what fits beside the rest on a CPU.",
        "",
        "| task | size | decisions | updates | minutes | mujoco | return |",
        "|---|---|---|---|---|---|---|",
    ]
    for d in documents:
        s = d["scores"]
        lines.append(
            f"| {d['skill']} | {d['size']} | {d['decisions']} | {d['updates']} | {d['minutes']:.0f} "
            f"| {d['versions']['mujoco']} | {s['return_mean']:.1f} ± {s['return_std']:.1f} "
            f"({s['return_min']:.1f}; {s['episodes']}/1) |"
        )
    return lines


def ablation() -> list[str]:
    """Controllers side by side, of bundles with a planner that was not tried."""
    lines = []
    for document in kept(ABLATION):
        lines += [
            "",
            f"## Ablations with an untried planner: {document['bundle']}, {document['suite']}",
            "The shipped experts and handover, and a planner for every skill that no trial was asked about (`export "
            f"--untried`); mujoco {document['versions']['mujoco']}. Mean ± standard deviation (least; episodes).",
            "",
            "| task | controller | return | of `full` | action rate, rad² | jerk, (rad/s³)² |",
            "|---|---|---|---|---|---|",
        ]
        full = {row["task"]: row["return_mean"] for row in document["results"] if row["controller"] == "full"}
        for row in document["results"]:
            returns = np.array(row["returns"])
            lines.append(
                f"| {row['task']} | {row['controller']} | {returns.mean():.1f} ± {returns.std():.1f} "
                f"({returns.min():.1f}; {len(returns)}) | {100 * returns.mean() / full[row['task']]:.0f} % "
                f"| {row['action_rate']:.5f} | {row['jerk']:.3g} |"
            )
    return lines


def composed() -> list[str]:
    """The composed tasks that were measured."""
    lines = []
    for document in kept(COMPOSED, "composed*.json"):
        script = ", ".join(f"{skill} {seconds} s" for skill, seconds in document["script"])
        lines += [
            "",
            f"## A composed task: {document['bundle']}{of_seed(document)}",
            f"`benchmarks/composed.py`: {script}. Falls over all seeds; the reward of each part is its own task's.",
            "",
            "| controller | return | least | of | falls |",
            "|---|---|---|---|---|",
        ]
        for row in document["rows"]:
            lines.append(
                f"| {row['controller']} | {row['return_mean']:.1f} ± {row['return_std']:.1f} | {row['return_min']:.1f} "
                f"| {row['most']} | {row['falls']} of {row['seeds']} |"
            )
    return lines


def of_seed(document: dict) -> str:
    """The training seed in a heading."""
    return f", training seed {seed_label(document)}"


def trials() -> list[str]:
    """What was tried when a shipped bundle was exported: its gate, its handover, and planner settings."""
    lines = []
    for description in kept(ROOT / "models", "*/bundle.json"):
        name, provenance = description["name"], description["provenance"]
        gate, model = provenance.get("gate", {}), provenance.get("world_model", {})
        handover = provenance.get("handover", {})
        if gate.get("trials"):
            lines += trial_table(
                f"## The gate tried: {name}",
                gate["trials"],
                "`switches`: commands that change every three seconds and pushes, the share of what the commanded "
                "skills give at best, for twice as many episodes. A gate is taken if it loses nothing when calm, "
                "within a standard error, and gains in the rest: this one was "
                f"{'taken' if gate['used'] else 'left out'}.",
            )
        if handover.get("trials"):
            lines += trial_table(
                f"## The handover tried: {name}",
                handover["trials"],
                "Commands that change every three seconds and pushes; in the first row each skill takes over at once. "
                f"A handover is taken if it gains: this one was {'taken' if handover['used'] else 'left out'}. Of the "
                f"switches held out in its training {100 * handover['managed']:.0f} % went well, and of those that it "
                f"would have made at once ({100 * handover['ready']:.0f} %) {100 * handover['managed_ready']:.1f} %.",
            )
        if model.get("trials"):
            skills = (description.get("planner") or {}).get("skills")
            where = f" This one plans for {', '.join(skills)} alone." if skills else ""
            lines += trial_table(
                f"## Planner settings tried: {name}",
                model["trials"],
                "`train/tune.py` has the settings. A setting is for the skills on which it loses nothing calm, within "
                "a standard error, and nothing when pushed. Taken is the best when pushed of those that lose nothing "
                f"where commands change, either.{where}",
            )
    return lines


def trial_table(title: str, table: list[dict], rule: str) -> list[str]:
    """Controllers down, situations and skills across; a dash where one was not flown, having failed before."""
    cells = {(r["controller"], r["situation"], r["skill"]): r for r in table}
    columns = list(dict.fromkeys(key[1:] for key in cells))
    lines = [
        "",
        title,
        f"By `export`, {table[0]['episodes']} episodes each from the same seeds, in the trainer's arena (physics "
        f"without a warm start). Mean return, in brackets the mean decisions lived. {rule}",
        "",
        "| controller | " + " | ".join(f"{skill}, {situation}" for situation, skill in columns) + " |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for name in dict.fromkeys(key[0] for key in cells):
        row = [cells.get((name, *column)) for column in columns]
        shown = [f"{r['return_mean']:.1f} ({r['length_mean']:.0f})" if r else "-" for r in row]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("measure", help="run episodes")
    run.add_argument("--bundle", required=True)
    run.add_argument("--controllers", default="full,experts")
    run.add_argument("--tasks", default="")
    run.add_argument("--disturbances", default="calm", help="names of plants/suite.py, or all")
    run.add_argument("--episodes", type=int, default=10)
    run.add_argument("--seed", type=int, default=0, help="of the first episode")
    run.add_argument("--training-seed", default="0", help="that the bundle was trained with; others by task: 0,door=2")
    run.add_argument("--replace", action="store_true", help="rows of another bundle, version or first seed are dropped")
    run.add_argument("--ablation", action="store_true", help="of a bundle that is not shipped: into a table of its own")
    run.add_argument("--suite", choices=["builtin", "humanoid_bench"], default="builtin")
    write = commands.add_parser("write", help="render docs/results.md")
    write.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md")
    args = parser.parse_args(arguments)
    if args.command == "measure":
        print(measure(args))
        return 0
    documents = kept(DATA)
    if not documents:
        print(f"no measurement in {DATA}: run `measure` first", file=sys.stderr)
        return 1
    args.out.write_text(render(documents))
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
