"""The batch that learns to reach: walk up to a goal anywhere around, and hold the left hand there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.tasks import features
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.reach import GOAL_HIGH, GOAL_LOW, reach_reward
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.policy import Expert, widen
from metaworld_rt.train.expert.practice import Pushes, Variety
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import ARMS, Step, arm_reference, effort_terms, gait_terms
from metaworld_rt.train.expert.skill import Skill

FALLEN_HEIGHT = 0.35
FALLEN_UP = 0.1
# m from the base to the goal, horizontally: walk; nearer: stand and reach. An arm is 0.6 m long: with 0.75 m and little
# but the task to lead on robots kept the hand 0.6 m from the goal.
FAR = 0.5
WALK_SPEED = 1.1
NEW_GOAL_S = 6.0
_MIDDLE_Z = 1.1
_HARD = Variety(friction=(0.35, 1.2), payload_kg=(0.0, 10.0), strength=(0.8, 1.0))
_LAGS = (0.7, 0.2, 0.1)  # shares of the disturbed that see their state at once, one and two decisions late


class ReachEnv(SkillEnv):
    """Robots on a floor, each with a goal for its left hand; see `LocomotionEnv` for the other arguments.

    Half of them practise undisturbed.

    Args:
        calm: nobody is disturbed.

    Attributes:
        goal: (count, 3), world, m.
        senses: where the hands are.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
        banks: Sequence[Bank] = (),
        calm: bool = False,
    ) -> None:
        super().__init__(skill, build("floor", collisions=collisions), features.HOUSEHOLD, count, seed, threads, banks)
        self.goal = np.zeros((count, 3))
        self._next_goal = np.zeros(count, dtype=np.int64)
        self.senses = Senses(self.physics)
        self._pushes = Pushes(count, self.rng, calm=count) if calm else self.disturb_half(Variety(), _HARD, _LAGS)
        self.begin()

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n = len(rows)
        qpos, qvel, action = self.home(n)
        self._start_from_banks(rows, self.rng.random(n) < self.skill.bank_share, qpos, qvel, action)
        self.heading[rows] = 0.0
        self._draw_goal(rows, qpos[:, :2])
        self._pushes.schedule(rows, self.age)
        return qpos, qvel, action

    def _draw_goal(self, rows: np.ndarray, around: np.ndarray) -> None:
        """Goals in the task's box around (n, 2) points; the box grows with the difficulty."""
        n = len(rows)
        goal = self.rng.uniform(GOAL_LOW, GOAL_HIGH, (n, 3))
        goal[:, :2] *= 0.3 + 0.7 * self.difficulty
        goal[:, 2] = _MIDDLE_Z + (goal[:, 2] - _MIDDLE_Z) * (0.3 + 0.7 * self.difficulty)
        goal[:, :2] += around
        self.goal[rows] = goal
        mean = NEW_GOAL_S / DECISION_DT
        self._next_goal[rows] = self.age[rows] + self.rng.integers(int(0.5 * mean), int(2.0 * mean), n)

    def _started(self, rows: np.ndarray) -> None:
        self.senses.reset(rows)

    def _before_step(self) -> None:
        rows = np.flatnonzero(self.age >= self._next_goal)
        if len(rows):
            self._draw_goal(rows, self.physics.qpos[rows, :2])
        self._pushes.schedule(self._pushes.apply(self.physics, self.age, self.difficulty * self.skill.push), self.age)

    def _extra(self) -> dict[str, np.ndarray]:
        return self.senses.terms(self.goal)

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self.senses.update()
        s = step.signals
        task = reach_reward(s, self.goal)
        distance = task["hand_dist"]
        away = self.goal[:, :2] - s.qpos[:, :2]
        flat = np.linalg.norm(away, axis=-1)
        direction = away / np.maximum(flat, 1e-6)[:, None]
        towards = (s.com_velocity[:, :2] * direction).sum(axis=-1)
        speed = np.linalg.norm(s.com_velocity[:, :2], axis=-1)
        facing = (rotation(s.qpos[:, 3:7])[:, :2, 0] * direction).sum(axis=-1)
        far = np.clip((flat - FAR) / 0.3, 0.0, 1.0)
        gait = gait_terms(self.skill, step)
        feet_down = (s.touch > 1.0).all(axis=-1)
        arms = np.square(s.qpos[:, 7:26][:, ARMS] - arm_reference(self.skill, step.phase))
        # Far away: walk there, facing it, in step. Near: stand, and bring the hand to the goal.
        return {
            "task": task["reward"] / 20.0,
            "near": -np.minimum(distance, 2.0),  # leads on from anywhere
            "touch": (
                np.exp(-distance / 0.25) + np.exp(-np.square(distance / 0.1)) + np.exp(-np.square(distance / 0.04))
            )
            / 3.0,
            "travel": far * np.minimum(towards / WALK_SPEED, 1.0) + (1.0 - far),
            "face": far * facing + (1.0 - far),
            "gait": far * gait["gait"] + (1.0 - far) * np.exp(-np.square(speed / 0.1)),
            "contact": far * gait["contact"] + (1.0 - far) * (feet_down - 1.0),
            "upright": s.torso_up,
            "joint_speed": -(1.0 - far) * np.square(s.qvel[:, 6:]).sum(axis=-1),
            "arms": -(arms[:, 4:].sum(axis=-1) + far * arms[:, :4].sum(axis=-1)),
            "torso": -np.square(s.qpos[:, 17]),
            **effort_terms(step),
        }

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)


def from_walk(walk: Expert) -> Expert:
    """A first guess at reaching: the walk, steered by the direction to the goal instead of the goal's heading."""
    expert = widen(walk, features.LOCOMOTION, features.HOUSEHOLD)
    where = features.slices(features.HOUSEHOLD)
    old, new = where["heading"], where["base_to_goal"]
    with torch.no_grad():
        layer, norm = expert.net[0], expert.normaliser
        steering = layer.weight[:, old] / norm.deviation[old]
        layer.bias.sub_(steering @ norm.mean[old])
        layer.weight[:, new] = 0.7 * steering  # goals lie 1.5 m away on average
        layer.weight[:, old] = 0.0
        norm.mask[new] = 1.0
    return expert
