"""The five tasks by name: scene, reward, end of episode, target score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metaworld_rt.tasks import door, locomotion, reach
from metaworld_rt.tasks.signals import Signals

EPISODE_DECISIONS = 1000
RESET_NOISE = 0.01


@dataclass(frozen=True)
class Task:
    """One task. Functions take signals of any batch shape.

    Attributes:
        name: stand, walk, run, reach or door.
        scene: the scene of `metaworld_rt.plants.h1.build`.
        terms: signals, goal -> reward terms, with the key "reward".
        terminated: signals -> bool, the episode ends early.
        has_goal: whether a goal position (3, world, m) is drawn at reset.
        target_score: the benchmark's score of success over an episode of 1000 decisions.
        best_reward: the most that a decision can give.
    """

    name: str
    scene: str
    terms: Callable[[Signals, np.ndarray | None], dict[str, np.ndarray]]
    terminated: Callable[[Signals], np.ndarray]
    has_goal: bool
    target_score: float
    best_reward: float = 1.0


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("stand", "floor", lambda s, _: locomotion.stand_reward(s), locomotion.fallen, False, 800.0),
        Task("walk", "floor", lambda s, _: locomotion.walk_reward(s), locomotion.fallen, False, 700.0),
        Task("run", "floor", lambda s, _: locomotion.run_reward(s), locomotion.fallen, False, 700.0),
        Task("reach", "floor", lambda s, goal: reach.reach_reward(s, goal), reach.never, True, 12000.0, 20.0),
        Task("door", "door", lambda s, _: door.door_reward(s), door.fallen, False, 600.0),
    )
}


def get_task(name: str) -> Task:
    """The task called `name`.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}: one of {', '.join(TASKS)}")
    return TASKS[name]
