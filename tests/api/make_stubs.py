"""Writes the type stubs of the extension that is importable: `python tests/api/make_stubs.py`."""

import subprocess
import sys
import tempfile
from pathlib import Path

STUBS = Path(__file__).resolve().parents[2] / "python" / "metaworld_rt" / "_core.pyi"


def make_stubs() -> str:
    """What pybind11-stubgen makes of metaworld_rt._core.

    Raises:
        RuntimeError: a signature has no Python type; the message is pybind11-stubgen's.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", "metaworld_rt._core", "-o", folder, "--exit-code"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return (Path(folder) / "metaworld_rt" / "_core.pyi").read_text()


if __name__ == "__main__":
    STUBS.write_text(make_stubs())
