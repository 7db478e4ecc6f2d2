"""Reward terms the tasks share: standing tall, upright, with small actuator forces."""

from __future__ import annotations

import numpy as np

from metaworld_rt.tasks import tolerance
from metaworld_rt.tasks.signals import Signals

STAND_HEIGHT = 1.65


def standing(s: Signals) -> np.ndarray:
    """1 with the head at 1.65 m or above."""
    return tolerance.gaussian(s.head_z, STAND_HEIGHT, np.inf, STAND_HEIGHT / 4)


def upright(s: Signals, margin: float = 1.9) -> np.ndarray:
    """1 with the torso within about 26 degrees of vertical."""
    return tolerance.linear(s.torso_up, 0.9, np.inf, margin)


def small_control(s: Signals) -> np.ndarray:
    """In [0.8, 1]: 1 where no actuator pushes."""
    return (4.0 + tolerance.quadratic(s.force, margin=10.0).mean(axis=-1)) / 5.0
