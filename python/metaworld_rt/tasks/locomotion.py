"""The tasks stand, walk and run: keep tall, upright and relaxed, at a speed along x."""

from __future__ import annotations

import numpy as np

from metaworld_rt.tasks import tolerance
from metaworld_rt.tasks.posture import small_control, standing, upright
from metaworld_rt.tasks.signals import Signals

WALK_SPEED = 1.0
RUN_SPEED = 5.0
FALLEN_HEIGHT = 0.2


def move(forward_speed: np.ndarray, target: float) -> np.ndarray:
    """In [1/6, 1]: 1 at the target speed (m/s) or above, linear below."""
    return (5.0 * tolerance.linear(forward_speed, target, np.inf, target) + 1.0) / 6.0


def stand_reward(s: Signals) -> dict[str, np.ndarray]:
    """Reward terms of stand; the key "reward" is their product."""
    still = tolerance.gaussian(s.com_velocity[..., :2], margin=2.0).mean(axis=-1)
    terms = {"standing": standing(s), "upright": upright(s), "small_control": small_control(s), "dont_move": still}
    reward = terms["small_control"] * (terms["standing"] * terms["upright"]) * still
    return {"reward": reward, **terms}


def _moving_reward(s: Signals, target: float) -> dict[str, np.ndarray]:
    terms = {
        "standing": standing(s),
        "upright": upright(s),
        "small_control": small_control(s),
        "move": move(s.com_velocity[..., 0], target),
    }
    reward = terms["small_control"] * (terms["standing"] * terms["upright"]) * terms["move"]
    return {"reward": reward, **terms}


def walk_reward(s: Signals) -> dict[str, np.ndarray]:
    """Reward terms of walk (1 m/s along x)."""
    return _moving_reward(s, WALK_SPEED)


def run_reward(s: Signals) -> dict[str, np.ndarray]:
    """Reward terms of run (5 m/s along x)."""
    return _moving_reward(s, RUN_SPEED)


def fallen(s: Signals) -> np.ndarray:
    """True where the pelvis is below 0.2 m."""
    return s.qpos[..., 2] < FALLEN_HEIGHT
