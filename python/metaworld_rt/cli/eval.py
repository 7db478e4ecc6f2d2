"""Runs lockstep episodes of controllers on tasks and reports their returns.

The controller decides at 50 Hz in lockstep with the physics; the same seed gives the same numbers.
"""

from __future__ import annotations

import argparse

from . import common

HELP = "returns of controllers on tasks"

CONTROLLERS = "full, no-semantic, no-gate, no-guidance, planner-only, experts, expert:NAME (expert:* for all)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common.add_bundle(parser)
    parser.add_argument(
        "--suite", choices=["builtin", "humanoid_bench"], default="builtin", help="our tasks, or the real benchmark"
    )
    parser.add_argument("--robot", default="h1", help="default: %(default)s")
    parser.add_argument(
        "--tasks",
        type=common.names,
        metavar="T,...",
        help="stand, walk, run, reach, door (default: what the bundle can do)",
    )
    parser.add_argument(
        "--controllers", type=common.names, default=["full"], metavar="C,...", help=f"{CONTROLLERS} (default: full)"
    )
    parser.add_argument(
        "--disturbances",
        type=common.names,
        default=["calm"],
        metavar="D,...",
        help="calm, pushes, payload, slippery, weak, late-20ms, late-40ms, noise, or all (default: calm)",
    )
    parser.add_argument("--episodes", type=common.positive(int), default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first episode (default: %(default)s)")
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    common.check_writable(args.json, "the result")
    from tqdm import tqdm

    from ..controller import load
    from ..evaluate import evaluate
    from ..evaluate.controllers import doable, expand
    from ..plants import suite

    bundle = load(args.bundle)
    tasks = args.tasks or doable(bundle)
    troubles = suite.expand(args.disturbances)
    total = len(tasks) * len(troubles) * len(expand(args.controllers, bundle)) * args.episodes
    with tqdm(total=total, unit="episode", disable=not common.interactive()) as bar:
        rows = evaluate(
            bundle,
            tasks,
            args.controllers,
            args.episodes,
            args.seed,
            args.suite,
            args.robot,
            lambda: bar.update(),
            troubles,
        )
    document = {
        "suite": args.suite,
        "bundle": bundle.name,
        "bundle_version": bundle.version,
        "bundle_digest": bundle.digest,
        "seed": args.seed,
        "versions": common.versions(),
        "results": rows,
    }
    common.write_json(args.json, "eval", document)
    keys = ["task", "disturbance", "controller", "episodes", "return_mean", "return_std", "return_min", "length_mean"]
    heads = ["task", "disturbance", "controller", "n", "mean", "std", "min", "length"]
    print(common.table([[row[key] for key in keys] for row in rows], heads))
    mujoco = document["versions"]["mujoco"]
    print(f"suite {args.suite}, robot {args.robot}, mujoco {mujoco}, bundle {bundle.name} {bundle.version}")
    return 0
