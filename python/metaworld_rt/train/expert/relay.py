"""Experts that take over from one another along an episode, as a plan of stages makes them do in the controller.

    python -m metaworld_rt.train.expert.relay approach.pt:door_latch:0.75 open.pt:door_hinge:0.5 pass.pt

scores them on the task door from its own reset.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from metaworld_rt.tasks.features import HOUSEHOLD, Feature, slices
from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.checkpoint import load_expert
from metaworld_rt.train.expert.evaluate import evaluate
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


def main(argv: Sequence[str] | None = None) -> int:
    """Scores a relay and prints its return and the mean of each reward term."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("legs", nargs="+", help="CHECKPOINT:RULE:THRESHOLD, the last one CHECKPOINT alone")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1234)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    legs, periods = [], set()
    for text in args.legs:
        path, _, rule = text.partition(":")
        expert, content = load_expert(path)
        until, _, threshold = rule.partition(":")
        legs.append(Leg(expert, until or "never", float(threshold or 0.0)))
        periods.add(content["period"])
    if len(periods) > 1:
        raise ValueError(f"the experts have different gait periods: {sorted(periods)} s")
    relay = Relay(legs, HOUSEHOLD)
    result = evaluate(relay, get_task("door"), periods.pop(), args.episodes, args.seed, threads=1, layout=HOUSEHOLD)
    turns = [int((relay.turn == i).sum()) for i in range(len(legs))]
    terms = {name: round(value, 4) for name, value in result.terms.items()}
    print(json.dumps({**result.summary(), "ended_in_leg": turns, "terms": terms}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
