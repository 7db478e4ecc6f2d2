"""A start for an expert at the door: one network that does what the arms of a way and the legs of footwork do.

`door_approach` is whole with it: footwork towards the place in front of the door.

    python -m metaworld_rt.train.expert.door_clone door_open --way door_open.npz --legs footwork.pt --out start.pt

By `imitation`. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import door_reward
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert import door_way
from metaworld_rt.train.expert.door import FALLEN_HEIGHT, FALLEN_UP, DoorEnv, training_model
from metaworld_rt.train.expert.door_hook import ARMS
from metaworld_rt.train.expert.door_search import footwork, load_legs
from metaworld_rt.train.expert.door_way import Way
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.footwork import HEIGHT
from metaworld_rt.train.expert.imitation import STEPS, command_of, imitate, provenance_of, save_start
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import Step
from metaworld_rt.train.expert.skill import Skill, get_skill

IN_FRONT = np.array([0.0, 0.0])  # m, world: where the task begins, the hatch within reach
FAR_OFF = 1.2  # m
_ROBOTS = 128


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
    env = DoorEnv(skill, _ROBOTS, seed, 1, banks=[way.states])

    def teach() -> np.ndarray:
        at = env.frame()
        gait = way.states.phase[at] + (env.clock - at) * DECISION_DT / period
        walked = footwork(legs, env.physics, env.action, gait, way.place[at], way.heading[at], env.senses)
        return np.where(ARMS, way.command[at], walked)

    return imitate(skill, env, teach, rounds, updates, seed)


def clone_approach(
    skill: Skill, legs: Expert, period: float, rounds: int = 12, updates: int = 1000, seed: int = 0
) -> Expert:
    """Trains the expert that walks up to the door: footwork towards one place; arguments as of `clone`."""
    env = ApproachEnv(skill, _ROBOTS, seed)

    def teach() -> np.ndarray:
        place, gait = np.tile([*IN_FRONT, HEIGHT], (env.count, 1)), env.age * DECISION_DT / period
        walked = footwork(legs, env.physics, env.action, gait, place, np.zeros(env.count), env.senses)
        return np.where(ARMS, H1.action_of_target(H1.default_pos), walked)

    return imitate(skill, env, teach, rounds, updates, seed)


class ApproachEnv(SkillEnv):
    """Robots in the corridor before the door, up to `FAR_OFF` away from the place in front of it."""

    def __init__(self, skill: Skill, count: int, seed: int = 0, threads: int = 1) -> None:
        skill = replace(skill, weights={"task": 1.0})
        super().__init__(skill, training_model(), features.HOUSEHOLD, count, seed, threads)
        self.senses = Senses(self.physics)
        self.begin()
        self.age[:] = 0

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng = len(rows), self.rng
        qpos, qvel, action = self.home(n)
        qpos[:, 0] -= FAR_OFF * rng.random(n)
        qpos[:, 1] += rng.uniform(-0.15, 0.15, n)
        yaw = rng.normal(0.0, 0.25, n)
        qpos[:, 3], qpos[:, 6] = np.cos(0.5 * yaw), np.sin(0.5 * yaw)
        qvel[:, :6] += rng.normal(0.0, 0.15, (n, 6))
        return qpos, qvel, action

    def _started(self, rows: np.ndarray) -> None:
        self.senses.reset(rows)
        self._length[rows] = STEPS * 4

    def _extra(self) -> dict[str, np.ndarray]:
        return self.senses.terms()

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self.senses.update()
        return {"task": door_reward(step.signals)["reward"]}

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)


def score_approach(actor: Expert, skill: Skill, robots: int = 64, seed: int = 1234) -> dict[str, float]:
    """Six seconds from everywhere in the corridor: `arrived` is the share within 0.15 m of the place, on their feet."""
    env = ApproachEnv(skill, robots, seed)
    phi, alive = env.observe(), np.ones(robots, dtype=bool)
    for _ in range(300):
        with torch.no_grad():
            outcome = env.step(actor(torch.from_numpy(phi)).double().numpy())
        phi = outcome.phi
        alive &= ~outcome.terminated
    away = np.linalg.norm(env.physics.qpos[:, :2] - IN_FRONT, axis=-1)
    env.close()
    return {
        "episodes": robots,
        "upright": round(float(alive.mean()), 3),
        "arrived": round(float((alive & (away < 0.15)).mean()), 3),
        "away": round(float(np.median(away)), 3),
    }


def make(
    name: str, out: Path, legs: Path, way: Path | None = None, seed: int = 0, command: str = "", rounds: int = 12
) -> None:
    """Trains a start and writes it as a checkpoint for `train expert --start`; `door_approach` is whole with it.

    Args:
        name: door_approach, door_open or door_pass.
        out: the checkpoint.
        legs: checkpoint of the expert of footwork.
        way: of door_open or door_pass.
        seed: of everything random.
        command: that made it, for its provenance.
        rounds: of collecting and learning.

    Raises:
        CheckpointError: legs or a way that cannot be used, or a file that cannot be written.
    """
    (network, period), began, skill = load_legs(legs), time.monotonic(), get_skill(name)
    provenance = provenance_of(command, seed, rounds * _ROBOTS * STEPS, legs)
    length = 0.0
    if way is None:
        student = clone_approach(skill, network, period, rounds, seed=seed)
        provenance["scores"] = score_approach(student, skill)
    else:
        shown = door_way.load(way)
        student = clone(skill, shown, network, period, rounds, seed=seed)
        name, length = f"{name}_start", len(shown) * DECISION_DT / skill.busy
    provenance["minutes"] = round((time.monotonic() - began) / 60, 1)
    save_start(out, name, skill, length, student, provenance)


def main(argv: Sequence[str] | None = None) -> int:
    """The command of `make`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skill", choices=["door_approach", "door_open", "door_pass"])
    parser.add_argument("--way", type=Path, help="of door_open or door_pass")
    parser.add_argument("--legs", type=Path, required=True, help="checkpoint of the expert of footwork")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    follows = args.skill != "door_approach"
    if follows and args.way is None:
        parser.error(f"{args.skill} follows a way: give --way")
    torch.set_num_threads(1)
    make(args.skill, args.out, args.legs, args.way if follows else None, args.seed, command_of("door_clone", argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
