"""The feature vector phi(s) that every network reads: Python's mirror of the vocabulary in docs/bundle.md, batched.

The C++ controller computes the same definition; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from metaworld_rt.plants.robot import H1, Robot

SIZES: dict[str, int | None] = {  # None: the number of joints
    "height": 1,
    "gravity": 3,
    "heading": 3,
    "lin_vel": 3,
    "ang_vel": 3,
    "joint_pos": None,
    "joint_vel": None,
    "prev_action": None,
    "phase": 2,
    "speed": 1,
    "hand_to_goal": 3,
    "base_to_goal": 3,
    "base_xy": 2,
    "door": 4,
    "door_present": 1,
    "left_hand": 3,
    "right_hand": 3,
}


FAR = 5.0  # m: features say "far away in this direction" beyond it, so that no network sees what grows without bound


@dataclass(frozen=True)
class Feature:
    """One entry of phi: ``value * scale``; the vocabulary gives the value's meaning and unit."""

    name: str
    size: int
    scale: float = 1.0


@dataclass
class FeatureInput:
    """What phi is computed from; every array has the same leading batch shape (...).

    Observation terms (SI, world frame unless said): base_pos 3, base_quat 4 (w x y z, body to world), joint_pos n,
    base_lin_vel 3, base_ang_vel 3 (body), joint_vel n; and where a feature needs them left_hand_pos 3,
    right_hand_pos 3, goal_pos 3, door 4 (hinge, latch, their rates), door_present 1.
    Controller state: prev_action n (normalised, after clamping), phase (cycles), heading (rad, world yaw), speed (m/s).
    """

    base_pos: np.ndarray
    base_quat: np.ndarray
    joint_pos: np.ndarray
    base_lin_vel: np.ndarray
    base_ang_vel: np.ndarray
    joint_vel: np.ndarray
    prev_action: np.ndarray
    phase: np.ndarray | float = 0.0
    heading: np.ndarray | float = 0.0
    speed: np.ndarray | float = 0.0
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    @staticmethod
    def from_state(
        qpos: np.ndarray, qvel: np.ndarray, prev_action: np.ndarray, robot: Robot = H1, **rest: object
    ) -> FeatureInput:
        """From MuJoCo's (..., nq) and (..., nv); joints beyond the robot's own are not read."""
        n = robot.n
        return FeatureInput(
            base_pos=qpos[..., 0:3],
            base_quat=qpos[..., 3:7],
            joint_pos=qpos[..., 7 : 7 + n],
            base_lin_vel=qvel[..., 0:3],
            base_ang_vel=qvel[..., 3:6],
            joint_vel=qvel[..., 6 : 6 + n],
            prev_action=prev_action,
            **rest,  # type: ignore[arg-type]
        )


def feature(name: str, scale: float = 1.0, robot: Robot = H1) -> Feature:
    """A feature of the vocabulary by name.

    Raises:
        ValueError: a name that the vocabulary lacks.
    """
    if name not in SIZES:
        raise ValueError(f"unknown feature {name!r}: one of {', '.join(SIZES)}")
    size = SIZES[name]
    return Feature(name, robot.n if size is None else size, scale)


def rotation(quat: np.ndarray) -> np.ndarray:
    """(..., 3, 3) body-to-world matrix of (..., 4) quaternions w x y z, normalised first."""
    w, x, y, z = np.moveaxis(quat / np.linalg.norm(quat, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _extra(s: FeatureInput, name: str) -> np.ndarray:
    if name not in s.extra:
        raise ValueError(f"the features need the observation term {name!r}, which was not given")
    return s.extra[name]


def compute(features: Sequence[Feature], s: FeatureInput, robot: Robot = H1) -> np.ndarray:
    """phi, (..., sum of sizes) float32, in the order of `features`; computed in float64 and rounded at the end."""
    to_body = np.swapaxes(rotation(s.base_quat), -1, -2)
    shape = s.base_pos.shape[:-1]

    def in_base(vector: np.ndarray) -> np.ndarray:
        return (to_body @ vector[..., None])[..., 0]

    def column(value: np.ndarray | float) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), shape)

    def heading() -> np.ndarray:
        psi = column(s.heading)
        return in_base(np.stack([np.cos(psi), np.sin(psi), np.zeros(shape)], axis=-1))

    def to_goal(start: np.ndarray) -> np.ndarray:
        vector = _extra(s, "goal_pos") - start
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        return in_base(vector * (FAR / np.maximum(length, FAR)))

    def phase() -> np.ndarray:
        angle = 2.0 * np.pi * column(s.phase)
        return np.stack([np.sin(angle), np.cos(angle)], axis=-1)

    value = {
        "height": lambda: s.base_pos[..., 2:3],
        "gravity": lambda: -to_body[..., :, 2],
        "heading": heading,
        "lin_vel": lambda: in_base(s.base_lin_vel),
        "ang_vel": lambda: s.base_ang_vel,
        "joint_pos": lambda: s.joint_pos - robot.default_pos,
        "joint_vel": lambda: s.joint_vel,
        "prev_action": lambda: s.prev_action,
        "phase": phase,
        "speed": lambda: column(s.speed)[..., None],
        "hand_to_goal": lambda: to_goal(_extra(s, "left_hand_pos")),
        "base_to_goal": lambda: to_goal(s.base_pos),
        "base_xy": lambda: np.clip(s.base_pos[..., 0:2], -FAR, FAR),
        "door": lambda: _extra(s, "door"),
        "door_present": lambda: _extra(s, "door_present"),
        "left_hand": lambda: in_base(_extra(s, "left_hand_pos") - s.base_pos),
        "right_hand": lambda: in_base(_extra(s, "right_hand_pos") - s.base_pos),
    }
    return np.concatenate([value[f.name]() * f.scale for f in features], axis=-1).astype(np.float32)


LOCOMOTION: tuple[Feature, ...] = (
    feature("height"),
    feature("gravity"),
    feature("heading"),
    feature("lin_vel", 0.5),
    feature("ang_vel", 0.25),
    feature("joint_pos"),
    feature("joint_vel", 0.05),
    feature("prev_action"),
    feature("phase"),
)
"""phi of the bundle h1-locomotion, 72 numbers: proprioception, the goal's heading and the gait phase."""

HOUSEHOLD: tuple[Feature, ...] = (
    *LOCOMOTION,
    feature("hand_to_goal"),
    feature("base_to_goal"),
    feature("base_xy"),
    feature("door"),
    feature("door_present"),
    feature("left_hand"),
    feature("right_hand"),
)
"""phi of the bundle h1-household, 91 numbers: the same, and where the goal, the door and the hands are."""


def size(features: Sequence[Feature]) -> int:
    """Length of phi."""
    return sum(f.size for f in features)


#: Observation terms beyond the robot's own state that features read, and their sizes.
_TERMS = {"left_hand_pos": 3, "right_hand_pos": 3, "goal_pos": 3, "door": 4, "door_present": 1}
_READS = {
    "hand_to_goal": ("left_hand_pos", "goal_pos"),
    "base_to_goal": ("goal_pos",),
    "door": ("door",),
    "door_present": ("door_present",),
    "left_hand": ("left_hand_pos",),
    "right_hand": ("right_hand_pos",),
}


def observation_terms(features: Sequence[Feature]) -> tuple[tuple[str, int], ...]:
    """The observation terms (name, size) beyond the robot's own state that these features read."""
    read = {term for f in features for term in _READS.get(f.name, ())}
    return tuple((name, size) for name, size in _TERMS.items() if name in read)


def slices(features: Sequence[Feature]) -> dict[str, slice]:
    """Where each feature lies in phi."""
    out, at = {}, 0
    for f in features:
        out[f.name] = slice(at, at + f.size)
        at += f.size
    return out
