"""``python -m metaworld_rt.train.expert walk --out runs/walk``: trains one expert, without the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from metaworld_rt.train.expert.checkpoint import CheckpointError
from metaworld_rt.train.expert.skill import SKILLS
from metaworld_rt.train.expert.trainer import train_expert


def main() -> int:
    """Parses arguments and trains."""
    parser = argparse.ArgumentParser(prog="python -m metaworld_rt.train.expert")
    parser.add_argument("name", help=f"one of {', '.join(SKILLS)}; any name with --motion")
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--decisions", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--start", help="checkpoint to fine-tune from")
    parser.add_argument("--bank", action="append", default=[], help="npz of states of other skills; may be repeated")
    parser.add_argument("--bank-share", type=float, help="of the episodes that start from them")
    parser.add_argument("--motion", help="a motion clip (.npz or .csv) to repeat")
    parser.add_argument("--envs", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--collisions", choices=["fast", "full"], default="fast")
    parser.add_argument("--fresh", action="store_true", help="begin anew even if the folder holds a checkpoint")
    args = parser.parse_args()
    count = [0]

    def progress(figures: dict) -> None:
        count[0] += 1
        if "eval" in figures:
            print(f"  eval {figures['eval']}", flush=True)
        elif count[0] % 20 == 1:
            shown = {k: round(v, 4) for k, v in figures.items() if k not in ("decisions", "total")}
            print(f"{figures['decisions'] / 1e6:.2f}/{figures['total'] / 1e6:.1f} M {shown}", flush=True)

    try:
        result = train_expert(
            args.name,
            args.out,
            args.seed,
            args.decisions,
            args.minutes,
            resume=not args.fresh,
            start=args.start,
            banks=[Path(p) for p in args.bank],
            bank_share=args.bank_share,
            envs=args.envs,
            threads=args.threads,
            collisions=args.collisions,
            motion=args.motion,
            progress=progress,
        )
    except (CheckpointError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{result.path}: {result.scores}, {result.decisions} decisions, {result.minutes:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
