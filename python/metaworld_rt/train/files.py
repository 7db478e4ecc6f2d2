"""Checkpoint files: written whole or not at all, read without running what is in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says why and what to do."""


def write(path: Path, form: str, content: dict) -> None:
    """Write a checkpoint.

    Args:
        path: the folders above it are made.
        form: its format, kept under "format".
        content: tensors and plain values.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; an older file is still there.
    """
    whole(path, lambda part: torch.save({"format": form, **content}, part))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> None:
    """Write a file of arrays by name (npz).

    Args:
        path: the folders above it are made.
        arrays: none of them of objects.
        compressed: smaller, and slower to write.

    Raises:
        CheckpointError: as of `write`.
    """

    def save(part: Path) -> None:
        with part.open("wb") as file:
            (np.savez_compressed if compressed else np.savez)(file, **arrays)

    whole(path, save)


def whole(path: Path, save: Callable[[Path], None]) -> None:
    """Let `save` write a file beside the path, and put it there when it is whole.

    Raises:
        CheckpointError: as of `write`.
    """
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        room = ""
        if path.parent.is_dir():
            part.unlink(missing_ok=True)
            room = f" ({shutil.disk_usage(path.parent).free / 1e6:.1f} MB free)"
        raise CheckpointError(f"cannot write {path}: {str(error).splitlines()[0]}{room}") from error


def read(path: str | Path, form: str) -> dict:
    """What `write` wrote.

    Raises:
        CheckpointError: no such file, a damaged one, or one of another format.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint {path}") from error
    except Exception as error:  # torch raises whatever the bytes lead it to
        raise CheckpointError(f"{path} is damaged or no checkpoint ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.get("format") != form:
        raise CheckpointError(f"{path} is not a checkpoint of the format {form}")
    return content
