"""What all training batches share: stepping, resets, gait phase, action history. Subclasses say what is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.tasks.task import EPISODE_DECISIONS, RESET_NOISE, get_task
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.bank import ROBOT_NQ, ROBOT_NV, Bank
from metaworld_rt.train.expert.drill import Drills
from metaworld_rt.train.expert.evaluate import evaluate
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.practice import Lag, Pushes, Variety, drawn_lags
from metaworld_rt.train.expert.shaping import Step, reward
from metaworld_rt.train.expert.skill import Skill

DRILL_DECISIONS = 200  # of an episode that begins in another skill's states: the switch is what it is for


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


class SkillEnv:
    """`count` robots that learn one skill. Actions are normalised, (count, 19); values beyond [-1, 1] are clamped.

    Subclasses define `_begin`, `_terms` and `_failed`, and may define `_extra`, `_before_step`, `_started` and `score`.

    Attributes:
        difficulty: 0..1, scales disturbances; the trainer sets it.
        polish: 0..1, brings in the skill's late reward factors; the trainer sets it.
        phase, heading: gait phase (cycles) and goal heading (rad) of each robot.
        action: the last action, clamped.
        age: decisions since each robot's reset.
        lag: how late each robot sees its state; by default at once.
        drills: states of other skills for episodes to begin from; how often each fails is learned anew after a resume.
    """

    def __init__(
        self,
        skill: Skill,
        model: mujoco.MjModel,
        layout: Sequence[features.Feature],
        count: int,
        seed: int,
        threads: int,
        banks: Sequence[Bank] = (),
    ) -> None:
        self.skill, self.count, self.features, self.model = skill, count, tuple(layout), model
        self.rng = np.random.default_rng(seed)
        self.drills = Drills([bank.robot for bank in banks], count, self.rng)
        self.physics = VectorPhysics(model, count, threads)
        self.difficulty = self.polish = 0.0
        self.phase, self.heading = np.zeros(count), np.zeros(count)
        self.action = np.zeros((count, H1.n))
        self.age = np.zeros(count, dtype=np.int64)
        self.lag = Lag(np.zeros(count, dtype=np.int64))
        self._home = model.key_qpos[0].copy()
        self._target = np.tile(H1.default_pos, (count, 1))
        self._before_target = self._target.copy()
        self._feet = np.zeros((count, 2, 3))
        self._length = np.full(count, EPISODE_DECISIONS)

    def disturb_half(self, calm: Variety, hard: Variety, lags: tuple[float, ...]) -> Pushes:
        """Gives half of the robots `hard` scenes and states that come late, see `drawn_lags`; the rest `calm` scenes.

        Half, so that what a few centimetres decide is not lost among the falls of the others.

        Returns:
            Pushes for the disturbed half.
        """
        half = self.count // 2
        rest = self.count - half
        self.lag = Lag(np.concatenate([np.zeros(half, dtype=np.int64), drawn_lags(self.rng, rest, lags)]))
        self.physics.use_models(calm.spread(self.model, self.rng, half) + hard.spread(self.model, self.rng, rest))
        return Pushes(self.count, self.rng, calm=half)

    def begin(self) -> None:
        """First episodes, with ages spread so that they do not all end together. Subclasses call it last."""
        self.reset(np.arange(self.count))
        self.age = self.rng.integers(0, EPISODE_DECISIONS // 2, self.count)

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Initial qpos, qvel and last action of some robots."""
        raise NotImplementedError

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        """Reward terms, each (count,), with the key "task"."""
        raise NotImplementedError

    def _failed(self, s: Signals) -> np.ndarray:
        """Which robots have failed, (count,) bool."""
        raise NotImplementedError

    def _extra(self) -> dict[str, np.ndarray]:
        """Observation terms beyond the robot's own state."""
        return {}

    def _before_step(self) -> None:
        """Pushes and the like."""

    def _started(self, rows: np.ndarray) -> None:
        """Called when the states of reset robots are in place."""

    def _start_from_banks(
        self, rows: np.ndarray, chosen: np.ndarray, qpos: np.ndarray, qvel: np.ndarray, action: np.ndarray
    ) -> None:
        """Overwrites those of the initial states (n, ...) of `rows` (n,) that are `chosen` (n,) bool from the banks.

        Where the robot stands, and what else is in the scene, stays as begun.
        """
        if not len(self.drills) or not chosen.any():
            return
        pick = self.drills.draw(rows[chosen])
        qpos[chosen, 2:ROBOT_NQ], qvel[chosen, :ROBOT_NV], action[chosen] = pick.qpos[:, 2:], pick.qvel, pick.action
        self.phase[rows[chosen]] = pick.phase
        self._length[rows[chosen]] = DRILL_DECISIONS

    def home(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """N initial states as the task draws them."""
        qpos = self._home + self.rng.uniform(-RESET_NOISE, RESET_NOISE, (n, self.model.nq))
        return qpos, np.zeros((n, self.model.nv)), np.zeros((n, H1.n))

    def reset(self, rows: np.ndarray) -> None:
        """Draws new initial states for some robots."""
        n = len(rows)
        if n == 0:
            return
        self.phase[rows] = np.where(self.rng.random(n) < 0.3, 0.0, self.rng.random(n))
        self.age[rows] = 0
        self._length[rows] = self.rng.integers(EPISODE_DECISIONS // 4, EPISODE_DECISIONS + 1, n)
        qpos, qvel, action = self._begin(rows)
        self.physics.qpos[rows], self.physics.qvel[rows] = qpos, qvel
        self.action[rows] = action
        self._target[rows] = self._before_target[rows] = H1.target(action)
        self._feet[rows] = np.nan  # unknown until the next step
        self._started(rows)
        if self.lag.late:
            self.lag.forget(rows, self._sensed())

    def _sensed(self) -> dict[str, np.ndarray]:
        """What comes from sensors, (count, ...)."""
        return {"qpos": self.physics.qpos, "qvel": self.physics.qvel, **self._extra()}

    def observe(self) -> np.ndarray:
        """Phi of the states as they are seen, (count, size) float32."""
        sensed = self.lag.seen(self._sensed())
        state = features.FeatureInput.from_state(
            sensed.pop("qpos"),
            sensed.pop("qvel"),
            self.action,
            phase=self.phase,
            heading=self.heading,
            extra=sensed,
        )
        return features.compute(self.features, state)

    def advance_phase(self) -> None:
        """Moves the gait phase on by one decision, as the controller does before it reads the features."""
        if self.skill.period > 0:
            self.phase = np.mod(self.phase + DECISION_DT / self.skill.period, 1.0)

    def step(self, raw_action: np.ndarray) -> Outcome:
        """Applies one decision, resets those that ended, and advances the phase for the next decision."""
        if self.lag.late:
            self.lag.note(self._sensed())
        self._before_step()
        self.action = np.clip(raw_action, -1.0, 1.0)
        target = H1.target(self.action)
        s = self.physics.step(target)
        feet = np.stack([s.left_foot, s.right_foot], axis=1)
        velocity = np.nan_to_num((feet - self._feet) / DECISION_DT)
        self._feet = feet
        terms = self._terms(
            Step(s, target, self._target, self._before_target, raw_action, self.phase, self.heading, velocity)
        )
        total = reward(self.skill, terms, self.polish)
        self._before_target, self._target = self._target, target
        self.age += 1
        terminated = self._failed(s) | ~np.isfinite(total)
        truncated = (self.age >= self._length) & ~terminated
        total = np.where(np.isfinite(total), total, 0.0)
        self.advance_phase()
        final_phi = self.observe()
        phi = final_phi
        done = np.flatnonzero(terminated | truncated)
        if len(done):
            self.drills.ended(done, terminated[done])
            self.reset(done)
            phi = self.observe()
        means = {name: float(np.nanmean(value)) for name, value in terms.items()}
        return Outcome(phi, np.nan_to_num(final_phi), total, terms["task"], terminated, truncated, means)

    def score(self, actor: Expert, threads: int) -> tuple[dict[str, float], Bank]:
        """Scores what was learned so far, in a batch of its own; here on ten episodes of the skill's task.

        Returns:
            The scores, `return_mean` the one to choose by, and states of the motion for other skills to start from.
        """
        task = get_task(self.skill.task)
        period, layout = self.skill.period, self.features
        found = evaluate(actor, task, period, episodes=10, seed=1234, threads=threads, layout=layout)
        return found.summary(), found.states

    def close(self) -> None:
        """Ends the physics threads."""
        self.physics.close()
