"""How a joint servo of the simulated robot reads a command: position targets with gains, or damping."""

from __future__ import annotations

from typing import Protocol

import mujoco
import numpy as np

from metaworld_rt.plants.robot import H1

POSITION, DAMPING = 0, 1


class CommandLike(Protocol):
    """A command: mode (0 position, 1 damping), and per joint q (rad), kp (N m/rad), kd (N m s/rad)."""

    mode: int
    q: np.ndarray
    kp: np.ndarray
    kd: np.ndarray


class Servo:
    """Writes commands into a model's position actuators; the physics then evaluates them at every substep.

    Position: tau = kp (q - q_now) - kd qd_now. Damping: tau = -kd qd_now. Both clamped to the force limits.
    It changes the model's gains, so the model must be the plant's own. Not thread-safe.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._gains = b""

    def apply(self, data: mujoco.MjData, command: CommandLike) -> None:
        """Takes a command over. A non-finite command is ignored: the last one stays in force, as firmware would."""
        n = H1.n
        q, kp, kd = (np.asarray(a, dtype=np.float64)[:n] for a in (command.q, command.kp, command.kd))
        if not (np.isfinite(q).all() and np.isfinite(kp).all() and np.isfinite(kd).all()):
            return
        if int(command.mode) == DAMPING:
            kp = np.zeros(n)
        gains = kp.tobytes() + kd.tobytes()
        if gains != self._gains:
            self._model.actuator_gainprm[:n, 0] = kp
            self._model.actuator_biasprm[:n, 1] = -kp
            self._model.actuator_biasprm[:n, 2] = -kd
            self._gains = gains
        data.ctrl[:n] = np.clip(q, H1.lower, H1.upper)
