"""The faults: what each does to observations, clock, planner, bundle or thread, and which rungs it must move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _core
from .flight import Walk

Sample = tuple[int, np.ndarray]  # when it was measured (ns), and what


class State:
    """A fault at work in one flight; does nothing by itself. Times `ms` count from the fault's start."""

    planner_dead = False

    def __init__(self, walk: Walk, repetition: int):
        self.walk = walk
        self.rng = np.random.default_rng(1000 + repetition)

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """What the controller has as its newest observation, given the true one and the one before."""
        return sample

    def act(self, controller: _core.Controller, ms: int) -> None:
        """Before each tick from the fault's start to the end of the flight."""

    def clock_ns(self, ms: int) -> int:
        """How far the clock is off."""
        return 0

    def planner_silent(self, ms: int) -> bool:
        """Whether the planner answers no request now."""
        return False

    def starved(self, ms: int) -> bool:
        """Whether the servo thread gets no time now."""
        return False


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    Attributes:
        name: as in the table.
        length_ms: how long it lasts.
        begin: makes its state for one flight.
        counts: rungs that must count in every flight.
        silent: rungs that must not.
        may: outcomes that are right for it.
    """

    name: str
    length_ms: int
    begin: Callable[[Walk, int], State]
    counts: tuple[str, ...] = ()
    silent: tuple[str, ...] = ("controlled_stop",)
    may: tuple[str, ...] = ("walked on",)


class Delayed(State):
    """Observations arrive late, stamped with when they were measured."""

    delay_ms = 0

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._on_the_way: deque[tuple[int, Sample]] = deque()

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """The newest that has arrived by now."""
        self._on_the_way.append((ms + self.delay_ms, sample))
        while self._on_the_way and self._on_the_way[0][0] <= ms:
            newest = self._on_the_way.popleft()[1]
        return newest


def delayed(by_ms: int) -> type[Delayed]:
    """A class of states with this delay."""
    return type("Delayed", (Delayed,), {"delay_ms": by_ms})


class Dropped(State):
    """Observations are lost at random; the last one stays, and ages."""

    share = 0.0

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """The old one where the new one is lost."""
        return newest if self.rng.random() < self.share else sample


def dropped(share: float) -> type[Dropped]:
    """A class of states that loses this share."""
    return type("Dropped", (Dropped,), {"share": share})


class Duplicated(State):
    """Every second observation is the one before, under a new time stamp."""

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """The old values, called new."""
        return (sample[0], newest[1]) if (ms // 2) % 2 else sample


class Reordered(State):
    """Neighbours swap: the newer one arrives first, then the older one."""

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._held: Sample | None = None

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """Holds every second one back until its successor is there, and then hands over the older one."""
        if self._held is None:
            self._held = sample
            return newest
        late, self._held = self._held, None
        return sample if (ms // 4) % 2 else late


class NotANumber(State):
    """Every entry is NaN."""

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """Poison."""
        return sample[0], np.full_like(sample[1], np.nan)


class OneNaN(State):
    """One joint's position is NaN, in one sample of ten."""

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """Poison in one entry."""
        if (ms // 2) % 10:
            return sample
        poisoned = sample[1].copy()
        poisoned[10] = np.nan
        return sample[0], poisoned


class JointFrozen(State):
    """One joint's encoder sticks: position as it was, speed zero."""

    joint = 3  # left knee
    position_at, velocity_at = 7, 32

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._value: float | None = None

    def sense(self, ms: int, sample: Sample, newest: Sample) -> Sample:
        """The stuck value."""
        values = sample[1].copy()
        if self._value is None:
            self._value = values[self.position_at + self.joint]
        values[self.position_at + self.joint] = self._value
        values[self.velocity_at + self.joint] = 0.0
        return sample[0], values


class TorsoFrozen(JointFrozen):
    """The same of the torso's joint, without which the gait would go on for a while."""

    joint = 10


class ClockJump(State):
    """The clock jumps, and stays there."""

    by_ns = 0

    def clock_ns(self, ms: int) -> int:
        """The step."""
        return self.by_ns


def clock_jump(seconds: float) -> type[ClockJump]:
    """A class of states with this jump."""
    return type("ClockJump", (ClockJump,), {"by_ns": round(seconds * 1e9)})


class PlannerStalled(State):
    """The planner gives no answer for a while."""

    def planner_silent(self, ms: int) -> bool:
        """All through the fault."""
        return True


class PlannerKilled(State):
    """The planner is gone for good."""

    planner_dead = True


class Swapped(State):
    """A bundle, loaded and checked off the loop, is swapped in."""

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._next: _core.Bundle | None = walk.bundle

    def act(self, controller: _core.Controller, ms: int) -> None:
        """Once."""
        if self._next is not None:
            controller.swap(self._next)
            self._next = None


class SwapRefused(State):
    """A damaged bundle is refused before it gets to the controller."""

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._done = False

    def act(self, controller: _core.Controller, ms: int) -> None:
        """Once: the loader says no, and the controller is told."""
        if self._done:
            return
        self._done = True
        try:
            _core.load_memory(b"not a bundle")
        except _core.Error:
            controller.note_refused_swap()


class Starved(State):
    """The servo thread gets no time: the plant goes on with the last command, the loop reports what it missed."""

    gone_ms = 0

    def __init__(self, walk: Walk, repetition: int):
        super().__init__(walk, repetition)
        self._told = False

    def starved(self, ms: int) -> bool:
        """All through the fault."""
        return ms < self.gone_ms

    def act(self, controller: _core.Controller, ms: int) -> None:
        """The first tick afterwards reports the missed ones, as RealtimeLoop does."""
        if not self._told:
            _core.report_timing(controller, self.gone_ms, self.gone_ms * 1_000_000, 10_000)
            self._told = True


def starved(ms: int) -> type[Starved]:
    """A class of states that lose this many ticks in a row."""
    return type("Starved", (Starved,), {"gone_ms": ms})


STOP = ("stopped",)

FAULTS: tuple[Fault, ...] = (
    Fault("observation delayed 5 ms", 1000, delayed(5)),
    Fault("observation delayed 20 ms", 1000, delayed(20), may=("walked on", "degraded", "fell")),
    Fault("observation delayed 100 ms", 1000, delayed(100), ("observation_late", "controlled_stop"), (), STOP),
    Fault("observations dropped 1 %", 1000, dropped(0.01)),
    Fault("observations dropped 5 %", 1000, dropped(0.05)),
    Fault("observations dropped 20 %", 1000, dropped(0.20)),
    Fault("observations duplicated", 1000, Duplicated),
    Fault("observations reordered", 1000, Reordered),
    Fault("NaN in one joint, 1 of 10", 1000, OneNaN, ("observation_invalid",)),
    Fault("NaN everywhere, 10 ms", 10, NotANumber, ("observation_invalid",)),
    Fault("NaN everywhere, 200 ms", 200, NotANumber, ("observation_invalid", "controlled_stop"), (), STOP),
    Fault("left knee encoder frozen", 1000, JointFrozen, ("joint_frozen", "controlled_stop"), (), STOP),
    # A gait asks little of the torso: the ladder may have no reason to doubt it within the second.
    Fault("torso encoder frozen", 1000, TorsoFrozen, (), (), ("walked on", "stopped")),
    Fault("clock jumps +1 s", 1, clock_jump(1.0), ("clock_jump",)),
    Fault("clock jumps -1 s", 1, clock_jump(-1.0), ("clock_jump",)),
    Fault("planner stalled 500 ms", 500, PlannerStalled, ("late_plan", "stale_plan")),
    Fault("planner killed", 1, PlannerKilled, ("late_plan", "stale_plan")),
    Fault("bundle swapped", 1, Swapped, silent=("controlled_stop", "swap_refused")),
    Fault("bad bundle offered", 1, SwapRefused, ("swap_refused",)),
    Fault("servo starved 10 ms", 10, starved(10), ("deadline_missed",)),
    Fault("servo starved 50 ms", 50, starved(50), ("deadline_missed", "controlled_stop"), (), STOP),
)
