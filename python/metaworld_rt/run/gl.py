"""Which OpenGL to render with. MuJoCo decides at its import, so this module must not import it."""

from __future__ import annotations

import ctypes.util
import os
import sys

from ..errors import UserError

REMEDY = "on Debian: apt-get install libegl1 libgl1-mesa-dri, or set MUJOCO_GL"


def choose_gl(required: bool = True) -> bool:
    """Picks EGL where there is no display. Call it before the first `import mujoco`.

    Returns:
        Whether off-screen rendering looks possible.

    Raises:
        UserError: required, and there is neither a display nor EGL.
    """
    if not sys.platform.startswith("linux") or os.environ.get("MUJOCO_GL"):
        return True
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    if ctypes.util.find_library("EGL") is None:
        if required:
            raise UserError(f"cannot render off-screen: no display and no EGL; {REMEDY}")
        return False
    os.environ["MUJOCO_GL"] = "egl"
    return True
