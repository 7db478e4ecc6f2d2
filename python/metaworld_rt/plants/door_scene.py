"""HumanoidBench's pull door out of primitives: a leaf, a hatch that locks it, a frame and the walls of a corridor."""

from __future__ import annotations

import mujoco
import numpy as np

HINGE_STIFFNESS = 50.0
HINGE_RANGE = (0.0, 1.4)
LATCH_STIFFNESS = 2.0
LATCH_RANGE = (0.0, 2.0)
LEAF_DENSITY = 600.0
_BOX = mujoco.mjtGeom.mjGEOM_BOX
_CYLINDER = mujoco.mjtGeom.mjGEOM_CYLINDER
_ALONG = {"x": (np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0), "y": (np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0)}

# name, radius, half length, centre in the hatch's frame, axis
_HATCH = (
    ("axis_in", 0.05, 0.05, (-0.12, 0.0, 0.0), "x"),
    ("axis_out", 0.05, 0.05, (0.12, 0.0, 0.0), "x"),
    ("handle_in", 0.02, 0.1, (-0.141, -0.1, 0.0), "y"),
    ("handle_out", 0.02, 0.1, (0.141, -0.1, 0.0), "y"),
    ("lock_out", 0.01, 0.07, (0.15, 0.07, 0.0), "y"),
    ("lock_in", 0.01, 0.07, (-0.15, 0.07, 0.0), "y"),
)
# half sizes, centre in the frame's frame
_FRAME = (
    ("post_left", (0.12, 0.14, 1.0), (0.0, 0.66, 1.0)),
    ("post_right", (0.12, 0.14, 1.0), (0.0, -0.66, 1.0)),
    ("lintel", (0.12, 0.82, 0.19), (0.0, 0.0, 2.19)),
    ("wall_right", (1.19, 0.12, 1.19), (-1.31, -0.7, 1.19)),
    ("wall_left", (1.19, 0.12, 1.19), (-1.31, 0.7, 1.19)),
    ("wall_behind", (0.15, 0.58, 1.19), (-2.35, 0.0, 1.19)),
)


def add_door(spec: mujoco.MjSpec) -> None:
    """Adds the door to a scene: joints door_hinge then door_latch (both rad), bodies door, door_hatch, door_frame."""
    door = spec.worldbody.add_body(name="door", pos=(0.8, 0.0, 0.0))
    hinge = door.add_joint(name="door_hinge", pos=(-0.05, -0.5, 1.0), axis=(0, 0, 1), range=HINGE_RANGE)
    hinge.limited = mujoco.mjtLimited.mjLIMITED_TRUE
    hinge.stiffness[0] = HINGE_STIFFNESS
    leaf = door.add_geom(name="door_leaf", type=_BOX, size=(0.07, 0.48, 0.99), pos=(0.0, 0.0, 1.0))
    leaf.density = LEAF_DENSITY
    leaf.rgba = (0.62, 0.48, 0.34, 1.0)
    hatch = door.add_body(name="door_hatch", pos=(0.0, 0.4, 1.2), gravcomp=1.0)
    latch = hatch.add_joint(name="door_latch", axis=(1, 0, 0), range=LATCH_RANGE)
    latch.limited = mujoco.mjtLimited.mjLIMITED_TRUE
    latch.stiffness[0] = LATCH_STIFFNESS
    for name, radius, half, centre, axis in _HATCH:
        geom = hatch.add_geom(
            name=f"hatch_{name}", type=_CYLINDER, size=(radius, half, 0.0), pos=centre, quat=_ALONG[axis]
        )
        geom.rgba = (0.35, 0.37, 0.40, 1.0)
    frame = spec.worldbody.add_body(name="door_frame", pos=(0.8, 0.0, 0.0))
    for name, size, centre in _FRAME:
        geom = frame.add_geom(name=name, type=_BOX, size=size, pos=centre)
        geom.rgba = (0.55, 0.57, 0.60, 0.3)
