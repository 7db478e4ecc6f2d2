"""A start for an expert at the door: one network that does what the arms of a way and the legs of footwork do.

    python -m metaworld_rt.train.expert.door_clone door_open --way door_open.npz --legs footwork.pt --out start.pt

More and more of the robots act by the student, all are told what the teacher would do: dataset aggregation (Ross et
al., arXiv 1011.0686). Some minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint, door_way
from metaworld_rt.train.expert.door import DoorEnv
from metaworld_rt.train.expert.door_hook import ARMS
from metaworld_rt.train.expert.door_search import footwork, load_legs
from metaworld_rt.train.expert.door_way import Way
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.skill import Skill, get_skill
from metaworld_rt.train.expert.trainer import new_expert

_ROBOTS, _STEPS = 128, 80
_BATCH = 512
_NOISE = 0.03  # of the actions
_STD = 0.12  # of the student's exploration afterwards, in units of its output


def clone(
    skill: Skill, way: Way, legs: Expert, period: float, rounds: int = 12, updates: int = 1000, seed: int = 0
) -> Expert:
    """Trains the start.

    Args:
        skill: of the door.
        way: its way.
        legs: an expert of footwork; reads the household layout.
        period: of its gait, s.
        rounds: of collecting and learning.
        updates: gradient steps of each round.
        seed: of everything random.
    """
    torch.manual_seed(seed)
    env, rng = DoorEnv(skill, _ROBOTS, seed, 1, banks=[way.states]), np.random.default_rng(seed)
    student = new_expert(skill, features.HOUSEHOLD)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
    gain, last = student.gain.double().numpy(), len(way) - 1
    phi, seen, told = env.observe(), [], []
    for turn in range(rounds):
        led = np.arange(_ROBOTS) < _ROBOTS * max(0.1, 1.0 - 0.2 * turn)
        for _ in range(_STEPS):
            at = np.clip(env.clock, 0, last)
            walked = footwork(
                legs,
                env.physics,
                env.action,
                way.states.phase[at] + (env.clock - at) * DECISION_DT / period,
                way.place[at],
                way.heading[at],
                env.senses,
            )
            with torch.no_grad():
                own = student(torch.from_numpy(phi)).double().numpy()
            teacher = np.where(ARMS, way.command[at], walked)
            seen.append(phi)
            told.append(teacher / gain)
            phi = env.step(np.where(led[:, None], teacher, own) + _NOISE * rng.normal(size=teacher.shape)).phi
        x, y = torch.from_numpy(np.concatenate(seen)), torch.from_numpy(np.concatenate(told)).float()
        if turn == 0:
            student.normaliser.mean.copy_(x.mean(0))
            student.normaliser.variance.copy_(x.var(0))
        for step in range(updates):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 if turn < rounds - 1 else 1e-3 * (1.0 - step / updates)
            rows = torch.randint(0, len(x), (_BATCH,))
            loss = (student.mean(x[rows]) - y[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    env.close()
    with torch.no_grad():
        student.log_std.fill_(float(np.log(_STD)))
    return student


def main(argv: Sequence[str] | None = None) -> int:
    """Trains a start and writes it as a checkpoint for `train expert --start`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skill", choices=["door_approach", "door_open", "door_pass"])
    parser.add_argument("--way", type=Path, required=True)
    parser.add_argument("--legs", type=Path, required=True, help="checkpoint of the expert of footwork")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    legs, period = load_legs(args.legs)
    content, way = checkpoint.load(args.legs), door_way.load(args.way)
    student = clone(get_skill(args.skill), way, legs, period, seed=args.seed)
    kept = {key: content[key] for key in ("hidden", "task", "description", "provenance")}
    checkpoint.save(
        args.out,
        {
            **kept,
            "name": f"{args.skill}_start",
            "period": len(way) * DECISION_DT,
            "features": checkpoint.pack_features(features.HOUSEHOLD),
            "actor": student.state_dict(),
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
