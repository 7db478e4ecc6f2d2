"""The same episodes on the real HumanoidBench, where it is installed; it is used as it is, never touched."""

from __future__ import annotations

import importlib.util

import numpy as np

from .. import _core
from ..errors import UserError
from ..plants.robot import H1
from .builtin import Outcome

TASKS = ("stand", "walk", "run", "reach", "door")


def check_available() -> None:
    """Refuses where the benchmark is not importable.

    Raises:
        UserError: with what to install.
    """
    if importlib.util.find_spec("humanoid_bench") is None:
        raise UserError(
            "--suite humanoid_bench needs the benchmark itself in this environment: install humanoid_bench from its "
            "own repository, or use --suite builtin"
        )


class BenchmarkTask:
    """`{robot}-{task}-v0` of HumanoidBench, driven by joint commands. Not thread-safe.

    Raises:
        UserError: the benchmark is absent, or has no such environment.
    """

    length = 1000
    decision_s = 0.02

    def __init__(self, name: str, robot: str = "h1"):
        check_available()
        if name not in TASKS:
            raise UserError(f"no task {name!r} in the suite humanoid_bench: one of {', '.join(TASKS)}")
        if robot != "h1":
            raise UserError(f"the controllers drive h1, not {robot}")
        import gymnasium
        import humanoid_bench  # noqa: F401  (registers its environments)

        self._name = name
        try:
            self._env = gymnasium.make(f"{robot}-{name}-v0").unwrapped
        except gymnasium.error.Error as error:
            raise UserError(f"HumanoidBench has no {robot}-{name}-v0: {error}") from error

    @property
    def observes(self) -> list[str]:
        """Names of the observation terms."""
        base = ["base_pos", "base_quat", "joint_pos", "base_lin_vel", "base_ang_vel", "joint_vel"]
        return [*base, "left_hand_pos", "right_hand_pos", "goal_pos", "door", "door_present"]

    def reset(self, seed: int) -> dict[str, np.ndarray | float]:
        """A new episode."""
        observation, _ = self._env.reset(seed=seed)
        return self._terms(observation)

    def sense(self, observation: np.ndarray) -> np.ndarray:
        """All of the observation: nothing goes wrong here."""
        return observation

    def step(self, command: _core.Command) -> Outcome:
        """Holds position targets for one decision; a damping command is not in the benchmark's action space."""
        if command.mode == _core.CommandMode.damping:
            raise UserError("the controller stopped the robot, which the benchmark's actions cannot express")
        observation, reward, terminated, _, _ = self._env.step(H1.benchmark_action(command.q))
        return Outcome(self._terms(observation), float(reward), bool(terminated))

    def _terms(self, observation: np.ndarray) -> dict[str, np.ndarray | float]:
        n, doors = H1.n, 2 if self._name == "door" else 0
        qpos, rest = observation[: 7 + n + doors], observation[7 + n + doors :]
        qvel, rest = rest[: 6 + n + doors], rest[6 + n + doors :]
        robot = self._env.robot  # where the hands are, as a robot knows from its joints
        return {
            "base_pos": qpos[0:3],
            "base_quat": qpos[3:7],
            "joint_pos": qpos[7 : 7 + n],
            "base_lin_vel": qvel[0:3],
            "base_ang_vel": qvel[3:6],
            "joint_vel": qvel[6 : 6 + n],
            "left_hand_pos": np.array(robot.left_hand_position()),
            "right_hand_pos": np.array(robot.right_hand_position()),
            "goal_pos": rest[3:6] if self._name == "reach" else np.zeros(3),
            "door": np.concatenate([qpos[7 + n :], qvel[6 + n :]]) if doors else np.zeros(4),
            "door_present": float(bool(doors)),
        }

    def close(self) -> None:
        """Closes the environment."""
        self._env.close()
