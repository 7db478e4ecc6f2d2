"""What the semantic layer is told of a simulated run: the measured state, and what the robot's head camera sees."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime

import mujoco
import numpy as np

from .. import _core
from ..plants.realtime import MujocoPlant
from ..plants.robot import H1
from ..semantic import StateSummary
from ..semantic.camera import HeadCamera

RENDER_S = 3.0  # software rendering on a busy machine takes tenths of a second


class Surroundings:
    """State and camera image, for the semantic runner's thread alone.

    Args:
        plant: whose newest state is looked at.
        loop: which knows the stage in progress.
        goal: (3,) m, world, or None for a task without one.
        camera: render the head camera; without OpenGL there is no image, and `blind` says why.
    """

    def __init__(self, plant: MujocoPlant, loop: _core.RealtimeLoop, goal: np.ndarray | None, camera: bool):
        self._plant, self._loop, self._goal = plant, loop, goal
        self._wanted = camera
        # An OpenGL context belongs to one thread: it is made, used and freed on this one.
        self._painter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="camera")
        self._camera: HeadCamera | None = None
        self._data: mujoco.MjData | None = None
        self.blind = "" if camera else "not asked for"

    def state(self) -> StateSummary:
        """What is measured now."""
        _, qpos = self._plant.snapshot()
        status = self._loop.status()
        door = len(qpos) == 7 + H1.n + 2
        return StateSummary(
            base_pos=(float(qpos[0]), float(qpos[1]), float(qpos[2])),
            heading=heading(qpos),
            goal_pos=None if self._goal is None else (float(self._goal[0]), float(self._goal[1]), float(self._goal[2])),
            door_present=door,
            door_hinge=float(qpos[-2]) if door else None,
            door_latch=float(qpos[-1]) if door else None,
            stage=status.stage,
            command_id=status.command_id,
        )

    def image(self) -> np.ndarray | None:
        """(96, 96, 3) uint8, or None where nothing can be rendered."""
        if not self._wanted:
            return None
        try:
            return self._painter.submit(self._render).result(timeout=RENDER_S)
        except (mujoco.FatalError, RuntimeError, ImportError, AttributeError, OSError, NotInTime) as error:
            self._wanted = False  # once is enough: the instruction alone goes on
            self.blind = (str(error).splitlines() or [type(error).__name__])[0]
            return None

    def close(self) -> None:
        """Frees the camera."""
        self._wanted = False
        if self._camera is not None:
            self._painter.submit(self._camera.close)
            self._camera = None
        self._painter.shutdown()

    def _render(self) -> np.ndarray:
        if self._camera is None:
            self._data = mujoco.MjData(self._plant.model)
            self._camera = HeadCamera(self._plant.model)
        self._data.qpos[:] = self._plant.snapshot()[1]
        mujoco.mj_kinematics(self._plant.model, self._data)
        mujoco.mj_camlight(self._plant.model, self._data)
        return self._camera.render(self._data)


def heading(qpos: np.ndarray) -> float:
    """Yaw of the base's forward axis, rad, of a state whose quaternion is at 3..6."""
    w, x, y, z = qpos[3:7]
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))
