"""Whole states in which an expert at the door has taken over from the one before it, for its practice to begin in.

    python -m metaworld_rt.train.handover.switches --experts checkpoints --out switches.npz

Robots follow the plan of the task door from its reset, in scenes that differ as in the experts' practice, and each is
noted when the expert first has its full weight: the leaf has swung on meanwhile. About a minute for 320 robots.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.bank import Bank, join
from metaworld_rt.train.expert.door import MILD
from metaworld_rt.train.handover.trials import TO_SWITCH
from metaworld_rt.train.world_model.arena import Arena
from metaworld_rt.train.world_model.library import ExpertLibrary, load_library
from metaworld_rt.train.world_model.script import plan_of

SKILLS = ("stand", "door_approach", "door_open", "door_pass")
_FULL = 0.99


def switched(
    library: ExpertLibrary, robots: int, seed: int = 0, *, to: str = "door_pass", decisions: int = TO_SWITCH.decisions
) -> Bank:
    """The states, at most one a robot, in the order of their times.

    Args:
        library: the experts of the task door.
        robots: that try.
        seed: of their resets and scenes.
        to: the expert that takes over.
        decisions: after which nobody is waited for any more.

    Raises:
        ValueError: an unknown expert, or nobody came so far.
    """
    expert, plan = library.index(to), plan_of(get_task("door"), library)
    config = replace(TO_SWITCH, decisions=decisions + 1, variety=MILD)
    awaited, states = np.ones(robots, bool), []
    with closing(Arena(library, robots, seed, config, plan=plan)) as arena:
        for _ in range(decisions):
            view, physics = arena.view(), arena.physics
            rows = np.flatnonzero(awaited & (view.c[:, expert] > _FULL))
            awaited[rows] = False
            states.append(Bank(physics.qpos[rows], physics.qvel[rows], arena.action[rows], arena.phase[rows]))
            awaited &= ~arena.step(view.reference).dead
    found = join(states)
    if len(found) == 0:
        raise ValueError(f"{to} took over from nobody in {decisions} decisions: the skill before it did not get there")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=Path, required=True, help="folder of checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="bank of states, for train expert --bank")
    parser.add_argument("--robots", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    found = switched(load_library(args.experts, SKILLS), args.robots, args.seed)
    found.save(args.out)
    print(f"{args.out}: {len(found)} of {args.robots} robots, the hinge at {np.median(found.qpos[:, -2]):.2f} rad")
    return 0


if __name__ == "__main__":
    sys.exit(main())
