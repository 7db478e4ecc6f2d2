"""The robot's eye: what a wide-angle camera at the head of a simulated humanoid sees."""

from __future__ import annotations

import math

import mujoco
import numpy as np

SIZE = 96  # px, both sides
FOVY = 90.0  # deg
PITCH = -20.0  # deg, looking a little down
NEAR = 0.02  # m, what is closer is not drawn
FORWARD = 0.14  # m, in front of the head site, so that the head itself is not seen


def head_pose(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, float]:
    """Where the head camera is (world, m) and its yaw (rad), from the site "head" and the body it is on."""
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "head")
    if site < 0:
        raise ValueError("the model has no site named head: the head camera needs one")
    axis = data.site_xmat[site].reshape(3, 3)[:, 0]
    yaw = math.atan2(axis[1], axis[0])
    return data.site_xpos[site] + FORWARD * np.array([math.cos(yaw), math.sin(yaw), 0.0]), yaw


class HeadCamera:
    """Renders the head view of one model, offscreen. Needs a GL (MUJOCO_GL=egl where there is no display).

    Not thread-safe: make and use it on one thread. About 13 ms in software rendering; shadows would cost 80 to 160.
    """

    def __init__(self, model: mujoco.MjModel, size: int = SIZE, shadows: bool = False):
        self._model = model
        self._renderer = mujoco.Renderer(model, size, size)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows

    def render(
        self,
        data: mujoco.MjData,
        offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
        yaw: float = 0.0,
        pitch: float = PITCH,
        fovy: float = FOVY,
    ) -> np.ndarray:
        """The image, [size, size, 3] uint8 RGB; offset (world, m), yaw (rad) and pitch (deg) move the camera."""
        position, heading = head_pose(self._model, data)
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        camera.azimuth = math.degrees(heading + yaw)
        camera.elevation = pitch
        camera.distance = 1.0
        cosine = math.cos(math.radians(pitch))
        view = (cosine * math.cos(heading + yaw), cosine * math.sin(heading + yaw), math.sin(math.radians(pitch)))
        camera.lookat[:] = position + np.asarray(offset) + view
        self._renderer.update_scene(data, camera)
        half = NEAR * math.tan(math.radians(0.5 * fovy))
        for eye in self._renderer.scene.camera:  # here, not in the model's `vis`, which a viewer may be reading
            eye.frustum_near, eye.frustum_bottom, eye.frustum_top = NEAR, -half, half
            eye.frustum_width = half
        return self._renderer.render().copy()

    def close(self) -> None:
        """Frees the GL context."""
        self._renderer.close()
