"""A window on the running simulation (mujoco.viewer, passive): it looks, it does not drive."""

from __future__ import annotations

import os
import sys

import mujoco
import numpy as np

from ..errors import UserError


class Viewer:
    """Shows a copy of the state; use it on the main thread.

    Raises:
        UserError: there is no display.
    """

    def __init__(self, model: mujoco.MjModel):
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError(
                "--viewer needs a display, and there is none: leave it out, or film the run with --video F.mp4"
            )
        import mujoco.viewer

        self._data = mujoco.MjData(model)
        self._model = model
        self._handle = mujoco.viewer.launch_passive(model, self._data, show_left_ui=False, show_right_ui=False)
        camera = self._handle.cam
        camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        camera.trackbodyid = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, "pelvis")
        camera.distance, camera.elevation, camera.azimuth = 3.3, -10.0, 128.0

    @property
    def open(self) -> bool:
        """False once the person has closed the window."""
        return self._handle.is_running()

    def show(self, qpos: np.ndarray) -> None:
        """Draws a state (nq,)."""
        with self._handle.lock():
            self._data.qpos[:] = qpos
            mujoco.mj_forward(self._model, self._data)
        self._handle.sync()

    def close(self) -> None:
        """Closes the window."""
        self._handle.close()
