"""A recorded flight: what it says about itself, its ticks as columns, and the bundles that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core, bundles
from ..errors import UserError


@dataclass(frozen=True)
class Flight:
    """A flight file that was opened.

    Attributes:
        path: the MCAP file.
        information: bundle, bundle_digest, isa, seed, note, joints, skills, observation, tick_hz, ...
    """

    path: Path
    information: dict[str, str]

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Flight:
        """Reads the head of a file.

        Raises:
            UserError: there is no such file.
            Error: it is not a flight.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"there is no flight record {path}")
        return cls(path, _core.flight_information(fspath(path)))

    @property
    def joints(self) -> list[str]:
        """Joint names in the order of the columns."""
        return self.information["joints"].split(",")

    @property
    def skills(self) -> list[str]:
        """Skill names of the first bundle, in the order of the mixture."""
        return self.information["skills"].split(",")

    def term(self, name: str) -> slice | None:
        """Where an observation term stands in the flat observation; None if it is not there."""
        at = 0
        for entry in self.information["observation"].split(","):
            term, size = entry.rsplit(":", 1)
            if term == name:
                return slice(at, at + int(size))
            at += int(size)
        return None

    def ticks(self, every: int = 1) -> dict[str, np.ndarray]:
        """Columns with one row a tick (every k-th): t_ns, observation, q, action, mixture, mode, rungs, ..."""
        return _core.flight_ticks(fspath(self.path), every)


def bundles_for(flight: Flight, given: Sequence[str | PathLike[str]] = ()) -> list[_core.Bundle]:
    """The bundles to replay a flight with: those given, else the shipped ones that it may have used.

    Raises:
        UserError: the flight's own bundle is not among them; the message names it.
    """
    wanted = flight.information["bundle_digest"]
    paths = [bundles.find(name) for name in given]
    if not paths:
        paths = [bundles.find(name) for name in bundles.shipped()]
    found = [_core.load(path) for path in paths]
    if not any(bundle.digest == wanted for bundle in found):
        tried = ", ".join(f"{bundle.name} ({bundle.digest[:12]})" for bundle in found) or "none"
        raise UserError(
            f"{flight.path.name} was recorded with bundle {flight.information['bundle']} "
            f"{flight.information['bundle_version']} ({wanted[:12]}), found: {tried}; name the right one with --bundle"
        )
    return found


def replay(path: str | PathLike[str], given: Sequence[str | PathLike[str]] = ()) -> dict[str, Any]:
    """Runs a flight's recorded inputs again and compares every output bit for bit.

    Args:
        path: the MCAP file.
        given: the bundle it was recorded with and those that were swapped in; empty: the shipped ones.

    Returns:
        bit_identical, ticks, identical, skipped, gaps, commands, plans, swaps, resets, complete, first_difference.

    Raises:
        UserError: no such file, or not the right bundle.
        Error: another instruction set, or the file is damaged.
    """
    flight = Flight.open(path)
    return _core.replay(fspath(flight.path), bundles_for(flight, given))
