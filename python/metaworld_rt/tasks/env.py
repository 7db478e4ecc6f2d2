"""The tasks as Gymnasium environments, equal to HumanoidBench's h1 environments decision by decision."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces

from metaworld_rt.plants.h1 import DECISION_DT, SUBSTEPS, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import reach
from metaworld_rt.tasks.signals import SignalReader, Signals
from metaworld_rt.tasks.task import EPISODE_DECISIONS, RESET_NOISE, TASKS, get_task


class H1Env(gym.Env):
    """One H1 in one task at 50 Hz.

    Action: (19,) in [-1, 1], HumanoidBench's meaning, linear onto the joint ranges (0 is mid-range, not a pose to
    stand in); `step_target` takes position targets in rad instead.
    Observation: float64 [qpos, qvel] of the whole model; reach adds the left hand and the goal (world, m).
    Reward, end of episode and info: see `metaworld_rt.tasks.task`. Not thread-safe.

    Args:
        task: stand, walk, run, reach or door.
        foot: see `metaworld_rt.plants.h1.build`.
        render_mode: None or "rgb_array" (needs MUJOCO_GL=egl on a machine without a display).
        width, height: of rendered frames, pixels.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / DECISION_DT)}  # noqa: RUF012 - Gymnasium's name

    def __init__(
        self, task: str, foot: str = "blade", render_mode: str | None = None, width: int = 640, height: int = 480
    ) -> None:
        self.task = get_task(task)
        self.render_mode = render_mode
        self.model = build(self.task.scene, foot)
        self.data = mujoco.MjData(self.model)
        self._reader = SignalReader(self.model)
        self._renderer: mujoco.Renderer | None = None
        self._size = (width, height)
        self.goal = np.zeros(3)
        size = self.model.nq + self.model.nv + (6 if self.task.has_goal else 0)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (H1.n,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Keyframe plus uniform noise of 0.01 on every qpos, at rest; `options={"goal": (3,)}` sets reach's goal."""
        super().reset(seed=seed)
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        self.data.qpos += self.np_random.uniform(-RESET_NOISE, RESET_NOISE, self.model.nq)
        mujoco.mj_forward(self.model, self.data)
        if self.task.has_goal:
            given = (options or {}).get("goal")
            self.goal = reach.sample_goal(self.np_random) if given is None else np.array(given, dtype=np.float64)
        return self._observation(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """One decision of HumanoidBench's action."""
        return self.step_target(H1.benchmark_target(np.clip(action, -1.0, 1.0)))

    def step_target(self, target: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """One decision that holds the position targets (19,), rad."""
        self.data.ctrl[:] = np.clip(target, H1.lower, H1.upper)
        mujoco.mj_step(self.model, self.data, nstep=SUBSTEPS)
        s = self.signals()
        info = {name: float(value) for name, value in self.task.terms(s, self.goal).items()}
        reward = info.pop("reward")
        return self._observation(), reward, bool(self.task.terminated(s)), False, info

    def signals(self) -> Signals:
        """What the reward reads, of the last decision; views into the simulation."""
        return self._reader.read(self.data.qpos, self.data.qvel, self.data.sensordata)

    def _observation(self) -> np.ndarray:
        parts = [self.data.qpos, self.data.qvel]
        if self.task.has_goal:
            parts += [self.signals().left_hand, self.goal]
        return np.concatenate(parts)

    def render(self) -> np.ndarray | None:
        """A frame, (height, width, 3) uint8, of a camera that follows the robot."""
        if self.render_mode is None:
            return None
        from metaworld_rt.plants.render import follow_camera, make_renderer

        if self._renderer is None:
            self._renderer = make_renderer(self.model, *self._size)
        self._renderer.update_scene(self.data, follow_camera(self.data.qpos))
        return self._renderer.render()

    def close(self) -> None:
        """Frees the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def env_id(task: str) -> str:
    """Gymnasium id of a task."""
    return f"metaworld_rt/h1-{task}-v0"


def register() -> None:
    """Registers the five environments with Gymnasium; harmless when repeated."""
    for name in TASKS:
        if env_id(name) not in gym.registry:
            gym.register(
                id=env_id(name),
                entry_point="metaworld_rt.tasks.env:H1Env",
                max_episode_steps=EPISODE_DECISIONS,
                kwargs={"task": name},
                disable_env_checker=True,
            )
