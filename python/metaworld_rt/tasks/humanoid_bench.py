"""The real HumanoidBench behind the same interface, where it is installed; nothing in it is touched."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.task import get_task


class SuiteError(RuntimeError):
    """The benchmark is not installed, or cannot be built here; the message says what to do."""


def available() -> bool:
    """Whether `humanoid_bench` can be imported (it is not imported here)."""
    return importlib.util.find_spec("humanoid_bench") is not None


class HumanoidBenchEnv:
    """HumanoidBench's ``h1-<task>-v0`` with `H1Env`'s `reset`, `step`, `step_target` and `goal`.

    Attributes:
        task: our task of the same name.
        env: the benchmark's environment.
        model, data: its MuJoCo model and data.
    """

    def __init__(self, task: str) -> None:
        """Builds the environment.

        Raises:
            SuiteError: humanoid_bench is missing or fails to import.
            ValueError: an unknown task.
        """
        self.task = get_task(task)
        if not available():
            raise SuiteError(
                "humanoid_bench is not installed: install it from its repository (see docs/results.md), "
                "or evaluate with --suite builtin"
            )
        import gymnasium as gym

        try:
            import humanoid_bench  # noqa: F401 - registers the environments
        except ImportError as error:
            raise SuiteError(f"humanoid_bench is installed but cannot be imported: {error}") from error
        self.env = gym.make(f"h1-{task}-v0", render_mode=None)
        self.model, self.data = self.env.unwrapped.model, self.env.unwrapped.data

    @property
    def goal(self) -> np.ndarray:
        """Goal of reach, (3,) world, m; zeros in the other tasks."""
        return np.asarray(getattr(self.env.unwrapped.task, "goal", np.zeros(3)), dtype=np.float64)

    def reset(self, *, seed: int | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """As Gymnasium; the benchmark draws reach's goal from numpy's global generator, which is seeded here too."""
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002 - the benchmark's own source of randomness
        return self.env.reset(seed=seed)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision of the benchmark's action, (19,) in [-1, 1]."""
        observation, reward, terminated, truncated, info = self.env.step(np.asarray(action, dtype=np.float32))
        return observation, float(reward), bool(terminated), bool(truncated), info

    def step_target(self, target: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision that holds the position targets (19,), rad."""
        return self.step(H1.benchmark_action(target))

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()
