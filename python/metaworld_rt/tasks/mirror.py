"""Left-right mirror of features and actions: what the same moment looks like in a mirror along the x-z plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaworld_rt.plants.robot import mirror_permutation
from metaworld_rt.tasks.features import Feature

_POLAR = np.array([1.0, -1.0, 1.0])  # positions, velocities, directions
_AXIAL = np.array([-1.0, 1.0, -1.0])  # angular velocities
_SIGNS = {
    "height": np.ones(1),
    "gravity": _POLAR,
    "heading": _POLAR,
    "lin_vel": _POLAR,
    "ang_vel": _AXIAL,
    "phase": -np.ones(2),  # half a cycle later the other leg does the same
    "speed": np.ones(1),
    "base_to_goal": _POLAR,
}


def feature_mirror(features: Sequence[Feature]) -> tuple[np.ndarray, np.ndarray]:
    """Permutation and sign so that ``mirrored_phi = sign * phi[..., perm]``.

    Raises:
        ValueError: a feature that has no mirror image (the door, the left hand's goal).
    """
    joint_perm, joint_sign = mirror_permutation()
    perm, sign, at = [], [], 0
    for f in features:
        if f.name in ("joint_pos", "joint_vel", "prev_action"):
            perm.append(at + joint_perm)
            sign.append(joint_sign)
        elif f.name in _SIGNS:
            perm.append(at + np.arange(f.size))
            sign.append(_SIGNS[f.name])
        else:
            raise ValueError(f"the feature {f.name!r} has no mirror image")
        at += f.size
    return np.concatenate(perm), np.concatenate(sign)
