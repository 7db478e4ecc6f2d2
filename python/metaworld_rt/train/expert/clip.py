"""Motion clips: joint positions and root pose at a stated rate, as AMASS and LAFAN1 retargeting tools write them.

Two file formats, told apart by their ending:

* ``.npz``: ``fps`` (Hz), ``joint_names`` (n,), ``joint_pos`` (T, n) rad, ``root_pos`` (T, 3) m,
  ``root_quat`` (T, 4) w x y z.
* ``.csv``: one header line with the columns ``root_x root_y root_z root_qw root_qx root_qy root_qz`` and one named for
  each joint, in any order; the rate from a first line ``# fps: 30`` or from a column ``time`` (s).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1

_ROOT = ("root_x", "root_y", "root_z", "root_qw", "root_qx", "root_qy", "root_qz")
MAX_FRAMES = 1_000_000


class ClipError(ValueError):
    """A clip that cannot be used; the message says which file and why."""


@dataclass(frozen=True)
class Clip:
    """A motion at the decision rate (50 Hz), in the robot's joint order.

    Attributes:
        qpos: (T, 26) root position (m), root quaternion (w x y z), joints (rad).
        qvel: (T, 25) MuJoCo's: root velocity (world), angular velocity (body), joint speeds.
        cyclic: the last pose leads back to the first, so the motion can be repeated.
        clamped: share of joint samples that lay outside the robot's limits and were clamped.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    cyclic: bool
    clamped: float

    @property
    def seconds(self) -> float:
        """Duration, which is the period of the gait phase that drives the motion."""
        return len(self.qpos) * DECISION_DT


def load_clip(path: str | Path) -> Clip:
    """Reads a clip, orders its joints as the robot's, and resamples it to 50 Hz.

    Raises:
        ClipError: no such file, a missing joint or column, non-finite numbers, or a clip too short to track.
    """
    path = Path(path)
    if path.suffix == ".npz":
        fps, names, joints, root = _read_npz(path)
    elif path.suffix == ".csv":
        fps, names, joints, root = _read_csv(path)
    else:
        raise ClipError(f"{path}: a clip is an .npz or a .csv file")
    missing = [name for name in H1.joints if name not in names]
    if missing:
        raise ClipError(f"{path} lacks the joints {', '.join(missing)}")
    if not (np.isfinite(fps) and 1.0 <= fps <= 2000.0):
        raise ClipError(f"{path} states a rate of {fps} Hz; 1 to 2000 is meant")
    if len(joints) < 3 or len(joints) != len(root):
        raise ClipError(f"{path} has {len(joints)} poses and {len(root)} root poses; at least 3 of each are needed")
    if not (np.isfinite(joints).all() and np.isfinite(root).all()):
        raise ClipError(f"{path} holds numbers that are not finite")
    norm = np.linalg.norm(root[:, 3:], axis=1)
    if np.any(np.abs(norm - 1.0) > 0.1):
        raise ClipError(f"{path}: root quaternions must have length 1 (w x y z)")
    joints = joints[:, [names.index(name) for name in H1.joints]]
    inside = np.clip(joints, H1.lower, H1.upper)
    clamped = float(np.mean(np.abs(inside - joints) > 1e-6))
    qpos = _resample(np.concatenate([root[:, :3], _continuous(root[:, 3:] / norm[:, None]), inside], axis=1), fps)
    if len(qpos) < 10:
        raise ClipError(f"{path} lasts {len(qpos) * DECISION_DT:.2f} s; at least 0.2 s are needed")
    return make_clip(qpos, clamped)


def make_clip(qpos: np.ndarray, clamped: float = 0.0) -> Clip:
    """A clip of poses (T, 26) that are already at 50 Hz."""
    qpos = np.array(qpos, dtype=np.float64)
    qpos[:, 3:7] = _continuous(qpos[:, 3:7])
    gap = np.abs(qpos[0, 7:] - qpos[-1, 7:]).max()
    step = np.abs(np.diff(qpos[:, 7:], axis=0)).max()
    cyclic = bool(gap < 2.0 * step + 0.05 and abs(qpos[0, 2] - qpos[-1, 2]) < 0.03)
    qvel = np.zeros((len(qpos), 6 + H1.n))
    qvel[:, :3] = np.gradient(qpos[:, :3], DECISION_DT, axis=0)
    qvel[:, 3:6] = _body_rates(qpos[:, 3:7])
    qvel[:, 6:] = np.gradient(qpos[:, 7:], DECISION_DT, axis=0)
    return Clip(qpos, qvel, cyclic, clamped)


def save_clip(path: str | Path, qpos: np.ndarray, fps: float = 1.0 / DECISION_DT) -> None:
    """Writes poses (T, 26) as an .npz clip."""
    np.savez_compressed(
        path,
        fps=fps,
        joint_names=np.array(H1.joints),
        joint_pos=qpos[:, 7:26],
        root_pos=qpos[:, :3],
        root_quat=qpos[:, 3:7],
    )


def _read_npz(path: Path) -> tuple[float, list[str], np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [str(name) for name in file["joint_names"]]
            joints, fps = np.asarray(file["joint_pos"], dtype=np.float64), float(file["fps"])
            root = np.concatenate([file["root_pos"], file["root_quat"]], axis=1).astype(np.float64)
    except KeyError as error:
        raise ClipError(f"{path} lacks the array {error.args[0]}") from error
    except (OSError, ValueError, TypeError) as error:
        raise ClipError(f"{path} cannot be read as a clip: {error}") from error
    if joints.ndim != 2 or joints.shape[1] != len(names) or root.shape[1] != 7:
        raise ClipError(f"{path}: joint_pos must be (T, {len(names)}), root_pos (T, 3) and root_quat (T, 4)")
    return fps, names, joints, root


def _read_csv(path: Path) -> tuple[float, list[str], np.ndarray, np.ndarray]:
    fps = None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            line = file.readline()
            if line.startswith("#"):
                fps = float(line.split("fps")[1].strip(" :=\r\n"))
                line = file.readline()
            header = [name.strip() for name in next(csv.reader([line]))]
            rows = [[float(cell) for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, ValueError, IndexError, StopIteration) as error:
        raise ClipError(f"{path} cannot be read as a clip: {error}") from error
    if len(rows) > MAX_FRAMES or any(len(row) != len(header) for row in rows):
        raise ClipError(f"{path}: every row must have the header's {len(header)} columns")
    missing = [name for name in _ROOT if name not in header]
    if missing:
        raise ClipError(f"{path} lacks the columns {', '.join(missing)}")
    data = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
    if fps is None:
        if "time" not in header or len(data) < 2:
            raise ClipError(f"{path} does not state its rate: begin it with '# fps: 30' or add a column 'time'")
        span = data[-1, header.index("time")] - data[0, header.index("time")]
        fps = (len(data) - 1) / span if span > 0 else 0.0
    return fps, header, data, data[:, [header.index(name) for name in _ROOT]]


def _continuous(quat: np.ndarray) -> np.ndarray:
    """Flips signs so that neighbours are close: q and -q are the same turn."""
    quat = quat / np.linalg.norm(quat, axis=1, keepdims=True)
    flips = np.where((quat[1:] * quat[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    quat[1:] *= np.cumprod(flips)[:, None]
    return quat


def _resample(qpos: np.ndarray, fps: float) -> np.ndarray:
    """To 50 Hz by linear interpolation; quaternions are normalised afterwards."""
    end = (len(qpos) - 1) / fps
    times = np.arange(0.0, end + 1e-9, DECISION_DT)
    known = np.arange(len(qpos)) / fps
    out = np.stack([np.interp(times, known, column) for column in qpos.T], axis=1)
    out[:, 3:7] /= np.linalg.norm(out[:, 3:7], axis=1, keepdims=True)
    return out


def _body_rates(quat: np.ndarray) -> np.ndarray:
    """Angular velocity in the body frame, (T, 3) rad/s, from w x y z at the decision rate."""
    dq = np.gradient(quat, DECISION_DT, axis=0)
    w, v = quat[:, :1], quat[:, 1:]
    dw, dv = dq[:, :1], dq[:, 1:]
    return 2.0 * (w * dv - dw * v - np.cross(v, dv))
