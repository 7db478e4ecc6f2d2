"""Filming: frames of the states that were given, in an mp4 that plays."""

import numpy as np
import pytest

from metaworld_rt.errors import UserError
from metaworld_rt.run import gl

if not gl.choose_gl(required=False):
    pytest.skip("no OpenGL on this machine", allow_module_level=True)

from metaworld_rt.plants.h1 import build
from metaworld_rt.run import video


@pytest.fixture(scope="module")
def model():
    found = build("floor")
    try:
        video.renderer(video.film_model(found)).close()
    except UserError as error:
        pytest.skip(str(error))
    return found


def test_camera_follows_and_the_robot_is_seen(model):
    film = video.Film(model)
    near = model.key_qpos[0].copy()
    far = near.copy()
    far[0] += 30.0
    first = film.frame(near).astype(int)
    assert first.shape == (video.HEIGHT, video.WIDTH, 3)
    for _ in range(5):
        lost = film.frame(far).astype(int)
    film.close()
    dark = (first.max(axis=2) < 110)[:, 250:520].mean()
    assert dark > 0.02, "the robot's dark body is in the middle of the picture"
    assert np.abs(first - lost).max() > 50


def test_mp4_has_the_runs_length(model, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    t = np.arange(0.0, 0.24, 0.02)
    path = tmp_path / "v.mp4"
    count = video.write_video(path, model, t, np.tile(model.key_qpos[0], (len(t), 1)))
    assert count == 6
    frames, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert frames == 6
    assert seconds == pytest.approx(6 / video.FPS, abs=0.05)
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]


def test_what_cannot_be_filmed_is_refused(model, tmp_path):
    with pytest.raises(UserError, match="too short"):
        video.write_video(tmp_path / "v.mp4", model, [0.0], [model.key_qpos[0]])
    with pytest.raises(UserError, match=r"must be an \.mp4"):
        video.check_video(tmp_path / "v.avi")
