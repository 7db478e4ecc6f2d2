"""Frames of a simulated plant: the camera that follows the robot, and offscreen renderers."""

from __future__ import annotations

import mujoco
import numpy as np


class RenderError(RuntimeError):
    """No offscreen rendering here; the message says what to try."""


def make_renderer(model: mujoco.MjModel, width: int = 640, height: int = 480) -> mujoco.Renderer:
    """An offscreen renderer; use and close it on the thread that made it.

    Raises:
        RenderError: no OpenGL context could be made.
    """
    model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
    model.vis.global_.offheight = max(model.vis.global_.offheight, height)
    try:
        return mujoco.Renderer(model, height=height, width=width)
    except (RuntimeError, AttributeError, ImportError, mujoco.FatalError) as error:
        raise RenderError(f"offscreen rendering failed ({error}); try MUJOCO_GL=egl or MUJOCO_GL=osmesa") from error


def follow_camera(qpos: np.ndarray, distance: float = 4.0, azimuth: float = 130.0) -> mujoco.MjvCamera:
    """A free camera that looks at the robot's base from the side and a little above."""
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = (qpos[0], qpos[1], 0.9)
    camera.distance, camera.azimuth, camera.elevation = distance, azimuth, -12.0
    return camera
