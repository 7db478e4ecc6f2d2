"""Where episodes at the door begin: hand-made states along the way, from the closed door to a lunge in the doorway.

The leaf is heavy (49 kg m^2 about the hinge) and a spring closes it, but it does not fall shut: once the hatch is let
go, its locks stand out and catch the frame at 0.275 rad. From there a hand gets behind the edge. At the end the robot
stands in the doorway with one leg behind it, which stops the leaf as a doorstop does.
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from metaworld_rt.plants.robot import H1

HINGE_XY = np.array([0.75, -0.5])
LEAF_OUTER = 0.12  # of the leaf's outer face from the hinge across the leaf, m
AJAR = 0.275  # rad, where the locks hold the leaf when it falls back
_HIP = np.array([0.039, 0.203, -0.174])  # of the left hip pitch joint from the pelvis
_LINK = 0.4  # thigh and shin
_ANKLE_HEIGHT = 0.068
_HEEL = 0.10
_DEPTH = 0.004  # m of penetration that a start may have
_TRIES = 1000
_J = {name: 7 + i for i, name in enumerate(H1.joints)}


def leg(dx: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hip pitch, knee and ankle, rad, that put the ankle `dx` before and `down` below the hip, sole level, m."""
    reach = np.clip(np.hypot(dx, down), 0.3, 2 * _LINK - 1e-3)
    knee = np.pi - np.arccos(np.clip(1.0 - reach**2 / (2 * _LINK**2), -1.0, 1.0))
    hip = -knee / 2 - np.arctan2(dx, down)
    return hip, knee, np.clip(-(hip + knee), -0.87, 0.52)


def _pose(rng: np.random.Generator, qpos: np.ndarray, x: float, y: float, yaw: float, ahead: float, height: float):
    """Feet level, the left one `ahead` m before the pelvis and the right one as much behind; arms loosely anyhow."""
    qpos[0], qpos[1], qpos[2] = x, y, height
    qpos[3:7] = np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles = leg(np.float64(sign * ahead - _HIP[0]), np.float64(height + _HIP[2] - _ANKLE_HEIGHT))
        for joint, angle in zip(("hip_pitch", "knee", "ankle"), angles, strict=True):
            qpos[_J[f"{side}_{joint}"]] = angle
        qpos[_J[f"{side}_shoulder_pitch"]] = rng.uniform(-0.6, 0.5)
        qpos[_J[f"{side}_shoulder_roll"]] = sign * rng.uniform(0.0, 0.4)
        qpos[_J[f"{side}_elbow"]] = rng.uniform(-0.3, 1.5)


def _stand_height(ahead: float, bend: float) -> float:
    return float(np.sqrt((2 * _LINK - bend) ** 2 - (abs(ahead) + _HIP[0]) ** 2) + _ANKLE_HEIGHT - _HIP[2])


def front(rng: np.random.Generator, qpos: np.ndarray) -> None:
    """Before the closed door."""
    ahead = rng.uniform(-0.08, 0.08)
    height = _stand_height(ahead, rng.uniform(0.02, 0.08))
    _pose(rng, qpos, rng.uniform(-0.05, 0.32), rng.uniform(-0.05, 0.3), rng.normal(0.0, 0.15), ahead, height)


def ajar(rng: np.random.Generator, qpos: np.ndarray) -> None:
    """Before the leaf that its locks hold ajar, or a little wider."""
    ahead = rng.uniform(-0.1, 0.1)
    height = _stand_height(ahead, rng.uniform(0.02, 0.08))
    _pose(rng, qpos, rng.uniform(-0.2, 0.35), rng.uniform(-0.1, 0.6), rng.normal(0.0, 0.3), ahead, height)
    qpos[-2] = AJAR + 0.01 + rng.choice([0.0, rng.uniform(0.0, 0.3)])


def gap(rng: np.random.Generator, qpos: np.ndarray) -> None:
    """Beside the edge of the half open leaf, or already between it and the frame."""
    ahead = rng.uniform(-0.25, 0.25)
    height = _stand_height(ahead, rng.uniform(0.02, 0.08))
    qpos[-2] = rng.uniform(0.4, 1.25)
    _pose(rng, qpos, rng.uniform(0.0, 0.7), rng.uniform(-0.1, 0.6), rng.normal(0.0, 0.4), ahead, height)


def lunge(rng: np.random.Generator, qpos: np.ndarray) -> None:
    """In the doorway, a step long, the leaf at or near the heel of the foot behind."""
    ahead = rng.uniform(0.05, 0.42)
    height = _stand_height(ahead, rng.uniform(0.01, 0.08))
    x, y, yaw = rng.uniform(0.45, 1.15), rng.uniform(-0.08, 0.2), rng.normal(0.0, 0.2)
    _pose(rng, qpos, x, y, yaw, ahead, height)
    c, s = np.cos(yaw), np.sin(yaw)
    heel = np.array([x, y]) + np.array([[c, -s], [s, c]]) @ [-ahead - _HEEL, -_HIP[1]] - HINGE_XY
    # The leaf's outer face passes through the heel where heel_x cos q + heel_y sin q = LEAF_OUTER.
    far = np.hypot(*heel)
    touch = np.arctan2(heel[1], heel[0]) - np.arccos(np.clip(LEAF_OUTER / max(far, 0.13), -1.0, 1.0))
    touch = 0.6 if not 0.4 < touch < 1.35 else touch
    qpos[-2] = np.clip(touch + 0.03 + rng.choice([0.0, rng.uniform(0.0, 0.25)]), 0.0, 1.39)


STARTS: dict[str, Callable[[np.random.Generator, np.ndarray], None]] = {
    "front": front,
    "ajar": ajar,
    "gap": gap,
    "lunge": lunge,
}


def pool(model: mujoco.MjModel, kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """N states (n, nq) of a kind, in which the robot touches nothing but the floor.

    Raises:
        ValueError: the kind is unknown, or hardly ever free of collisions.
    """
    if kind not in STARTS:
        raise ValueError(f"unknown start {kind!r}: one of {', '.join(STARTS)}")
    data, home, out = mujoco.MjData(model), model.key_qpos[0], np.zeros((n, model.nq))
    floor = {g for g in range(model.ngeom) if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_PLANE}
    scene = {g for g in range(model.ngeom) if model.body(model.geom_bodyid[g]).name.startswith("door")}
    for i in range(n):
        for _ in range(_TRIES):
            qpos = home + rng.normal(0.0, 0.02, model.nq)
            qpos[-2:] = 0.0
            STARTS[kind](rng, qpos)
            data.qpos[:] = qpos
            mujoco.mj_forward(model, data)
            if not any(_bad(c, floor, scene) for c in data.contact[: data.ncon]):
                break
        else:
            raise ValueError(f"starts of the kind {kind} collide")
        out[i] = qpos
    return out


def _bad(contact: mujoco.MjContact, floor: set[int], scene: set[int]) -> bool:
    one, two = int(contact.geom[0]), int(contact.geom[1])
    if one in floor or two in floor:
        return contact.dist < -0.02
    if one in scene and two in scene:  # the locks on the frame
        return False
    return contact.dist < -_DEPTH
