"""The shipped foot: a thin blade, rounded all over, as the vertices of a convex hull.

HumanoidBench's h1 has a blade 30 mm wide for a foot, not Menagerie's. Ours is a flat plate inflated by a ball of 3 mm.
The plate's outline was fitted to the benchmark's published dimensions; how close the physics comes is held by a test.
"""

from __future__ import annotations

import numpy as np

RADIUS = 0.003
PLATE_HALF_WIDTH = 0.012
# Outline of the plate in the ankle link's x-z plane, m, counter-clockwise seen from -y: sole, toe, ankle, heel.
PLATE_OUTLINE = (
    (-0.0947, -0.0670),
    (0.1944, -0.0670),
    (0.1970, -0.0659),
    (0.1970, -0.0617),
    (0.0, 0.0079),
    (-0.0046, 0.0070),
    (-0.0970, -0.0617),
    (-0.0970, -0.0665),
)
TILT_STEPS = 10  # from the plate's edge to its side, 90 degrees

SOLE_SPHERE_RADIUS = 0.005


def blade_vertices() -> np.ndarray:
    """Hull vertices of the blade, (k, 3) float64, m, in the ankle link's frame; left-right symmetric."""
    outline = np.array(PLATE_OUTLINE)
    edges = np.roll(outline, -1, axis=0) - outline
    outward = np.arctan2(-edges[:, 0], edges[:, 1])  # angle in x-z of each edge's normal
    tilts = np.linspace(0.0, np.pi / 2, TILT_STEPS)
    points = []
    for i, (x, z) in enumerate(outline):
        first, last = outward[i - 1], outward[i]
        sweep = np.mod(last - first, 2 * np.pi)
        for angle in first + np.linspace(0.0, sweep, 2 + round(np.degrees(sweep) / 7.5)):
            for tilt in tilts:
                reach = RADIUS * np.cos(tilt)
                y = PLATE_HALF_WIDTH + RADIUS * np.sin(tilt)
                points += [(x + reach * np.cos(angle), s * y, z + reach * np.sin(angle)) for s in (-1, 1)]
    return np.unique(np.round(points, 7), axis=0)


def sole_corners() -> np.ndarray:
    """Centres of the four small spheres that stand for the blade in training physics, (4, 3), m."""
    (heel, bottom), (toe, _) = PLATE_OUTLINE[:2]
    z = bottom - RADIUS + SOLE_SPHERE_RADIUS
    return np.array([(x, s * PLATE_HALF_WIDTH, z) for x in (heel, toe) for s in (-1, 1)])
