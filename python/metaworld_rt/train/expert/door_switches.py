"""States in which door_pass has taken over from door_open, as the controller lets it: starts for its practice.

    python -m metaworld_rt.train.expert.door_switches --experts models/checkpoints --out switches.npz

In scenes that differ as in practice, with the handover that is given; a robot that never opens the door gives none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.bank import Bank, join
from metaworld_rt.train.expert.door import VARIETY
from metaworld_rt.train.handover.train import Handover, load_handover
from metaworld_rt.train.world_model.arena import Arena, ArenaConfig
from metaworld_rt.train.world_model.library import ExpertLibrary, load_library
from metaworld_rt.train.world_model.script import plan_of

SKILLS = ("stand", "walk", "run", "reach", "door_approach", "door_open", "door_pass")
_DECISIONS = 260  # nearly all robots have opened by then
_ROBOTS = 256
_WHOLE = 0.999  # weight of an expert that has taken over


def gather(
    library: ExpertLibrary,
    robots: int,
    seed: int = 0,
    handover: Handover | None = None,
    decisions: int = _DECISIONS,
) -> Bank:
    """One batch: of each robot the state in which door_pass first has its whole weight."""
    at, plan = library.index("door_pass"), plan_of(get_task("door"), library)
    config = ArenaConfig(scene="door", decisions=decisions, variety=VARIETY)
    parts, done = [], np.zeros(robots, bool)
    with closing(Arena(library, robots, seed, config, plan=plan, handover=handover)) as arena:
        for _ in range(decisions - 1):
            view = arena.view()
            over = (arena.weights[:, at] > _WHOLE) & ~arena.over & ~done
            physics = arena.physics
            parts.append(Bank(physics.qpos[over], physics.qvel[over], arena.action[over], arena.phase[over]))
            done |= over | arena.over
            if done.all():
                break
            arena.step(view.reference)
    return join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Gathers batches and writes them as one bank."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=Path, required=True, help="folder of the household's checkpoints")
    parser.add_argument("--handover", type=Path, help="handover.pt; without it door_pass takes over at once")
    parser.add_argument("--batches", type=int, default=4, help=f"of {_ROBOTS} robots (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="the bank")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    library = load_library(args.experts, SKILLS)
    handover = load_handover(args.handover, library)[0] if args.handover else None
    states = join([gather(library, _ROBOTS, args.seed + batch, handover) for batch in range(args.batches)])
    states.save(args.out)
    print(f"{args.out}: {len(states.phase)} switches of {args.batches * _ROBOTS} robots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
