"""What the rewards read after a decision, named, for one robot or a batch."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from metaworld_rt.plants.robot import H1

ROBOT_NQ = 7 + H1.n
ROBOT_NV = 6 + H1.n


@dataclass(frozen=True)
class Signals:
    """State and sensors after a decision; every array has the same leading batch shape (...).

    qpos and qvel are current; all else lags them by one 2 ms substep, as in the benchmark (no forward pass is made
    after the last integration).

    Attributes:
        qpos, qvel: (..., nq), (..., nv), MuJoCo's order (m, rad, m/s, rad/s).
        force: (..., 19) actuator forces, N m.
        head_z, torso_up, pelvis_up, imu_x: (...,) head height (m), z of the torso's and pelvis's z axis, imu x (m).
        com_velocity: (..., 3) of the whole robot, world, m/s.
        left_hand, right_hand, left_foot, right_foot: (..., 3) world, m.
        hatch: (..., 3) the door's hatch, world, m; None without a door.
        touch: (..., 2) normal force under the left and right foot, N.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    force: np.ndarray
    head_z: np.ndarray
    torso_up: np.ndarray
    pelvis_up: np.ndarray
    imu_x: np.ndarray
    com_velocity: np.ndarray
    left_hand: np.ndarray
    right_hand: np.ndarray
    left_foot: np.ndarray
    right_foot: np.ndarray
    hatch: np.ndarray | None
    touch: np.ndarray


class SignalReader:
    """Reads `Signals` out of a model's sensor data. Stateless after construction; shareable between threads."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._slice = {}
        for i in range(model.nsensor):
            sensor = model.sensor(i)
            start = int(sensor.adr[0])
            self._slice[sensor.name] = slice(start, start + int(sensor.dim[0]))
        first = self._slice[f"force_{H1.joints[0]}"].start
        self._force = slice(first, first + H1.n)

    def read(self, qpos: np.ndarray, qvel: np.ndarray, sensordata: np.ndarray) -> Signals:
        """Signals of (..., nq), (..., nv) and (..., nsensordata) arrays; views where possible."""

        def get(name: str) -> np.ndarray:
            return sensordata[..., self._slice[name]]

        return Signals(
            qpos=qpos,
            qvel=qvel,
            force=sensordata[..., self._force],
            head_z=get("head_pos")[..., 2],
            torso_up=get("torso_up")[..., 2],
            pelvis_up=get("pelvis_up")[..., 2],
            imu_x=get("imu_pos")[..., 0],
            com_velocity=get("com_velocity"),
            left_hand=get("left_hand_pos"),
            right_hand=get("right_hand_pos"),
            left_foot=get("left_foot_pos"),
            right_foot=get("right_foot_pos"),
            hatch=get("hatch_pos") if "hatch_pos" in self._slice else None,
            touch=np.concatenate([get("left_foot_touch"), get("right_foot_touch")], axis=-1),
        )
