"""The test set's images are renderings of the scenes that stand beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from metaworld_rt.semantic.pixels import png, read_image, resized

DATA = Path(__file__).parents[1] / "data"
SCENES = json.loads((DATA / "semantic_scenes.json").read_text())


def test_images_are_what_the_scenes_say(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    scenes = pytest.importorskip("metaworld_rt.train.semantic.scenes")
    try:
        studio = scenes.Studio()
    except Exception as error:  # noqa: BLE001 - whatever a machine without OpenGL raises
        pytest.skip(f"no OpenGL here: {error}")
    for name in ("door_closed_2", "door_open_1", "ball_right_far_2", "floor_1", "ball_left_near_1"):
        scene = scenes.Scene.from_json(SCENES[name])
        assert scenes.Scene.from_json(scene.to_json()) == scene
        image = studio.render(scene)
        wanted = read_image(DATA / "semantic_images" / f"{name}.png")
        assert np.abs(image.astype(int) - wanted.astype(int)).mean() < 6.0, name
        assert scene.ball is None or studio.visible(scene)
        assert name.startswith(
            (f"door_{scene.door}", f"ball_left_{scene.target}", f"ball_right_{scene.target}", "floor")
        )


def test_png_round_trip(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png(image))
    assert np.array_equal(read_image(tmp_path / "a.png"), image)


def test_resized_keeps_the_middle_square_and_its_mean():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 200
    small = resized(image, 32)
    assert small.shape == (32, 32, 3)
    assert (small == 200).all()
    ramp = np.tile(np.linspace(0, 255, 240)[None, :, None], (240, 1, 3)).astype(np.uint8)
    for size in (24, 96, 480):
        assert abs(resized(ramp, size).mean() - ramp.mean()) < 1.5


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100])
def test_files_that_are_no_images(tmp_path, content):
    from metaworld_rt.semantic import BackendError

    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(BackendError, match=r"cannot|image"):
        read_image(tmp_path / "x.png")
    with pytest.raises(BackendError):
        read_image(tmp_path / "missing.png")
