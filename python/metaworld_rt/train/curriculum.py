"""In which order the experts of a library are trained, and who starts from whose states and weights.

A switch from one skill to another begins in the other's states, so every expert ends having trained from them: walk
first, run and stand from its states, and then walk and stand once more against what came later. Stand begins with
walk's weights: who can step can stop, and who can slow down from a run can stop from one. Each is learned without
self-collision, twice as fast, and then with it: at 5 m/s the knees and arms of a policy that never felt them do meet.

The household's experts stand on the legs of footwork: each begins as a clone of those legs and of arms that something
else leads, the hand's Jacobian or a way through the door. At the door the physics is coarse at first and the steps are
large, and then the physics is the task's own and the steps are small.
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
        timestep: of the training physics at the door, s; None: the task's.
        kl: of an update, see `train_expert`; None: the skill's own.
        envs: robots stepped together.
        clone: whether it imitates a teacher on the legs of `start`, see `reach_clone` and `door_clone`, and does not
            practise; the rest then does not matter.
    """

    skill: str
    folder: str
    start: str = ""
    banks: tuple[str, ...] = ()
    bank_share: float | None = None
    decisions: int | None = None
    collisions: str = "fast"
    timestep: float | None = None
    kl: float | None = None
    envs: int = 256
    clone: bool = False


def _clone(skill: str) -> Lesson:
    return Lesson(skill, f"{skill}-start", "footwork-1", clone=True)


_LOCOMOTION = (
    Lesson("walk", "walk-1", decisions=2_200_000),
    Lesson("stand", "stand-1", "walk-1", ("walk-1",), decisions=500_000),
    Lesson("run", "run-1", "walk-1", ("walk-1", "stand-1"), decisions=3_800_000),
    Lesson("run", "run-2", "run-1", ("walk-1", "stand-1"), decisions=1_200_000, collisions="full"),
    Lesson("walk", "walk-2", "walk-1", ("run-2", "stand-1"), 0.6, decisions=1_000_000),
    Lesson("walk", "walk-3", "walk-2", ("run-2", "stand-1"), 0.6, decisions=1_200_000, collisions="full"),
    Lesson("stand", "stand-2", "walk-3", ("run-2", "walk-3"), 0.6, decisions=800_000),
    Lesson("stand", "stand-3", "stand-2", ("run-2", "walk-3"), 0.6, decisions=800_000, collisions="full"),
)

#: By robot and library; `locomotion` and `household` are those of the shipped bundles.
CURRICULA: dict[tuple[str, str], tuple[Lesson, ...]] = {
    ("h1", "locomotion"): _LOCOMOTION,
    ("h1", "household"): (
        *_LOCOMOTION,
        Lesson("footwork", "footwork-1", "walk-3", decisions=4_400_000),
        _clone("reach"),
        Lesson("reach", "reach-1", "reach-start", ("walk-3", "run-2", "stand-3"), 0.1, collisions="full", envs=512),
        _clone("door_approach"),
        _clone("door_open"),
        Lesson("door_open", "door_open-1", "door_open-start", decisions=10_000_000, collisions="full", timestep=0.004),
        Lesson("door_open", "door_open-2", "door_open-1", decisions=2_000_000, collisions="full", kl=0.01, envs=512),
        _clone("door_pass"),
        Lesson(
            "door_pass",
            "door_pass-1",
            "door_pass-start",
            ("door_open-2",),
            decisions=9_000_000,
            collisions="full",
            timestep=0.004,
            kl=0.02,
        ),
        Lesson(
            "door_pass",
            "door_pass-2",
            "door_pass-1",
            ("door_open-2",),
            decisions=3_000_000,
            collisions="full",
            envs=512,
        ),
    ),
}

# Of a bundle: the first is the safe one.
_ORDER = ("stand", "walk", "run", "reach", "door_approach", "door_open", "door_pass")
_LEGS = "footwork"  # others stand on it, and no bundle has it


def skills_of(lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """The skills of a curriculum's bundle, in its order."""
    place = {name: i for i, name in enumerate(_ORDER)}
    learned = {lesson.skill for lesson in lessons} - {_LEGS}
    return tuple(sorted(learned, key=lambda name: (place.get(name, len(place)), name)))
