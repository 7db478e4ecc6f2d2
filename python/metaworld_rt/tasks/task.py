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
        instruction: what a person would say; door is a sequence.
        target_score: the benchmark's score of success over an episode of 1000 decisions.
        has_goal: whether a goal position (3, world, m) is drawn at reset.
        best_reward: the most that a decision can give.
    """

    name: str
    scene: str
    terms: Callable[[Signals, np.ndarray | None], dict[str, np.ndarray]]
    terminated: Callable[[Signals], np.ndarray]
    instruction: str
    target_score: float
    has_goal: bool = False
    best_reward: float = 1.0


def _without_goal(reward: Callable[[Signals], dict[str, np.ndarray]]) -> Callable:
    return lambda s, _: reward(s)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("stand", "floor", _without_goal(locomotion.stand_reward), locomotion.fallen, "stand still", 800.0),
        Task("walk", "floor", _without_goal(locomotion.walk_reward), locomotion.fallen, "walk forward", 700.0),
        Task("run", "floor", _without_goal(locomotion.run_reward), locomotion.fallen, "run forward", 700.0),
        Task(
            "reach",
            "floor",
            reach.reach_reward,
            reach.never,
            "reach the target",
            12000.0,
            has_goal=True,
            best_reward=20.0,
        ),
        Task(
            "door",
            "door",
            _without_goal(door.door_reward),
            door.fallen,
            "walk to the door, open it and go through",
            600.0,
        ),
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
