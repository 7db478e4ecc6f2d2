"""States with the left forearm hooked behind the hatch's lock, turning it and pulling: what is hardest to stumble upon.

They come from replaying arm motions with the pelvis held still, so that nothing about balance is given away. The
motions were found by a random search (cross-entropy method) for the way of the arms that opens the leaf furthest in
2 s: the forearm goes under the inner lock rod, lifts it, which turns the hatch, and pulls with the knob behind the rod.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from metaworld_rt.plants.h1 import build_spec
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.vector import VectorPhysics

SEGMENT = 25  # decisions between two waypoints
ARM_JOINTS = [i for i, name in enumerate(H1.joints) if name == "torso" or "shoulder" in name or "elbow" in name]
ARMS = np.isin(np.arange(H1.n), ARM_JOINTS)  # the same as a mask, (19,)
# Pelvis x, y, z (m) and waypoints (rad) of torso, left arm, right arm.
_MOTIONS: tuple[tuple[tuple[float, float, float], tuple[tuple[float, ...], ...]], ...] = (
    (
        (0.2, 0.12, 1.011),
        (
            (-0.08, -1.29, 0.74, 0.22, 0.66, -0.34, -0.06, 0.20, 0.18),
            (0.02, -0.76, 0.29, -0.60, -0.13, 0.30, -0.20, 0.40, -0.22),
            (0.22, -0.08, 0.04, -0.68, -0.25, -0.16, 0.04, 0.04, 0.30),
            (-0.08, 0.71, -0.05, -0.17, 0.60, 0.20, -0.01, 0.32, -0.49),
        ),
    ),
    (
        (0.12, 0.12, 1.011),
        (
            (-0.15, -1.03, 0.69, 0.09, 1.11, -0.21, -0.02, 0.11, 0.33),
            (-0.12, -0.66, 0.13, -0.15, 0.24, 0.38, -0.10, 0.13, -0.21),
            (0.20, -0.33, -0.06, -0.29, -0.31, -0.09, 0.01, 0.21, 0.18),
            (0.09, 0.77, -0.15, -0.40, 0.19, 0.17, 0.07, 0.35, -0.38),
        ),
    ),
    (
        (0.26, 0.12, 1.011),
        (
            (0.08, -1.23, 0.96, 0.48, 0.41, -0.28, -0.20, 0.01, 0.32),
            (0.10, -0.75, 0.38, -0.64, -0.23, 0.41, -0.02, 0.12, -0.05),
            (0.12, 0.02, 0.20, -0.19, -0.65, -0.11, -0.19, 0.17, 0.11),
            (0.01, 0.81, -0.15, -0.50, 0.17, 0.22, -0.04, 0.30, -0.27),
        ),
    ),
    (
        (0.2, 0.2, 1.011),
        (
            (0.06, -1.44, 0.52, 0.14, 0.63, -0.22, 0.05, 0.07, 0.33),
            (-0.07, -0.60, 0.16, -0.52, -0.23, 0.27, -0.01, 0.32, -0.04),
            (-0.04, -0.04, -0.00, -0.36, -0.11, -0.08, 0.24, 0.24, 0.17),
            (-0.01, 0.72, 0.14, -0.17, 0.27, 0.16, 0.12, 0.30, -0.51),
        ),
    ),
)


def motion(place: tuple[float, float, float], waypoints: np.ndarray, timestep: float) -> tuple[np.ndarray, ...]:
    """Replays one motion.

    Returns:
        qpos (k, nq), qvel (k, nv), normalised actions (k, 19) of its decisions.
    """
    spec = build_spec("door")
    weld = spec.add_equality()
    weld.type, weld.objtype = mujoco.mjtEq.mjEQ_WELD, mujoco.mjtObj.mjOBJ_BODY
    weld.name1, weld.name2 = "pelvis", "world"
    weld.solref = (0.01, 1.0)
    model = spec.compile()
    model.opt.timestep = timestep
    model.eq_data[0] = 0.0
    model.eq_data[0][3:6] = -np.asarray(place)  # the world in the pelvis's frame
    model.eq_data[0][6] = model.eq_data[0][10] = 1.0
    physics = VectorPhysics(model, 1, 1)
    physics.qpos[0, :3] = place
    way = np.concatenate([H1.default_pos[None, ARM_JOINTS], waypoints])
    steps = []
    for t in range(SEGMENT * len(waypoints)):
        target = H1.default_pos.copy()
        at = np.full(len(ARM_JOINTS), t / SEGMENT)
        target[ARM_JOINTS] = [np.interp(a, np.arange(len(way)), way[:, j]) for j, a in enumerate(at)]
        physics.step(H1.target(H1.action_of_target(target))[None])
        steps.append((physics.qpos[0], physics.qvel[0], H1.action_of_target(target)))
    physics.close()
    return tuple(np.stack(part) for part in zip(*steps, strict=True))


@dataclass(frozen=True)
class Motions:
    """All motions, replayed: qpos (m, k, nq), qvel (m, k, nv), actions (m, k, 19), and the pelvis's places (m, 2)."""

    qpos: np.ndarray
    qvel: np.ndarray
    action: np.ndarray
    place: np.ndarray

    @property
    def length(self) -> int:
        """Decisions of a motion."""
        return self.qpos.shape[1]


def replay_all(timestep: float) -> Motions:
    """Replays every motion."""
    parts = [motion(place, np.array(waypoints), timestep) for place, waypoints in _MOTIONS]
    qpos, qvel, action = (np.stack(part) for part in zip(*parts, strict=True))
    return Motions(qpos, qvel, action, np.array([place[:2] for place, _ in _MOTIONS]))
