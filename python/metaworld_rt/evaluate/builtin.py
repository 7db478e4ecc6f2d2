"""Episodes of our own tasks, stepped in lockstep with the controller: one decision, ten physics substeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _core
from ..plants.disturbance import Disturbances
from ..plants.h1 import DECISION_DT
from ..plants.servo import Servo
from ..plants.suite import Perturbation
from ..tasks.env import H1Env
from ..tasks.task import EPISODE_DECISIONS
from .observation import StateReader


@dataclass(frozen=True)
class Outcome:
    """What one decision led to."""

    terms: dict[str, np.ndarray | float]
    reward: float
    terminated: bool


class BuiltinTask:
    """One task of `metaworld_rt.tasks`, driven by joint commands in place of the benchmark's actions. Not thread-safe.

    Args:
        name: of the task.
        perturbation: what goes wrong in every episode, drawn anew from the episode's seed.

    Raises:
        ValueError: an unknown task.
    """

    length = EPISODE_DECISIONS
    decision_s = DECISION_DT

    def __init__(self, name: str, perturbation: Perturbation | None = None):
        self.env = H1Env(name)
        self._perturbation = perturbation or Perturbation()
        self._troubles = self._drawn(0)
        self._troubles.change_model(self.env.model)
        self._servo = Servo(self.env.model)
        self._reader = StateReader(self.env.model)

    @property
    def observes(self) -> list[str]:
        """Names of the observation terms."""
        return self._reader.names

    def reset(self, seed: int) -> dict[str, np.ndarray | float]:
        """A new episode; its first terms."""
        self.env.reset(seed=seed)
        self._troubles = self._drawn(seed)
        return self._terms()

    def sense(self, observation: np.ndarray) -> np.ndarray:
        """What arrives at the controller of the true observation; the true one until anything has arrived."""
        arrived = self._troubles.sense(self.env.data.time, observation)
        return observation if arrived is None else arrived

    def step(self, command: _core.Command) -> Outcome:
        """Holds a command, with its gains, for one decision (20 ms)."""
        self._servo.apply(self.env.data, command)
        self._troubles.before_step(self.env.data.time, self.env.model, self.env.data)
        _, reward, terminated, _, _ = self.env.step_target(self.env.data.ctrl.copy())
        return Outcome(self._terms(), reward, terminated)

    def _drawn(self, seed: int) -> Disturbances:
        return self._perturbation.drawn(seed, self.length * self.decision_s)

    def _terms(self) -> dict[str, np.ndarray | float]:
        return self._reader.read(self.env.data, self.env.goal)

    def close(self) -> None:
        """Frees the environment."""
        self.env.close()
