"""An expert at the door at another pace: its way retimed, and a start that does at new times what it did at the old.

    python -m metaworld_rt.train.expert.door_pace door_open --way door_open.npz --expert door_open.pt \
      --pace 2:2,80:51,178:149,196:167 --out runs/faster

writes ``way.npz`` and ``start.pt`` for `train expert --bank --start`. A search dawdles, and practice does what the way
does: here the way makes haste where nothing is waited for, and practice then makes haste reliable. `door_way.shortened`
cuts what comes back to where it began; this hurries what does not.

By `imitation`. Four minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import bank, checkpoint, door_way
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.expert.door import DoorEnv
from metaworld_rt.train.expert.door_way import Way
from metaworld_rt.train.expert.imitation import STEPS, command_of, imitate, provenance_of, save_start
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.skill import Skill, get_skill

_ROBOTS = 256


@dataclass(frozen=True)
class Pace:
    """When a retimed way is where: at decision `new[i]` it is where it was at `old[i]`, between them evenly.

    Raises:
        ValueError: times that do not begin at 0, or do not grow.
    """

    old: tuple[float, ...]
    new: tuple[float, ...]

    def __post_init__(self) -> None:
        for times in (self.old, self.new):
            if len(times) != len(self.old) or len(times) < 2 or times[0] != 0.0 or min(np.diff(times)) <= 0.0:
                raise ValueError(f"a pace is of times that begin at 0 and grow, not {self.old} and {self.new}")

    @classmethod
    def parse(cls, text: str) -> Pace:
        """Of ``old:new`` times in decisions with commas between; 0:0 goes before them.

        Raises:
            ValueError: no such list.
        """
        try:
            old, new = zip(*(map(float, pair.split(":")) for pair in text.split(",")), strict=True)
        except ValueError as error:
            raise ValueError(f"a pace is a list such as 2:2,80:51,196:167, not {text!r}") from error
        return cls((0.0, *old), (0.0, *new))

    def before(self, new: np.ndarray) -> np.ndarray:
        """The old times of new ones, decisions."""
        return np.interp(new, self.new, self.old)


def retimed(way: Way, pace: Pace) -> Way:
    """The way at another pace, as long as the pace says.

    The gait of the legs keeps its rhythm: who hurries takes fewer steps, not faster ones. Its phase is the way's own at
    the end.

    Raises:
        ValueError: a pace that goes on after the way's end.
    """
    if pace.old[-1] > len(way):
        raise ValueError(f"the pace goes on to decision {pace.old[-1]:.0f} of a way of {len(way)}")
    at = np.minimum(pace.before(np.arange(round(pace.new[-1]))), len(way) - 1)
    first = np.minimum(at.astype(int), len(way) - 2)

    def between(values: np.ndarray) -> np.ndarray:
        share = (at - first).reshape(-1, *[1] * (values.ndim - 1))
        return (1.0 - share) * values[first] + share * values[first + 1]

    phase = way.states.phase
    step = np.median(np.mod(np.diff(phase) + 0.5, 1.0) - 0.5)
    last = phase[first[-1]] + step * (at[-1] - first[-1])
    fast = door_way.changed(way, between)
    fast.states.phase[:] = np.mod(last + step * np.arange(1 - len(at), 1), 1.0)
    return fast


def was(phase: np.ndarray, pace: Pace, skill: Skill, cycle: float, old_cycle: float) -> np.ndarray:
    """The phases of the expert that went before, for those at the new pace; after the way they run on evenly.

    Args:
        phase: (n,) cycles.
        pace: of the way.
        skill: says where in its cycle the way begins.
        cycle: of the skill at the new pace, decisions.
        old_cycle: at the old one.
    """
    ends = Pace((*pace.old, old_cycle), (*pace.new, cycle)) if cycle > pace.new[-1] else pace
    old = ends.before(np.mod(phase - skill.begins, 1.0) * cycle)
    return np.mod(skill.begins + old / old_cycle, 1.0)


def follow(
    skill: Skill,
    expert: Expert,
    old_cycle: float,
    way: Way,
    pace: Pace,
    banks: Sequence[Bank] = (),
    rounds: int = 12,
    updates: int = 1000,
    seed: int = 0,
) -> tuple[Expert, float]:
    """Trains a start that does on the retimed way what an expert did on the one before.

    Args:
        skill: of the door.
        expert: follows the way as it was; reads the household layout.
        old_cycle: of its phase, decisions.
        way: retimed.
        pace: that it was retimed by.
        banks: states of the skill before it, see `DoorEnv`.
        rounds: of collecting and learning.
        updates: gradient steps of each round.
        seed: of everything random.

    Returns:
        The start, and its cycle in decisions.
    """
    env = DoorEnv(skill, _ROBOTS, seed, 1, banks=[way.states, *banks])
    cycle = env.cycle

    def teach() -> np.ndarray:
        now = env.phase
        env.phase = was(now, pace, skill, cycle, old_cycle)
        phi = env.observe()
        env.phase = now
        with torch.no_grad():
            return expert(torch.from_numpy(phi)).clamp(-1.0, 1.0).double().numpy()

    return imitate(skill, env, teach, rounds, updates, seed), cycle


def make(
    name: str,
    out: Path,
    way: Path,
    expert: Path,
    pace: Pace,
    banks: Sequence[Path] = (),
    seed: int = 0,
    command: str = "",
    rounds: int = 12,
) -> None:
    """Writes ``way.npz``, the way retimed, and ``start.pt``, the expert at its pace, into `out`.

    Raises:
        CheckpointError: a way or an expert that cannot be used, or files that cannot be written.
        ValueError: a pace that does not fit the way.
    """
    skill, began = get_skill(name), time.monotonic()
    network, content = checkpoint.load_expert(expert)
    if content["name"] != name or checkpoint.unpack_features(content["features"]) != features.HOUSEHOLD:
        raise checkpoint.CheckpointError(f"{expert} is no expert {name} of the household: it is {content['name']}")
    shown = retimed(door_way.load(way), pace)
    shown.save(out / "way.npz")
    old_cycle = content["period"] / DECISION_DT
    student, cycle = follow(
        skill, network, old_cycle, shown, pace, [bank.load(path) for path in banks], rounds, seed=seed
    )
    provenance = provenance_of(command, seed, rounds * _ROBOTS * STEPS, expert)
    provenance["minutes"] = round((time.monotonic() - began) / 60, 1)
    save_start(out / "start.pt", f"{name}_start", skill, cycle * DECISION_DT, student, provenance)


def main(argv: Sequence[str] | None = None) -> int:
    """The command of `make`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skill", choices=["door_open", "door_pass"])
    parser.add_argument("--way", type=Path, required=True, help="that the expert follows")
    parser.add_argument("--expert", type=Path, required=True, help="its checkpoint")
    parser.add_argument("--pace", type=Pace.parse, required=True, help="old:new times of the way, decisions")
    parser.add_argument("--bank", type=Path, action="append", default=[], help="states of the skill before it")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    make(args.skill, args.out, args.way, args.expert, args.pace, args.bank, args.seed, command_of("door_pace", argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
