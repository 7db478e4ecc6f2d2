"""The batch that learns to stand, walk or run: task resets, disturbed starts, other skills' motion, pushes, turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.practice import Pushes
from metaworld_rt.train.expert.shaping import Step, locomotion_terms
from metaworld_rt.train.expert.skill import Skill

# s, of the training physics, in place of the task's 0.002: half the work, and the shipped experts walk, run and stand
# in it as they do in the task (their reward a decision differs by 0.002 at most).
TIMESTEP = 0.004
FALLEN_HEIGHT = 0.6
FALLEN_UP = 0.4
DISTURBED_SHARE = 0.4


class LocomotionEnv(SkillEnv):
    """Robots on a floor that learn stand, walk or run.

    Args:
        skill: what to train.
        count: robots.
        seed: of every random draw.
        threads: physics threads.
        collisions: "fast" (training) or "full".
        banks: states of other skills to start from.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
        banks: Sequence[Bank] = (),
    ) -> None:
        model = build("floor", collisions=collisions, timestep=TIMESTEP)
        super().__init__(skill, model, features.LOCOMOTION, count, seed, threads, banks)
        self._pushes = Pushes(count, self.rng)
        self.begin()

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng, skill = len(rows), self.rng, self.skill
        qpos, qvel, action = self.home(n)
        # Most episodes start as in the task; some disturbed; some in the middle of another skill's motion.
        kind = rng.random(n)
        disturbed = kind < DISTURBED_SHARE
        amount = self.difficulty * rng.random((n, 1)) * disturbed[:, None]
        qpos[:, 7:] += amount * rng.normal(0.0, 0.15, (n, H1.n))
        qvel[:, :2] += amount * rng.normal(0.0, 0.5, (n, 2))
        qvel[:, 3:6] += amount * rng.normal(0.0, 0.5, (n, 3))
        qvel[:, 6:] += amount * rng.normal(0.0, 0.8, (n, H1.n))
        banked = kind > 1.0 - skill.bank_share
        self._start_from_banks(rows, banked, qpos, qvel, action)
        yaw = rng.normal(0.0, skill.yaw_range, n)
        yaw = np.where(rng.random(n) < skill.turn_share, rng.uniform(-np.pi, np.pi, n), yaw)
        plain = ~disturbed & ~banked
        yaw = np.where(plain & (rng.random(n) < 0.5), 0.0, yaw)
        self.heading[rows] = yaw  # turning the goal is the same as turning the robot
        self._pushes.schedule(rows, self.age)
        return qpos, qvel, action

    def _before_step(self) -> None:
        rows = self._pushes.apply(self.physics, self.age, self.difficulty * self.skill.push)
        if len(rows) == 0:
            return
        if self.skill.speed > 0:  # now and then a new course
            turn = self.rng.normal(0.0, self.skill.yaw_range, len(rows)) * (self.rng.random(len(rows)) < 0.5)
            self.heading[rows] += turn
        self._pushes.schedule(rows, self.age)

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        return locomotion_terms(self.skill, step)

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)
