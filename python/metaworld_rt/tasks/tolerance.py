"""The reward shapes of HumanoidBench: dm_control's `tolerance`, vectorised.

Source: DeepMind Control Suite (arXiv 1801.00690), section on rewards; facts in docs/humanoidbench.md.
"""

from __future__ import annotations

import numpy as np

_VALUE_AT_MARGIN = 0.1


def _distance(x: np.ndarray, lower: float, upper: float, margin: float) -> np.ndarray:
    """How far outside [lower, upper], in margins; 0 inside."""
    return np.maximum(np.maximum(lower - x, x - upper), 0.0) / margin


def gaussian(x: np.ndarray, lower: float = 0.0, upper: float = 0.0, margin: float = 1.0) -> np.ndarray:
    """1 inside [lower, upper], a bell outside, 0.1 one margin away."""
    scale = np.sqrt(-2.0 * np.log(_VALUE_AT_MARGIN))
    return np.exp(-0.5 * (_distance(x, lower, upper, margin) * scale) ** 2)


def linear(
    x: np.ndarray, lower: float = 0.0, upper: float = 0.0, margin: float = 1.0, at_margin: float = 0.0
) -> np.ndarray:
    """1 inside [lower, upper], falling in a straight line to `at_margin` one margin away, never below 0."""
    return np.maximum(1.0 - _distance(x, lower, upper, margin) * (1.0 - at_margin), 0.0)


def quadratic(x: np.ndarray, lower: float = 0.0, upper: float = 0.0, margin: float = 1.0) -> np.ndarray:
    """1 inside [lower, upper], a parabola to 0 one margin away, 0 beyond."""
    return np.maximum(1.0 - _distance(x, lower, upper, margin) ** 2, 0.0)
