"""The extension's type stubs are what pybind11-stubgen makes of the extension that is built."""

import subprocess
import sys
from pathlib import Path

import pytest

import metaworld_rt

pytest.importorskip("pybind11_stubgen")
COMMITTED = Path(metaworld_rt.__file__).parent / "_core.pyi"


def test_committed_stubs_are_current(tmp_path):
    command = [sys.executable, "-m", "pybind11_stubgen", "metaworld_rt._core", "-o", str(tmp_path), "--numpy-array-use-type-var"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "metaworld_rt" / "_core.pyi").read_text().split()
    # White space differs by formatter; names, types and docstrings must not.
    assert made == COMMITTED.read_text().split(), f"the stubs are old: run {' '.join(command[1:4])} -o python"


def test_package_is_typed():
    assert (Path(metaworld_rt.__file__).parent / "py.typed").exists()
