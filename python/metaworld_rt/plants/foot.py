"""The shipped foot: a thin blade with rounded lower edges, as the vertices of a convex hull."""

from __future__ import annotations

import numpy as np

# In the ankle link's frame, m (HumanoidBench's foot, from its published dimensions).
X_RANGE = (-0.10, 0.20)
Y_HALF = 0.015
Z_RANGE = (-0.07, 0.011)
END_RADIUS = 0.005
SIDE_RADIUS = 0.003
ARC_POINTS = 6


def blade_vertices() -> np.ndarray:
    """Hull vertices of the blade, (k, 3) float64, m, in the ankle link's frame; left-right symmetric."""
    angles = np.linspace(0.0, np.pi / 2, ARC_POINTS)
    down = 1.0 - np.sin(angles)  # 1 at the side, 0 at the sole
    out = 1.0 - np.cos(angles)
    points = []
    # Sections at growing height: each is a rectangle whose ends draw in by the end radius and sides by the side radius.
    for d, o in zip(down, out, strict=True):
        z = Z_RANGE[0] + END_RADIUS * d
        x0, x1 = X_RANGE[0] + END_RADIUS * o, X_RANGE[1] - END_RADIUS * o
        y = Y_HALF - SIDE_RADIUS * o
        points += [(x, s * y, z) for x in (x0, x1) for s in (-1, 1)]
    points += [(x, s * Y_HALF, Z_RANGE[1]) for x in X_RANGE for s in (-1, 1)]
    return np.array(points, dtype=np.float64)


def sole_corners() -> np.ndarray:
    """Centres of the four small spheres that stand for the blade in training physics, (4, 3), m; see `SOLE_RADIUS`."""
    x0, x1 = X_RANGE[0] + END_RADIUS, X_RANGE[1] - END_RADIUS
    y = Y_HALF - SIDE_RADIUS
    z = Z_RANGE[0] + SOLE_RADIUS
    return np.array([(x, s * y, z) for x in (x0, x1) for s in (-1, 1)])


SOLE_RADIUS = 0.005
