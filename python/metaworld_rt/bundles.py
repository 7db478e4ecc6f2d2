"""Where bundles are: a path that a person gives, or the name of one that is shipped."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from .errors import UserError

DEFAULT = "h1-locomotion"


def places() -> list[Path]:
    """Folders that hold shipped bundles: inside the installed package, and beside a source tree."""
    package = Path(__file__).resolve().parent
    return [package / "models", package.parent.parent / "models"]


def shipped() -> list[str]:
    """Names of the shipped bundles, sorted."""
    return sorted({found.parent.name for place in places() for found in place.glob("*/bundle.json")})


def find(bundle: str | PathLike[str] = DEFAULT) -> Path:
    """The path of a bundle.

    Args:
        bundle: a folder or zip that exists, or the name of a shipped bundle.

    Raises:
        UserError: neither; the message lists the shipped ones.
    """
    given = Path(bundle)
    if given.exists():
        return given
    for place in places():
        if (place / given / "bundle.json").is_file():
            return place / given
    raise UserError(f"no bundle at {bundle}; shipped bundles: {', '.join(shipped()) or 'none'}")
