"""The extension's type stubs are what pybind11-stubgen makes of the extension that is built."""

from pathlib import Path

import pytest
from make_stubs import STUBS, make_stubs

import metaworld_rt

pytest.importorskip("pybind11_stubgen")


def test_committed_stubs_are_current():
    assert make_stubs() == STUBS.read_text(), "the stubs are old: run python tests/api/make_stubs.py"


def test_installed_package_is_typed():
    folder = Path(metaworld_rt.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_core.pyi").exists()
