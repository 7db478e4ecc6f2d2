"""PyTorch checkpoints to a bundle: experts, the gate, and the world model with planner settings chosen by trial."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import UserError
from ..train.world_model.config import TRIAL_EPISODES
from . import common
from .train import need_torch

HELP = "PyTorch checkpoints to a bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--experts", type=Path, required=True, metavar="DIR", help="holds <skill>.pt of each expert")
    parser.add_argument(
        "--skills", type=common.names, default=["stand", "walk", "run"], metavar="A,...", help="default: stand,walk,run"
    )
    parser.add_argument("--gate", type=Path, metavar="FILE", help="gate.pt of `train gate`; its trial takes minutes")
    parser.add_argument("--handover", type=Path, metavar="FILE", help="handover.pt of `train handover`")
    parser.add_argument("--world-model", type=Path, metavar="DIR", help="of `train world-model`; takes minutes")
    parser.add_argument("--base", type=Path, metavar="BUNDLE",
                        help="a bundle of these experts, to which only the handover is new")  # fmt: skip
    parser.add_argument("--drop-gate", action="store_true", help="with --base: leave its gate out")
    parser.add_argument("--settings", type=common.names, metavar="A,...",
                        help="planner settings to try: near, nearer, nearest (default: all)")  # fmt: skip
    parser.add_argument("--untried", metavar="NAME",
                        help="planner settings that the bundle has without trials, as it has gate and handover: for "
                             "ablations of what the trials refuse")  # fmt: skip
    parser.add_argument("--episodes", type=common.positive(int), default=TRIAL_EPISODES, metavar="N",
                        help="of each trial of gate, handover and planner settings (default: %(default)s)")  # fmt: skip
    parser.add_argument("--trials", type=Path, metavar="DIR",
                        help="keeps each score of the trials: the same call, killed, goes on there")  # fmt: skip
    parser.add_argument("--threads", type=common.positive(int), default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="B", help="the bundle: a folder, or a .zip")
    parser.add_argument("--name", metavar="NAME", help="default: the name of --out")
    parser.add_argument("--bundle-version", default="0.1.0", metavar="V", help="default: %(default)s")
    parser.add_argument(
        "--alpha", type=common.share, default=0.7, metavar="A",
        help="trust in commanded weights against the gate, 0..1 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    common.check_writable(args.json, "the result")
    if args.out.exists() and not args.overwrite:
        raise UserError(f"{args.out} exists; remove it or pass --overwrite")
    if args.drop_gate and args.base is None:
        raise UserError("--drop-gate goes with --base")
    if args.untried and (args.world_model is None or args.settings):
        raise UserError("--untried goes with --world-model, and nothing else is to be tried with --settings")
    if args.base is not None and (args.handover is None or args.world_model or args.settings):
        raise UserError("--base goes with --handover, and its planner stays as it is")
    need_torch()
    from ..controller import load
    from ..train.pipeline import write
    from ..train.revise import revise
    from ..train.world_model.library import load_library
    from .train_stage2 import Bar

    bar, library = Bar(), load_library(args.experts, args.skills)
    shared = {
        "gate": args.gate,
        "episodes": args.episodes,
        "threads": args.threads,
        "trials": args.trials,
        "progress": bar,
    }
    if args.base is not None:
        keep = not args.drop_gate
        result = revise(
            library, args.base, args.out, args.handover, version=args.bundle_version, keep_gate=keep, **shared
        )
    else:
        result = write(
            library,
            args.out,
            handover=args.handover,
            world_model=args.world_model,
            settings=args.settings,
            untried=args.untried,
            name=args.name or args.out.stem,
            version=args.bundle_version,
            alpha=args.alpha,
            **shared,
        )
    bar.close()
    if args.gate and args.base is None and not result["gate"]["used"]:
        print("the gate lost to the experts without it: the bundle has none", file=sys.stderr)
    if args.handover and not result["handover"]["used"]:
        print("the handover gained nothing where commands change: the bundle has none", file=sys.stderr)
    if args.world_model and not result["planner"]:
        print("no planner settings kept the experts' returns: the bundle's planner stays off", file=sys.stderr)
    bundle = load(args.out)  # what was written is what a host can load
    size = sum(file["bytes"] for file in bundle.files.values())
    common.write_json(
        args.json,
        "export",
        {
            "path": str(args.out),
            "name": bundle.name,
            "digest": bundle.digest,
            "bytes": size,
            "skills": bundle.skills,
            "gate": bundle.has_gate,
            "handover": bundle.has_handover,
            "selftest_cases": bundle.selftest_cases,
        },
    )
    print(f"{args.out}: {', '.join(bundle.skills)}; {size / 1e6:.2f} MB, {bundle.selftest_cases} self-tests replayed")
    return 0
