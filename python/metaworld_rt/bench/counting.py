"""Runs this program again with the library preloaded that counts malloc, locks and system calls inside ticks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError

LIBRARY = "libmwrt_interpose.so"


def library() -> Path | None:
    """Where the counting library is; None where the package was built without it."""
    found = Path(__file__).resolve().parent.parent / LIBRARY
    return found if found.is_file() else None


def environment() -> dict[str, str]:
    """The environment of a process that counts.

    Raises:
        UserError: there is no counting library on this system.
    """
    found = library()
    if found is None or not sys.platform.startswith("linux"):
        raise UserError(f"counting calls needs {LIBRARY} beside the extension (Linux): install the package from source")
    before = os.environ.get("LD_PRELOAD")
    return {**os.environ, "LD_PRELOAD": f"{found}:{before}" if before else str(found)}


def counting() -> bool:
    """Whether this process has it preloaded."""
    return LIBRARY in os.environ.get("LD_PRELOAD", "")


def start_again(arguments: Sequence[str]) -> None:
    """Replaces this process by the same command with the library preloaded; returns only if it is already.

    Raises:
        UserError: there is no counting library on this system.
    """
    if not counting():
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "metaworld_rt", *arguments], environment())
