"""In which order a robot's experts are trained, and who starts from whose states.

A switch from one skill to another begins in the other's states, so every expert ends having trained from them: walk
first, run and stand from its states, and then walk and stand once more against what came later. Stand begins with
walk's weights: who can step can stop, and who can slow down from a run can stop from one. Running is learned without
self-collision, twice as fast, and then with it: at 5 m/s the knees and arms of a policy that never felt them do meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One training of one expert.

    Attributes:
        skill: what is trained.
        folder: its place among the lessons; the last lesson of a skill gives the expert.
        start: the lesson whose weights it begins from, or "".
        banks: lessons whose states start a share of its episodes.
        bank_share: of its episodes; None: the skill's own.
        decisions: None: the skill's own number.
        collisions: of the training physics, see `plants.h1.build`.
    """

    skill: str
    folder: str
    start: str = ""
    banks: tuple[str, ...] = ()
    bank_share: float | None = None
    decisions: int | None = None
    collisions: str = "fast"


CURRICULA: dict[str, tuple[Lesson, ...]] = {
    "h1": (
        Lesson("walk", "walk-1", decisions=3_500_000),
        Lesson("stand", "stand-1", "walk-1", ("walk-1",), decisions=1_200_000),
        Lesson("run", "run-1", "walk-1", ("walk-1", "stand-1"), decisions=5_500_000),
        Lesson("run", "run-2", "run-1", ("walk-1", "stand-1"), decisions=1_500_000, collisions="full"),
        Lesson("walk", "walk-2", "walk-1", ("run-2", "stand-1"), 0.6, decisions=1_500_000, collisions="full"),
        Lesson("stand", "stand-2", "walk-2", ("run-2", "walk-2"), 0.6, decisions=2_000_000, collisions="full"),
    ),
}


def skills_of(lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """The skills of a curriculum in the order of a bundle: stand first, it is the safe one."""
    order = {"stand": 0, "walk": 1, "run": 2}
    return tuple(sorted({lesson.skill for lesson in lessons}, key=lambda name: (order.get(name, len(order)), name)))
