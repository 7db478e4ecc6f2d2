"""What the project knows about the H1 robot itself: joints, gains, limits, default pose, action scale.

One place for the numbers that training, export, tasks and plants share. Pure numpy: importing this needs no simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# One row a joint: name, kp (N m/rad), kd (N m s/rad), |force| max (N m), lower, upper, default, scale (rad).
# Gains, force limits and ranges are HumanoidBench's h1; the default pose is its keyframe; `scale`: see ACTION_SCALE.
_LEG = (
    ("hip_yaw", 200.0, 5.0, 200.0, -0.43, 0.43, 0.0, 0.4),
    ("hip_roll", 200.0, 5.0, 200.0, -0.43, 0.43, 0.0, 0.4),
    ("hip_pitch", 200.0, 5.0, 200.0, -3.14, 2.53, -0.4, 1.2),
    ("knee", 300.0, 6.0, 300.0, -0.26, 2.05, 0.8, 1.2),
    ("ankle", 40.0, 2.0, 40.0, -0.87, 0.52, -0.4, 0.9),
)
_TORSO = (("torso", 300.0, 6.0, 200.0, -2.35, 2.35, 0.0, 0.8),)
_ARM = (
    ("shoulder_pitch", 100.0, 2.0, 40.0, -2.87, 2.87, 0.0, 2.6),
    ("shoulder_roll", 100.0, 2.0, 40.0, -0.34, 3.11, 0.0, 1.2),
    ("shoulder_yaw", 100.0, 2.0, 18.0, -1.3, 4.45, 0.0, 1.2),
    ("elbow", 100.0, 2.0, 18.0, -1.25, 2.61, 0.0, 1.6),
)
# Joints about x or z turn the other way on the right side, and so do their ranges.
_MIRROR_SIGN = {"hip_yaw": -1, "hip_roll": -1, "torso": -1, "shoulder_roll": -1, "shoulder_yaw": -1}


def _side(rows: tuple, side: str) -> list[tuple]:
    out = []
    for name, kp, kd, force, lower, upper, default, scale in rows:
        # The legs' ranges about x and z are symmetric, so flipping them is a no-op there.
        if side == "right" and name in _MIRROR_SIGN:
            lower, upper = -upper, -lower
        out.append((f"{side}_{name}", kp, kd, force, lower, upper, default, scale))
    return out


_ROWS = _side(_LEG, "left") + _side(_LEG, "right") + list(_TORSO) + _side(_ARM, "left") + _side(_ARM, "right")


def _column(index: int) -> np.ndarray:
    array = np.array([row[index] for row in _ROWS], dtype=np.float64)
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class Robot:
    """A position-controlled robot. Arrays are (n,) float64, read-only, in `joints` order.

    Attributes:
        name: robot id, as in bundle.json.
        joints: joint names in plant order.
        stiffness, damping: kp (N m/rad) and kd (N m s/rad) of the position servo.
        max_force: joint torque limit, N m.
        lower, upper: limits of a position target, rad.
        default_pos: the pose of a = 0, rad.
        action_scale: rad per unit of normalised action.
        stand_height: base height of the reset pose, m.
    """

    name: str
    joints: tuple[str, ...]
    stiffness: np.ndarray
    damping: np.ndarray
    max_force: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    default_pos: np.ndarray
    action_scale: np.ndarray
    stand_height: float

    @property
    def n(self) -> int:
        """Number of joints."""
        return len(self.joints)

    def target(self, action: np.ndarray) -> np.ndarray:
        """Position target of a normalised action: ``clamp(default_pos + scale * clip(a, -1, 1), lower, upper)``.

        Args:
            action: (..., n) normalised actions; values beyond [-1, 1] are clamped.

        Returns:
            (..., n) float64, rad.
        """
        action = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        return np.clip(self.default_pos + self.action_scale * action, self.lower, self.upper)

    def action_of_target(self, target: np.ndarray) -> np.ndarray:
        """Normalised action whose target is nearest to `target` (..., n) rad."""
        return np.clip((np.asarray(target, dtype=np.float64) - self.default_pos) / self.action_scale, -1.0, 1.0)

    def benchmark_action(self, target: np.ndarray) -> np.ndarray:
        """HumanoidBench's action of a position target: [-1, 1] mapped linearly onto the joint range.

        Args:
            target: (..., n) rad.

        Returns:
            (..., n) float64 in [-1, 1].
        """
        target = np.clip(np.asarray(target, dtype=np.float64), self.lower, self.upper)
        return 2.0 * (target - self.lower) / (self.upper - self.lower) - 1.0

    def benchmark_target(self, action: np.ndarray) -> np.ndarray:
        """Position target, rad, of a HumanoidBench action (..., n)."""
        return (np.asarray(action, dtype=np.float64) + 1.0) / 2.0 * (self.upper - self.lower) + self.lower


ACTION_SCALE = _column(7)
"""rad per unit of normalised action, one scale for all skills.

Every skill shares it, because fusion adds actions of different skills and a planner perturbs them with one noise.
Chosen so that [-1, 1] covers what the skills need and little more: hip_yaw and hip_roll reach their limits; hip_pitch
and knee go from straight (standing loads the knees least when straight) to a deep squat (a goal 0.2 m above the floor);
the ankle covers its range but for the last tenth; the shoulder lifts the hand to 2 m and the elbow straightens the arm.
"""

H1 = Robot(
    name="h1",
    joints=tuple(row[0] for row in _ROWS),
    stiffness=_column(1),
    damping=_column(2),
    max_force=_column(3),
    lower=_column(4),
    upper=_column(5),
    default_pos=_column(6),
    action_scale=ACTION_SCALE,
    stand_height=0.98,
)


def mirror_permutation() -> tuple[np.ndarray, np.ndarray]:
    """Left-right mirror of H1's joints.

    Returns:
        (perm, sign): ``mirrored = sign * q[perm]``, both (19,); applying it twice gives q back.
    """
    names = H1.joints
    swap = {"left": "right", "right": "left"}
    perm, sign = [], []
    for name in names:
        side, _, part = name.partition("_")
        other = f"{swap[side]}_{part}" if side in swap else name
        perm.append(names.index(other))
        sign.append(_MIRROR_SIGN.get(part if side in swap else name, 1))
    return np.array(perm), np.array(sign, dtype=np.float64)
