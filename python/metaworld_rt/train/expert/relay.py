"""Experts that take over from one another along an episode, as a plan of stages makes them do in the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from metaworld_rt.tasks.features import Feature, slices
from metaworld_rt.train.expert.policy import Expert

_DOOR = ("door_hinge", "door_latch")  # the first two numbers of the feature "door", rad


@dataclass(frozen=True)
class Leg:
    """One expert's part: until the angle named (`Until.door_hinge`, `Until.door_latch`) reaches the threshold, rad.

    The last leg's rule is not read.
    """

    expert: Expert
    until: str = "never"
    threshold: float = 0.0


class Relay(nn.Module):
    """Acts on phi (batch, size) as the expert whose turn it is in each row; a turn that has passed does not come back.

    Keeps every row's place: one batch, one episode; `reset` before the next. Not thread-safe.
    """

    def __init__(self, legs: Sequence[Leg], layout: Sequence[Feature]) -> None:
        super().__init__()
        self.legs = tuple(legs)
        self.experts = nn.ModuleList(leg.expert for leg in legs)
        unknown = [leg.until for leg in self.legs[:-1] if leg.until not in _DOOR]
        if unknown:
            raise ValueError(f"unknown rule {unknown[0]!r}: one of {', '.join(_DOOR)}")
        self._door = slices(layout)["door"].start
        self.turn: torch.Tensor | None = None

    def reset(self) -> None:
        """Every row begins with the first expert again."""
        self.turn = None

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Normalised actions, (batch, n)."""
        if self.turn is None:
            self.turn = torch.zeros(len(phi), dtype=torch.long)
        for i, leg in enumerate(self.legs[:-1]):
            done = phi[:, self._door + _DOOR.index(leg.until)] >= leg.threshold
            self.turn[(self.turn == i) & done] = i + 1
        actions = torch.stack([expert(phi) for expert in self.experts])
        return actions[self.turn, torch.arange(len(phi))]
