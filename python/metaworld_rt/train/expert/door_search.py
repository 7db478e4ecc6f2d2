"""A way through the door by search: many robots try, the best are copied, from the task's reset to the open door.

    python -m metaworld_rt.train.expert.door_search --experts open.pt pass.pt --out shown.npz

Every robot follows one of the experts with an offset of its joints held for a quarter of a second, or lets a motion of
`door_hook` move its arms; after each segment the best survive. It needs no training of its own, shows what this robot
can do at this door, and its states are starts for training (`DoorEnv`'s banks). It is no controller: it looks into
copies of the world.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.tasks.task import RESET_NOISE
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.expert.checkpoint import load_expert
from metaworld_rt.train.expert.door import PULLED, TIMESTEP, UNLATCHED, angle_before, hook_position, way_behind
from metaworld_rt.train.expert.door_hook import ARM_JOINTS, replay_all
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.sense import Senses

SEGMENT = 12  # decisions
PERIOD = 0.8  # s, of the gait phase that the experts see
_SURVIVORS = 0.125  # share of the robots
_ARMS = np.isin(np.arange(H1.n), ARM_JOINTS)
_NOISE = np.where([("shoulder" in name or "elbow" in name) for name in H1.joints], 0.5, 0.1)  # rad
_MOTION_SHARE = 0.6  # of the robots before the shut door that let a motion move their arms
_FALLEN = -100.0


@dataclass(frozen=True)
class Found:
    """The best robot's way: whole states before each decision, and the score at the end of each segment."""

    states: Bank
    scores: list[float]


def progress(s: Signals) -> np.ndarray:
    """How far each robot has come, (count,): hatch hooked, turned, leaf pulled, robot behind it, leaf open."""
    hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
    near = np.linalg.norm(s.left_hand - hook_position(hinge, latch), axis=-1)
    place = np.linalg.norm(s.qpos[:, :2] - [0.18, 0.13], axis=-1)
    shut = 1.5 * np.exp(-near / 0.3) + 1.5 * np.exp(-np.square(near / 0.1)) + np.exp(-np.square(place / 0.15))
    shut += 2.5 * np.clip(latch / UNLATCHED, 0.0, 1.0) + 25.0 * np.clip(hinge, 0.0, PULLED)
    behind = np.minimum(way_behind(s.left_hand, hinge), way_behind(s.right_hand, hinge))
    opened = 11.5 + 8.0 * np.clip(hinge - PULLED, 0.0, 1.0 - PULLED)
    opened += 3.0 * np.clip(1.0 - angle_before(s.qpos[:, :3], hinge) / 0.8, 0.0, 1.3)
    opened += 2.0 * np.where(hinge > 0.6, 1.0, np.exp(-behind / 0.25))
    opened += 3.0 * np.clip(hinge, 0.0, 1.0) * np.clip(s.imu_x + 0.3, 0.0, 1.5)
    share = np.clip((hinge - PULLED + 0.05) / 0.1, 0.0, 1.0)
    leaning = 8.0 * np.clip(0.93 - s.torso_up, 0.0, 1.0) + 8.0 * np.clip(0.92 - s.qpos[:, 2], 0.0, 1.0)
    return (1.0 - share) * shut + share * opened - leaning


def search(experts: Sequence[Expert], segments: int, robots: int = 192, seed: int = 0, hinge: float = 9.0) -> Found:
    """Searches from the task's own reset.

    Args:
        experts: read the household layout; the first counts half.
        segments: at most this many, of `SEGMENT` decisions each.
        robots: tried side by side.
        seed: of everything random.
        hinge: stop when the best robot's door is this far open, rad.
    """
    rng = np.random.default_rng(seed)
    model = build("door")
    model.opt.timestep = TIMESTEP
    physics, motions = VectorPhysics(model, robots, 1), replay_all(TIMESTEP)
    physics.qpos += rng.uniform(-RESET_NOISE, RESET_NOISE, physics.qpos.shape)
    senses = Senses(physics)
    action, offset = np.zeros((robots, H1.n)), np.zeros((robots, H1.n))
    phase, clock = rng.random(robots), np.zeros(robots, dtype=np.int64)
    motion = rng.integers(0, len(motions.place), robots)
    rows, ways, scores = np.arange(robots), [], []
    shares = np.full(len(experts), 0.5 / max(1, len(experts) - 1))
    shares[0] = 0.5 if len(experts) > 1 else 1.0
    for _ in range(segments):
        scale = rng.choice([0.0, 0.3, 1.0], (robots, 1), p=[0.2, 0.4, 0.4])
        fresh = rng.random((robots, 1)) < 0.7
        offset = np.where(fresh, rng.normal(size=offset.shape) * _NOISE * scale, offset)
        who = rng.choice(len(experts), robots, p=shares)
        led = (rng.random(robots) < _MOTION_SHARE) & (physics.qpos[:, -2] < PULLED + 0.05)
        again = (clock >= motions.length - 1) & (rng.random(robots) < 0.5)
        clock[again], motion[again] = 0, rng.integers(0, len(motions.place), int(again.sum()))
        starts = (clock > 0) | (rng.random(robots) < 0.5)
        alive, seen = np.ones(robots, dtype=bool), []
        for _ in range(SEGMENT):
            phase = np.mod(phase + DECISION_DT / PERIOD, 1.0)
            state = features.FeatureInput.from_state(
                physics.qpos, physics.qvel, action, phase=phase, extra=senses.terms()
            )
            phi = torch.from_numpy(features.compute(features.HOUSEHOLD, state))
            with torch.no_grad():
                base = np.stack([expert(phi).double().numpy() for expert in experts])[who, rows]
            base = np.where(led[:, None] & _ARMS, motions.action[motion, clock], base)
            clock = np.minimum(clock + (led & starts), motions.length - 1)
            seen.append((physics.qpos, physics.qvel, action, phase))
            action = np.clip(base + offset / H1.action_scale, -1.0, 1.0)
            signals = physics.step(H1.target(action))
            senses.update()
            alive &= (signals.qpos[:, 2] > 0.65) & (signals.torso_up > 0.5)
        value = np.where(alive, progress(signals), _FALLEN)
        best = np.argsort(-value)[: max(1, round(robots * _SURVIVORS))]
        weight = np.exp((value[best] - value[best[0]]) / 0.5)
        parent = np.concatenate([best, rng.choice(best, robots - len(best), p=weight / weight.sum())])
        ways.append(([np.stack([step[i] for step in seen]) for i in range(4)], parent))
        scores.append(float(value[best[0]]))
        done = signals.qpos[best[0], -2] > hinge
        physics.qpos, physics.qvel = physics.qpos[parent].copy(), physics.qvel[parent].copy()
        action, offset, phase = action[parent].copy(), offset[parent].copy(), phase[parent].copy()
        clock, motion = clock[parent].copy(), motion[parent].copy()
        senses.left, senses.right = senses.left[parent].copy(), senses.right[parent].copy()
        if done:
            break
    physics.close()
    return Found(_way_of_the_best(ways), scores)


def _way_of_the_best(ways: list[tuple[list[np.ndarray], np.ndarray]]) -> Bank:
    """Follows the survivors' parents back from the best of the last segment."""
    row, parts = 0, []
    for states, parent in reversed(ways):
        row = int(parent[row])
        parts.append([array[:, row] for array in states])
    return Bank(*(np.concatenate([part[i] for part in reversed(parts)]) for i in range(4)))


def main(argv: Sequence[str] | None = None) -> int:
    """Searches and writes the way as a bank of whole states."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--experts", nargs="+", type=Path, required=True, help="checkpoints that read the household phi"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--segments", type=int, default=40)
    parser.add_argument("--robots", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    found = search([load_expert(path)[0] for path in args.experts], args.segments, args.robots, args.seed)
    found.states.save(args.out)
    hinge = found.states.qpos[:, -2]
    print(f"{len(hinge)} decisions; the door opens to {hinge.max():.2f} rad and is at {hinge[-1]:.2f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
