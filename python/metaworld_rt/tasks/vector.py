"""Many robots stepped at once: the batch of a trainer, through `mujoco.rollout`."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco import rollout

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.tasks.signals import SignalReader, Signals


class VectorPhysics:
    """`count` copies of one model, stepped one decision at a time on `threads` threads.

    A decision is 20 ms: 10 substeps, or fewer where the model's timestep was made coarser for training.

    Not thread-safe. The solver's warm start is not carried from one decision to the next (a difference of about 1e-8
    to the benchmark's own stepping).

    Attributes:
        qpos, qvel: (count, nq), (count, nv) float64 current states; write them to reset a robot.
        wrench: (count, nbody, 6) force, N, and torque, N m, world, on each body from the next decision on; or None.
        signals: what the rewards read, of the last decision.
    """

    def __init__(self, model: mujoco.MjModel, count: int, threads: int = 2) -> None:
        self.model, self.count = model, count
        self._models: mujoco.MjModel | list[mujoco.MjModel] = model
        self._data = [mujoco.MjData(model) for _ in range(max(1, threads))]
        self._pool = rollout.Rollout(nthread=threads)
        nstate = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        if nstate != 1 + model.nq + model.nv:
            raise ValueError("VectorPhysics needs a model without activations, plugins or history")
        self._substeps = round(DECISION_DT / model.opt.timestep)
        self._initial = np.zeros((count, nstate))
        self._state = np.zeros((count, self._substeps, nstate))
        self._sensors = np.zeros((count, self._substeps, model.nsensordata))
        self.qpos = np.tile(model.key_qpos[0], (count, 1))
        self.qvel = np.zeros((count, model.nv))
        self._reader = SignalReader(model)
        self.wrench: np.ndarray | None = None
        self.signals: Signals | None = None

    def use_models(self, models: list[mujoco.MjModel]) -> None:
        """Gives each robot its own model of the same sizes (domain randomisation)."""
        self._models = models

    def step(self, target: np.ndarray) -> Signals:
        """One decision: holds the position targets (count, 19), rad, for 20 ms."""
        self._initial[:, 0] = 0.0
        nq = self.model.nq
        self._initial[:, 1 : 1 + nq] = self.qpos
        self._initial[:, 1 + nq :] = self.qvel
        kind = mujoco.mjtState.mjSTATE_CTRL
        if self.wrench is not None:
            kind |= mujoco.mjtState.mjSTATE_XFRC_APPLIED
            target = np.concatenate([target, self.wrench.reshape(self.count, -1)], axis=-1)
        control = np.repeat(target[:, None, :], self._substeps, axis=1)
        self._pool.rollout(
            self._models,
            self._data,
            self._initial,
            np.ascontiguousarray(control, dtype=np.float64),
            control_spec=int(kind),
            state=self._state,
            sensordata=self._sensors,
        )
        self.qpos = self._state[:, -1, 1 : 1 + nq].copy()
        self.qvel = self._state[:, -1, 1 + nq :].copy()
        self.signals = self._reader.read(self.qpos, self.qvel, self._sensors[:, -1].copy())
        return self.signals

    def forward(self, rows: np.ndarray) -> np.ndarray:
        """Sensor data, (len(rows), nsensordata), of the current states of some robots, after a reset."""
        data, out = self._data[0], np.zeros((len(rows), self.model.nsensordata))
        for i, row in enumerate(rows):
            data.qpos[:], data.qvel[:] = self.qpos[row], self.qvel[row]
            mujoco.mj_forward(self.model, data)
            out[i] = data.sensordata
        return out

    def close(self) -> None:
        """Ends the threads."""
        self._pool.close()
