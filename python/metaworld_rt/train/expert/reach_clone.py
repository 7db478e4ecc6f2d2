"""A start for reach: one network that does what footwork's legs and an arm led by its Jacobian do.

    python -m metaworld_rt.train.expert.reach_clone --legs models/checkpoints/footwork.pt --out start.pt

The legs walk to where the goal is an arm's length before the left shoulder; the arm follows the hand's error by damped
least squares. By `imitation`. Practice begun with walk's weights instead came near the goal and kept the hand 0.6 m
from it: the hand's error moved next to nothing in that network.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.features import rotation
from metaworld_rt.train.expert.bank import ROBOT_NQ
from metaworld_rt.train.expert.door_search import footwork, load_legs
from metaworld_rt.train.expert.footwork import HEIGHT
from metaworld_rt.train.expert.imitation import STEPS, command_of, imitate, provenance_of, save_start
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.reaching import ReachEnv
from metaworld_rt.train.expert.shaping import ARMS
from metaworld_rt.train.expert.skill import Skill, get_skill

_ROBOTS, _ROUNDS = 128, 24
_NOISE = 0.08  # of the actions, normalised: practice explores with so much, and with 0.03 it began with falls
_LEFT = ARMS[:4]
_SHOULDER = np.array([0.0, 0.2, 1.4])  # m, of the left one from the pelvis' place on the floor
_ARM, _NEAREST = 0.5, 0.2  # m that a goal is kept before the shoulder: that far in all, at least so far horizontally
_TURN = 0.3  # rad: the heading is never further off
_STRIDE = 0.25  # m
_STEP = 0.3  # m of the hand's error that a decision looks at
_GAIN, _DAMPING, _HOME = 0.35, 0.1, 0.04
_FASTEST = 0.06  # rad a decision
_WINDUP = 0.3  # rad of a target from its joint
_BEGIN, _FULL = 1.3, 0.9  # m from the pelvis to the goal: the arm comes up between


class Teacher:
    """Legs and arm of a batch that reaches. Not thread-safe."""

    def __init__(self, env: ReachEnv, legs: Expert, period: float) -> None:
        self._env, self._legs, self._period = env, legs, period
        self._data = mujoco.MjData(env.model)
        self._site = env.model.site("left_hand").id
        self._dofs = 6 + _LEFT

    def __call__(self) -> np.ndarray:
        """Actions (count, 19) for the batch's present states."""
        env, base = self._env, self._env.physics.qpos[:, :3]
        body = rotation(env.physics.qpos[:, 3:7])
        yaw = np.arctan2(body[:, 1, 0], body[:, 0, 0])
        c, s = np.cos(yaw), np.sin(yaw)
        away = env.goal - base
        ahead, aside = c * away[:, 0] + s * away[:, 1], c * away[:, 1] - s * away[:, 0]
        flat = np.hypot(ahead, aside - _SHOULDER[1])
        turn = np.arctan2(aside - _SHOULDER[1], ahead) * np.clip(flat / 0.4, 0.0, 1.0)
        drop = np.abs(env.goal[:, 2] - _SHOULDER[2])
        before = np.maximum(np.sqrt(np.maximum(_ARM**2 - drop**2, 0.0)), _NEAREST)
        forward, left = ahead - before, aside - _SHOULDER[1]
        # Who has to turn does that first, and nobody is sent further than the legs take in a stride.
        share = np.clip(1.2 - np.abs(turn), 0.2, 1.0)
        share *= np.minimum(1.0, _STRIDE / np.maximum(np.hypot(forward, left), 1e-6))
        forward, left = share * forward, share * left
        place = np.column_stack([base[:, 0] + c * forward - s * left, base[:, 1] + s * forward + c * left])
        place = np.column_stack([place, np.full(env.count, HEIGHT)])
        heading = yaw + np.clip(turn, -_TURN, _TURN)
        gait = env.phase - DECISION_DT / env.skill.period + DECISION_DT / self._period
        action = footwork(self._legs, env.physics, env.action, gait, place, heading, env.senses)
        target = H1.target(env.action)
        wanted = np.tile(H1.default_pos, (env.count, 1))
        up = np.clip((_BEGIN - np.linalg.norm(away[:, :2], axis=-1)) / (_BEGIN - _FULL), 0.0, 1.0)
        wanted[:, _LEFT] = up[:, None] * self._arm(target[:, _LEFT]) + (1.0 - up[:, None]) * H1.default_pos[_LEFT]
        change = np.clip(wanted - target, -_FASTEST, _FASTEST)
        return np.where(np.isin(np.arange(H1.n), ARMS), H1.action_of_target(target + change), action)

    def _arm(self, target: np.ndarray) -> np.ndarray:
        """Targets of the left arm (count, 4) that bring the hand nearer, rad."""
        env, out = self._env, np.empty_like(target)
        joints = env.physics.qpos[:, 7:ROBOT_NQ][:, _LEFT]
        home, eye = H1.default_pos[_LEFT], np.eye(len(_LEFT))
        jacobian = np.zeros((3, env.model.nv))
        for i in range(env.count):
            self._data.qpos[:] = env.physics.qpos[i]
            mujoco.mj_kinematics(env.model, self._data)
            mujoco.mj_comPos(env.model, self._data)
            mujoco.mj_jacSite(env.model, self._data, jacobian, None, self._site)
            error = env.goal[i] - self._data.site_xpos[self._site]
            error *= min(1.0, _STEP / max(np.linalg.norm(error), 1e-6))
            j = jacobian[:, self._dofs]
            inverse = j.T @ np.linalg.inv(j @ j.T + _DAMPING**2 * np.eye(3))
            out[i] = target[i] + _GAIN * inverse @ error + _HOME * (eye - inverse @ j) @ (home - target[i])
        out = np.clip(out, joints - _WINDUP, joints + _WINDUP)
        return np.clip(out, H1.lower[_LEFT], H1.upper[_LEFT])


def clone(skill: Skill, legs: Expert, period: float, rounds: int, updates: int = 1000, seed: int = 0) -> Expert:
    """Trains the start.

    Args:
        skill: reach.
        legs: an expert of footwork; reads the household layout.
        period: of its gait, s.
        rounds: of collecting and learning.
        updates: gradient steps of each round.
        seed: of everything random.
    """
    env = ReachEnv(skill, _ROBOTS, seed, 1, "full", calm=True)
    env.difficulty = 1.0
    return imitate(skill, env, Teacher(env, legs, period), rounds, updates, seed, _NOISE)


def make(out: Path, legs: Path, seed: int = 0, command: str = "", rounds: int = _ROUNDS) -> None:
    """Trains a start and writes it as a checkpoint for `train expert reach --start`.

    Args:
        out: the checkpoint.
        legs: checkpoint of the expert of footwork.
        seed: of everything random.
        command: that made it, for its provenance.
        rounds: of collecting and learning.

    Raises:
        CheckpointError: legs that cannot be used, or a file that cannot be written.
    """
    (network, period), began, skill = load_legs(legs), time.monotonic(), get_skill("reach")
    student = clone(skill, network, period, rounds, seed=seed)
    provenance = provenance_of(command, seed, rounds * _ROBOTS * STEPS, legs)
    provenance["minutes"] = round((time.monotonic() - began) / 60, 1)
    save_start(out, "reach_start", skill, skill.period, student, provenance)


def main(argv: Sequence[str] | None = None) -> int:
    """The command of `make`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=Path, required=True, help="checkpoint of the expert of footwork")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    make(args.out, args.legs, args.seed, command_of("reach_clone", argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
