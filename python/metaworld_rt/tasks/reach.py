"""The task reach: bring the left hand to a goal that stays for the episode."""

from __future__ import annotations

import numpy as np

from metaworld_rt.tasks.signals import ROBOT_NV, Signals

GOAL_LOW = np.array([-2.0, -2.0, 0.2])
GOAL_HIGH = np.array([2.0, 2.0, 2.0])
NEAR, TOUCHING = 1.0, 0.05


def reach_reward(s: Signals, goal: np.ndarray) -> dict[str, np.ndarray]:
    """Reward terms of reach.

    Args:
        s: signals of batch shape (...).
        goal: (..., 3) world, m.
    """
    distance = np.linalg.norm(s.left_hand - goal, axis=-1)
    terms = {
        "hand_dist": distance,
        "healthy_reward": 5.0 * s.pelvis_up,
        "motion_penalty": np.square(s.qvel[..., :ROBOT_NV]).sum(axis=-1),
        "reward_close": np.where(distance < NEAR, 5.0, 0.0),
        "reward_success": np.where(distance < TOUCHING, 10.0, 0.0),
    }
    reward = terms["healthy_reward"] - 1e-4 * terms["motion_penalty"] + terms["reward_close"] + terms["reward_success"]
    return {"reward": reward, **terms}


def never(s: Signals) -> np.ndarray:
    """Reach never ends early."""
    return np.zeros(s.qpos.shape[:-1], dtype=bool)


def sample_goal(rng: np.random.Generator, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Goals uniform in the benchmark's box, (*shape, 3), world, m."""
    return rng.uniform(GOAL_LOW, GOAL_HIGH, size=(*shape, 3))
