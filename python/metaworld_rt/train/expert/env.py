"""The batch of robots a locomotion expert is trained on: resets, gait phase, headings, pushes, state banks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.task import EPISODE_DECISIONS, RESET_NOISE
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.shaping import Step, reward, reward_terms
from metaworld_rt.train.expert.skill import Skill

FALLEN_HEIGHT = 0.6
FALLEN_UP = 0.4
BANK_SHARE = 0.3
DISTURBED_SHARE = 0.4
PUSH_EVERY_S = 4.0


@dataclass
class Outcome:
    """What one decision of the batch gave; arrays (count,) and phi (count, size).

    `final_phi` is phi before the reset for those that are done, else the same as phi.
    """

    phi: np.ndarray
    final_phi: np.ndarray
    reward: np.ndarray
    task_reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    terms: dict[str, float]


class LocomotionEnv:
    """`count` robots that learn one skill. Actions are normalised, (count, 19); values beyond [-1, 1] are clamped.

    Args:
        skill: what to train.
        count: robots.
        seed: of every random draw.
        threads: physics threads.
        collisions: "fast" (training) or "full".
        banks: states of other skills: (k, 26 + 25 + 19) rows of qpos, qvel and the action before, world frame.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
        banks: np.ndarray | None = None,
    ) -> None:
        self.skill, self.count = skill, count
        self.features = features.LOCOMOTION
        self.rng = np.random.default_rng(seed)
        self.model = build("floor", collisions=collisions)
        self.physics = VectorPhysics(self.model, count, threads)
        self.banks = banks
        self.difficulty = 0.0  # 0..1: scales pushes and initial disturbances
        self.polish = 0.0  # 0..1: brings in the skill's late reward factors
        self._home = self.model.key_qpos[0].copy()
        self.phase = np.zeros(count)
        self.heading = np.zeros(count)
        self.action = np.zeros((count, H1.n))
        self._target = np.tile(H1.default_pos, (count, 1))
        self._before_target = self._target.copy()
        self._feet = np.zeros((count, 2, 3))
        self.age = np.zeros(count, dtype=np.int64)
        self._length = np.full(count, EPISODE_DECISIONS)
        self._next_push = np.zeros(count, dtype=np.int64)
        self.reset(np.arange(count))
        # Spread the ages, so that episodes do not all end together.
        self.age = self.rng.integers(0, EPISODE_DECISIONS // 2, count)

    def reset(self, rows: np.ndarray) -> None:
        """Draws new initial states for some robots."""
        n = len(rows)
        if n == 0:
            return
        rng, skill = self.rng, self.skill
        qpos = self._home + rng.uniform(-RESET_NOISE, RESET_NOISE, (n, self.model.nq))
        qvel = np.zeros((n, self.model.nv))
        action = np.zeros((n, H1.n))
        self.phase[rows] = np.where(rng.random(n) < 0.3, 0.0, rng.random(n))
        # Most episodes start as in the task; some disturbed; some in the middle of another skill's motion.
        kind = rng.random(n)
        disturbed = kind < DISTURBED_SHARE
        amount = self.difficulty * rng.random((n, 1)) * disturbed[:, None]
        qpos[:, 7:] += amount * rng.normal(0.0, 0.15, (n, H1.n))
        qvel[:, :2] += amount * rng.normal(0.0, 0.5, (n, 2))
        qvel[:, 3:6] += amount * rng.normal(0.0, 0.5, (n, 3))
        qvel[:, 6:] += amount * rng.normal(0.0, 0.8, (n, H1.n))
        if self.banks is not None and len(self.banks):
            banked = kind > 1.0 - BANK_SHARE
            pick = self.banks[rng.integers(0, len(self.banks), n)]
            nq, nv = self.model.nq, self.model.nv
            qpos[banked], qvel[banked] = pick[banked, :nq], pick[banked, nq : nq + nv]
            action[banked] = pick[banked, nq + nv :]
        yaw = rng.normal(0.0, skill.yaw_range, n)
        yaw = np.where(rng.random(n) < skill.turn_share, rng.uniform(-np.pi, np.pi, n), yaw)
        plain = ~disturbed & (kind <= 1.0 - BANK_SHARE)
        yaw = np.where(plain & (rng.random(n) < 0.5), 0.0, yaw)
        self.heading[rows] = yaw  # turning the goal is the same as turning the robot
        self.physics.qpos[rows], self.physics.qvel[rows] = qpos, qvel
        self.action[rows] = action
        self._target[rows] = self._before_target[rows] = H1.target(action)
        self.age[rows] = 0
        self._length[rows] = rng.integers(EPISODE_DECISIONS // 4, EPISODE_DECISIONS + 1, n)
        self._schedule_push(rows)
        self._feet[rows] = np.nan  # unknown until the next step

    def _schedule_push(self, rows: np.ndarray) -> None:
        mean = PUSH_EVERY_S / DECISION_DT
        self._next_push[rows] = self.age[rows] + self.rng.integers(int(0.4 * mean), int(1.6 * mean), len(rows))

    def _push(self) -> None:
        rows = np.flatnonzero(self.age >= self._next_push)
        if len(rows) == 0:
            return
        limit = self.difficulty * self.skill.push
        self.physics.qvel[rows, :2] += self.rng.uniform(-limit, limit, (len(rows), 2))
        self.physics.qvel[rows, 3:6] += self.rng.uniform(-limit, limit, (len(rows), 3)) * 0.5
        if self.skill.period > 0:  # now and then a new course
            turn = self.rng.normal(0.0, self.skill.yaw_range, len(rows)) * (self.rng.random(len(rows)) < 0.5)
            self.heading[rows] += turn
        self._schedule_push(rows)

    def observe(self) -> np.ndarray:
        """Phi of the current states, (count, size) float32."""
        return features.compute(
            self.features,
            features.FeatureInput.from_state(
                self.physics.qpos, self.physics.qvel, self.action, phase=self.phase, heading=self.heading
            ),
        )

    def advance_phase(self) -> None:
        """Moves the gait phase on by one decision, as the controller does before it reads the features."""
        if self.skill.period > 0:
            self.phase = np.mod(self.phase + DECISION_DT / self.skill.period, 1.0)

    def step(self, raw_action: np.ndarray) -> Outcome:
        """Applies one decision, resets those that ended, and advances the phase for the next decision."""
        self._push()
        self.action = np.clip(raw_action, -1.0, 1.0)
        target = H1.target(self.action)
        s = self.physics.step(target)
        feet = np.stack([s.left_foot, s.right_foot], axis=1)
        velocity = np.nan_to_num((feet - self._feet) / DECISION_DT)
        self._feet = feet
        terms = reward_terms(
            self.skill,
            Step(s, target, self._target, self._before_target, raw_action, self.phase, self.heading, velocity),
        )
        total = reward(self.skill, terms, self.polish)
        self._before_target, self._target = self._target, target
        self.age += 1
        terminated = (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP) | ~np.isfinite(total)
        truncated = (self.age >= self._length) & ~terminated
        total = np.where(np.isfinite(total), total, 0.0)
        self.advance_phase()
        final_phi = self.observe()
        phi = final_phi
        done = np.flatnonzero(terminated | truncated)
        if len(done):
            self.reset(done)
            phi = self.observe()
        means = {name: float(np.nanmean(value)) for name, value in terms.items()}
        return Outcome(phi, np.nan_to_num(final_phi), total, terms["task"], terminated, truncated, means)

    def close(self) -> None:
        """Ends the physics threads."""
        self.physics.close()
