"""Films a run after it has ended, from its recorded states: rendering never competes with the servo for a core."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mujoco
import numpy as np

from ..errors import UserError
from .gl import REMEDY

FPS = 25
OFFSET = np.array([-0.6, -2.2, 6.0])  # of the light from the robot, m
WIDTH, HEIGHT = 768, 432  # multiples of 16: no codec pads them


def check_video(path: Path | None) -> None:
    """Refuses a video that could not be made, before the run.

    Raises:
        UserError: the extra `video` is absent, or the file is not an mp4.
    """
    if path is None:
        return
    if path.suffix.lower() != ".mp4":
        raise UserError(f"the video must be an .mp4 file, not {path.name}")
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UserError("--video needs the package imageio-ffmpeg: pip install 'metaworld-rt[video]'") from error
    try:
        imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UserError("--video needs ffmpeg: reinstall imageio-ffmpeg, or install ffmpeg") from error


def renderer(model: mujoco.MjModel, width: int = WIDTH, height: int = HEIGHT) -> mujoco.Renderer:
    """An off-screen renderer.

    Raises:
        UserError: no OpenGL on this machine.
    """
    try:
        return mujoco.Renderer(model, height, width)
    except (mujoco.FatalError, RuntimeError, ImportError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"cannot render off-screen ({reason}); {REMEDY}") from error


def film_model(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of the model that looks good on film: one soft light that follows the robot, a robot that is not black."""
    film = copy.copy(model)
    film.vis.global_.offwidth, film.vis.global_.offheight = WIDTH, HEIGHT
    film.vis.quality.offsamples, film.vis.quality.shadowsize = 4, 2048
    film.vis.headlight.ambient[:], film.vis.headlight.diffuse[:], film.vis.headlight.specular[:] = 0.34, 0.42, 0.1
    film.vis.map.shadowscale = 0.12
    film.light_active[:] = 0
    if film.nlight:
        film.light_active[0] = film.light_castshadow[0] = 1
        film.light_type[0] = mujoco.mjtLightType.mjLIGHT_SPOT
        film.light_cutoff[0], film.light_exponent[0], film.light_attenuation[0] = 80.0, 0.0, (1.0, 0.0, 0.0)
        film.light_bodyid[0] = 0
        film.light_diffuse[0], film.light_specular[0] = 0.5, 0.3
    dark = film.mat_rgba[:, :3].max(axis=1) < 0.25
    film.mat_rgba[dark, :3] = (0.40, 0.43, 0.48)
    return film


class Film:
    """Renders single states with a camera that follows the base. Use and close it on one thread."""

    def __init__(self, model: mujoco.MjModel):
        self._model = film_model(model)
        self._data = mujoco.MjData(self._model)
        self._renderer = renderer(self._model)
        self._camera = mujoco.MjvCamera()
        self._camera.distance, self._camera.elevation, self._camera.azimuth = 3.3, -10.0, 128.0
        self._centre: np.ndarray | None = None

    def frame(self, qpos: np.ndarray) -> np.ndarray:
        """(432, 768, 3) uint8 of a state (nq,); the camera follows smoothly from call to call."""
        base = np.array([qpos[0], qpos[1], 0.82])
        self._centre = base if self._centre is None else self._centre + 0.12 * (base - self._centre)
        self._data.qpos[:] = qpos
        if self._model.nlight:
            position = self._centre + OFFSET
            aim = base - position
            self._model.light_pos[0], self._model.light_dir[0] = position, aim / np.linalg.norm(aim)
        mujoco.mj_forward(self._model, self._data)
        self._camera.lookat[:] = self._centre
        self._renderer.update_scene(self._data, self._camera)
        return self._renderer.render()

    def close(self) -> None:
        """Frees the GL context."""
        self._renderer.close()


def frames(model: mujoco.MjModel, t: np.ndarray, qpos: np.ndarray, fps: int = FPS) -> Iterator[np.ndarray]:
    """Pictures at `fps` of states (T, nq) at times t (T,), s."""
    film = Film(model)
    try:
        moments = np.arange(t[0], t[-1] + 1e-9, 1.0 / fps)
        for index in np.minimum(np.searchsorted(t, moments), len(t) - 1):
            yield film.frame(qpos[index])
    finally:
        film.close()


def write_video(
    path: Path,
    model: mujoco.MjModel,
    t: Sequence[float],
    qpos: Sequence[np.ndarray],
    progress: Callable[[Iterator[np.ndarray], int], Iterator[np.ndarray]] = lambda items, count: items,
) -> int:
    """Writes an mp4 at the speed of the run and returns the number of frames.

    Args:
        path: the file; written beside and put in place when it is whole.
        model: of the run.
        t: (T,) s, increasing.
        qpos: (T, nq).
        progress: wraps the frames, e.g. in a progress bar.

    Raises:
        UserError: there is nothing to show, no OpenGL, or ffmpeg failed.
    """
    import imageio_ffmpeg

    t, qpos = np.asarray(t, dtype=float), np.asarray(qpos, dtype=float)
    if len(t) < 2:
        raise UserError("the run was too short to film")
    partial = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    # crf 20 and yuv420p: sharp, and plays everywhere.
    writer = imageio_ffmpeg.write_frames(
        str(partial), (WIDTH, HEIGHT), fps=FPS, codec="libx264", output_params=["-crf", "20", "-preset", "veryfast"]
    )
    count = 0
    try:
        writer.send(None)
        for frame in progress(frames(model, t, qpos), int((t[-1] - t[0]) * FPS) + 1):
            writer.send(np.ascontiguousarray(frame))
            count += 1
        writer.close()
        partial.replace(path)
    except OSError as error:
        raise UserError(f"ffmpeg could not write {path}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count
