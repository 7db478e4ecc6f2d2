"""The task door: turn the hatch, pull the door open, walk through."""

from __future__ import annotations

import numpy as np

from metaworld_rt.tasks import tolerance
from metaworld_rt.tasks.posture import small_control, standing, upright
from metaworld_rt.tasks.signals import Signals

FALLEN_HEIGHT = 0.58
PASSED_X = 1.2


def door_reward(s: Signals) -> dict[str, np.ndarray]:
    """Reward terms of door. The last two entries of qpos are the hinge and the latch angle, rad."""
    hinge, latch = s.qpos[..., -2], s.qpos[..., -1]
    to_hatch = np.minimum(
        np.linalg.norm(s.hatch - s.left_hand, axis=-1), np.linalg.norm(s.hatch - s.right_hand, axis=-1)
    )
    terms = {
        "stand_reward": standing(s) * upright(s, margin=0.9),
        "small_control": small_control(s),
        "door_openness_reward": np.minimum(1.0, hinge * np.abs(hinge)),
        "door_hatch_openness_reward": tolerance.linear(latch, 0.75, 2.0, 0.75, at_margin=0.1),
        "hand_hatch_proximity_reward": tolerance.linear(to_hatch, 0.0, 0.25, 1.0, at_margin=0.1),
        "passage_reward": tolerance.linear(s.imu_x, PASSED_X, np.inf, 1.0),
    }
    reward = (
        0.1 * terms["stand_reward"] * terms["small_control"]
        + 0.45 * terms["door_openness_reward"]
        + 0.05 * terms["door_hatch_openness_reward"]
        + 0.05 * terms["hand_hatch_proximity_reward"]
        + 0.35 * terms["passage_reward"]
    )
    return {"reward": reward, **terms}


def fallen(s: Signals) -> np.ndarray:
    """True where the pelvis is below 0.58 m."""
    return s.qpos[..., 2] < FALLEN_HEIGHT
