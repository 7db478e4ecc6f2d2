"""What the commands share: JSON and path checks, the default bundle, tables, versions."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import bundles
from ..errors import UserError


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds `--json FILE`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Adds `--bundle B`."""
    parser.add_argument(
        "--bundle",
        default=bundles.DEFAULT,
        metavar="B",
        help="a bundle folder or zip, or the name of a shipped one (default: %(default)s)",
    )


def add_semantic(parser: argparse.ArgumentParser) -> None:
    """Adds `--semantic BACKEND`."""
    parser.add_argument(
        "--semantic",
        metavar="BACKEND",
        help="embedded, matcher, transformers:PATH or openai:URL (default: embedded, or matcher without its model)",
    )


def semantic_spec(given: str | None) -> str:
    """The backend that was named; without a name the embedded model, else the matcher with one line about it."""
    if given is not None:
        return given
    places = (place / "semantic" / "semantic.json" for place in bundles.places())
    if any(place.is_file() for place in places):
        return "embedded"
    print("note: no models/semantic here, so keywords are matched instead (--semantic matcher)", file=sys.stderr)
    return "matcher"


def read_image(path: Path | None):
    """An image file as (height, width, 3) uint8, or None without a path.

    Raises:
        UserError: not a readable image, or the package that reads images is absent.
    """
    if path is None:
        return None
    from ..semantic.pixels import read_image as read

    return read(path)


def positive(kind: type = float, zero: bool = False):
    """An argparse type: a finite number > 0 (or >= 0)."""

    def convert(text: str):
        value = kind(text)
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            raise argparse.ArgumentTypeError(f"must be a number {'>= 0' if zero else '> 0'}, not {text}")
        return value

    convert.__name__ = "number"
    return convert


def share(text: str) -> float:
    """An argparse type: a number in [0, 1]."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must be 0..1, not {text}")
    return value


def names(text: str) -> list[str]:
    """An argparse type: comma-separated names, in order, without repetition."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise argparse.ArgumentTypeError("expected one or more names separated by commas")
    return found


def check_writable(path: Path | None, what: str) -> None:
    """Refuses an output that could not be written, before any work is done.

    Raises:
        UserError: the folder is missing, or the file cannot be created there.
    """
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"cannot write {what} to {path}: it is a folder")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UserError(f"cannot write {what} to {path}: there is no folder {folder}")
    try:
        if path.exists():
            with path.open("ab"):
                pass
        else:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise UserError(f"cannot write {what} to {path}: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Writes a file at once: a reader sees the old one or the whole new one."""
    if path.exists() and not path.is_file():  # a pipe or /dev/stdout has nothing to replace
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def finite(value: Any) -> Any:
    """The value with plain Python types, and None for what JSON cannot say (NaN, infinities)."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def write_json(path: Path | None, command: str, result: Mapping[str, Any]) -> None:
    """Writes the result with its `schema` first; does nothing without a path."""
    if path is not None:
        document = {"schema": f"metaworld_rt.{command}/1", **finite(result)}
        write_text(path, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def versions() -> dict[str, str]:
    """Versions of this package and of what a result depends on."""
    found = {"metaworld_rt": version("metaworld-rt"), "python": platform.python_version()}
    for name in ("numpy", "mujoco", "onnxruntime"):
        found[name] = version(name)
    return found


def version(name: str) -> str:
    """The installed version of a distribution; "source" when it runs from a source tree."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "source" if name == "metaworld-rt" else "absent"


def table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """A plain text table; numbers to the right, words to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        parts = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, cells)])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def interactive() -> bool:
    """Whether a person looks at stderr (progress bars) in place of a log."""
    return sys.stderr.isatty()
