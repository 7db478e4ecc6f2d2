"""Choosing OpenGL: a person's own choice stands, EGL where there is no display, a clear word where there is nothing."""

import os

import pytest

from metaworld_rt.errors import UserError
from metaworld_rt.run import gl


@pytest.fixture
def bare(monkeypatch):
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


def test_choice_stands(bare, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert gl.choose_gl()
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_egl_without_a_display(bare, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: "libEGL.so.1")
    assert gl.choose_gl()
    assert os.environ["MUJOCO_GL"] == "egl"


def test_nothing_to_render_with(bare, monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert not gl.choose_gl(required=False)
    with pytest.raises(UserError, match="apt-get install"):
        gl.choose_gl()
