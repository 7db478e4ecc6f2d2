"""The teacher: switches tried, as the controller makes them, from states in which one is waited for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.door import VARIETY
from metaworld_rt.train.gate.returns import UPRIGHT, VISITED, Snapshot, gather
from metaworld_rt.train.kept import Kept
from metaworld_rt.train.world_model.arena import AT_DOOR, Arena, ArenaConfig
from metaworld_rt.train.world_model.library import ExpertLibrary
from metaworld_rt.train.world_model.script import plan_of

LATEST = 50  # decisions at the end by which a switch is judged
_THROUGH = 300  # decisions in which a robot that manages has come through the door
_WAIT = 15  # decisions that are waited on average
_SHARE = 0.2  # of the decisions of a wait that are tried from


@dataclass(frozen=True)
class Scene:
    """Where switches are visited and tried.

    Attributes:
        visited: how robots come to a switch.
        decisions: after which a switch is judged.
        usual: share of what the same switch usually brings that an expert must bring by then; at the door that is to
            be where the leaf and the robot should be.
        share: of the states.
    """

    visited: ArenaConfig
    decisions: int
    usual: float = 0.6
    share: float = 1.0


#: At the door until the leaf is open, in scenes that differ as in the experts' practice: there it matters.
TO_SWITCH = replace(AT_DOOR, decisions=280, push_every_s=0.0, variety=VARIETY)
SCENES = (Scene(VISITED, 150), Scene(TO_SWITCH, _THROUGH, usual=0.8, share=0.8))


class Dawdler:
    """Ready by chance, so that a switch comes at every moment. Stands in for a `Handover`."""

    wait = 4 * _WAIT

    def __init__(self, skills: int, seed: int):
        self._skills, self._rng = skills, np.random.default_rng(seed)

    def ready(self, phi: np.ndarray) -> np.ndarray:
        """Who can take over, `[B, K]` bool."""
        return self._rng.random((len(phi), self._skills)) < 1.0 / _WAIT


def awaiting(
    library: ExpertLibrary,
    scene: Scene,
    states: int,
    seed: int,
    *,
    count: int = 64,
    threads: int = 1,
    kept: Kept | None = None,
) -> tuple[Snapshot, np.ndarray]:
    """States in which a switch is waited for, at any moment after the command, and which expert it is to, `[n]`.

    They are `kept`, all of them at once.
    """

    def visit() -> dict[str, np.ndarray]:
        plan = plan_of(get_task("door"), library) if scene.visited.scene == "door" else None
        dawdler = Dawdler(len(library.names), seed)
        arena = Arena(library, count, seed, scene.visited, threads=threads, plan=plan, handover=dawdler)
        rng = np.random.default_rng(seed)
        visited, commands = gather(arena, states, lambda: arena.waiting & (rng.random(count) < _SHARE))
        return {**visited.arrays(), "awaited": commands.argmax(-1)}

    arrays = (kept or Kept()).once(f"{scene.visited.scene}-states", visit)
    awaited = arrays.pop("awaited")
    return Snapshot(**arrays, scene=scene.visited.scene), awaited


def take_over(
    library: ExpertLibrary,
    scene: Scene,
    states: Snapshot,
    awaited: np.ndarray,
    *,
    count: int = 128,
    threads: int = 1,
    kept: Kept | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Let the awaited expert `[n]` take over from every state, `count` of them at a time; each batch is `kept`.

    The weights move as the controller's do, from those that led to the state on, and from the decision after it.

    Returns:
        phi `[n, phi]` as the controller sees the states, and managed `[n]` bool: the robot stayed on its feet and did
        in the end the scene's share of what is usual (the median) of that switch. What is usual is not asked of a task
        with a goal, which may be far.
    """
    n, k = len(awaited), len(library.names)
    decisions = scene.decisions
    config = ArenaConfig(scene=states.scene, variety=scene.visited.variety, decisions=decisions + 2)
    before = states.weights.argmax(-1)

    def try_batch(rows: np.ndarray) -> dict[str, np.ndarray]:
        upright, late = np.ones(len(rows), bool), np.zeros(len(rows))
        with closing(Arena(library, len(rows), rows[0], config, threads=threads, skills=before[rows])) as arena:
            states.put(arena, rows)
            arena.command = arena.weights = states.weights[rows].copy()
            view = arena.view()
            phi = view.phi
            arena.step(view.reference)
            arena.command = np.eye(k)[awaited[rows]]
            for t in range(decisions):
                outcome = arena.step(arena.view().reference)
                reward = outcome.rewards[np.arange(len(rows)), awaited[rows]]
                late += reward / LATEST * (t >= decisions - LATEST)
                upright &= ~arena.over & (arena.physics.qpos[:, 2] > UPRIGHT)
        return {"phi": phi, "upright": upright, "late": late}

    tried = (kept or Kept()).batches(states.scene, n, count, try_batch, progress)
    phi, upright, late = tried["phi"], tried["upright"], tried["late"]
    managed = upright.copy()
    for j, i in sorted(set(zip(before[upright], awaited[upright], strict=True))):
        if not library.tasks[i].has_goal:
            same = upright & (before == j) & (awaited == i)
            managed[same] = late[same] >= scene.usual * np.median(late[same])
    return phi, managed
