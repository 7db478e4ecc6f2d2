"""The gate's teacher: how well each expert fares from a state, measured by letting it try."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.kept import Kept
from metaworld_rt.train.world_model.arena import AT_DOOR, Arena, ArenaConfig
from metaworld_rt.train.world_model.library import ExpertLibrary
from metaworld_rt.train.world_model.policies import follow_experts
from metaworld_rt.train.world_model.script import plan_of

#: States come from commanded skills, changes between them, and pushes.
VISITED = ArenaConfig(decisions=800, switch_every_s=4.0, blend_share=0.1, push_every_s=2.5, push=1.2, turn=0.1)

UPRIGHT = 0.5  # m of the pelvis: lower is lost


@dataclass
class Snapshot:
    """Full states of n robots in a scene, to be put back, and the skill weights `[n, K]` that led to each."""

    qpos: np.ndarray
    qvel: np.ndarray
    action: np.ndarray
    phase: np.ndarray
    heading: np.ndarray
    goal: np.ndarray
    weights: np.ndarray
    scene: str = "floor"

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the scene, by name."""
        return {name: value for name, value in vars(self).items() if name != "scene"}

    def put(self, arena: Arena, rows: np.ndarray) -> None:
        """Set an arena's robots to the states in `rows`; their phase is the one before the next decision."""
        arena.physics.qpos[:], arena.physics.qvel[:] = self.qpos[rows], self.qvel[rows]
        arena.action, arena.phase = self.action[rows].copy(), self.phase[rows].copy()
        arena.heading, arena.goal = self.heading[rows].copy(), self.goal[rows].copy()
        arena.placed()


def visit(
    library: ExpertLibrary,
    states: int,
    seed: int,
    *,
    scene: str = "floor",
    count: int = 64,
    every: int = 12,
    threads: int = 1,
    kept: Kept | None = None,
) -> Snapshot:
    """States that the experts pass through, one in `every` or fewer, so that they are of whole episodes.

    They are `kept`, all of them at once.
    """
    config, plan = VISITED, None
    if scene == "door":
        config, plan = AT_DOOR, plan_of(get_task("door"), library)
    count = min(count, max(8, states // 12))
    every = max(every, round(count * config.decisions / states))

    def pass_through() -> dict[str, np.ndarray]:
        arena = Arena(library, count, seed, config, threads=threads, plan=plan)
        rng = np.random.default_rng(seed)
        # Each robot is looked at every so often, at its own times; a push shows in the state that follows it.
        return gather(arena, states, lambda: rng.random(count) < 1.0 / every)[0].arrays()

    return Snapshot(**(kept or Kept()).once(f"{scene}-states", pass_through), scene=scene)


def gather(arena: Arena, states: int, chosen: Callable[[], np.ndarray]) -> tuple[Snapshot, np.ndarray]:
    """Let the experts fly an arena, and close it, until so many states are kept.

    Args:
        arena: new.
        states: to be kept.
        chosen: asked after each view whose state is kept, `[B]` bool; none is of a robot that is over.

    Returns:
        The states, each before its view, and what was commanded in it, `[n, K]`.
    """
    kept, have = [], 0
    while have < states:
        before = [a.copy() for a in _state(arena)]
        view = arena.view()
        rows = chosen() & ~arena.over
        commands = arena.command[rows]
        arena.step(follow_experts(view))
        if rows.any():
            kept.append([*(a[rows] for a in before), commands])
            have += int(rows.sum())
    arena.close()
    *parts, commands = (np.concatenate(part)[:states] for part in zip(*kept, strict=True))
    return Snapshot(*parts, arena.config.scene), commands


def expert_returns(
    library: ExpertLibrary,
    states: Snapshot,
    *,
    decisions: int = 100,
    tail: int = 100,
    count: int = 128,
    threads: int = 1,
    kept: Kept | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let every expert try from every state, `count` of them at a time; each batch is `kept`.

    The score is the mean reward of the expert's own task over `decisions`, and over `tail` more in which a robot that
    still stands earns its last second's mean, both relative to what it usually makes of the states that it was in
    charge of itself (their median): a task whose best is rare, such as touching a goal, is no reason to doubt it.
    At a door all are measured by the door's reward, relative to the best of them from that state.

    Returns:
        phi `[n, phi]` (the phase of each state as it is), scores `[n, K]`, 1 for as good as usual, and upright
        `[n, K]`, whether the robot still stood after `decisions`.
    """
    n, k, kept = len(states.qpos), len(library.names), kept or Kept()
    door = states.scene == "door"
    at_door = [task.scene for task in library.tasks].index("door") if door else 0
    config = ArenaConfig(scene=states.scene, decisions=decisions + 1)

    def try_batch(i: int, rows: np.ndarray) -> dict[str, np.ndarray]:
        judged = at_door if door else i
        total, recent, alive = np.zeros(len(rows)), np.zeros(len(rows)), np.ones(len(rows), bool)
        with closing(Arena(library, len(rows), 0, config, threads=threads, skills=[i] * len(rows))) as arena:
            states.put(arena, rows)
            first = arena.view()
            for t in range(decisions):
                view = arena.view() if t else first
                reward = np.where(alive, arena.step(view.reference).rewards[:, judged], 0.0)
                total += reward
                recent += reward * (t >= decisions - 50)
                alive &= ~arena.over & (arena.physics.qpos[:, 2] > UPRIGHT)
        mean = (total + np.where(alive, recent / 50.0 * tail, 0.0)) / (decisions + tail)
        return {"phi": first.phi, "mean": mean, "upright": alive}

    tried = [
        kept.batches(f"{states.scene}-{name}", n, count, partial(try_batch, i), progress)
        for i, name in enumerate(library.names)
    ]
    phi = tried[0]["phi"]
    raw, upright = (np.stack([of[part] for of in tried], axis=-1) for part in ("mean", "upright"))
    if door:
        return phi, raw / np.maximum(raw.max(axis=-1, keepdims=True), 1e-6), upright
    own = [raw[states.weights[:, i] > 0.5, i] for i in range(k)]
    usual = [np.median(scores) if len(scores) else 1.0 for scores in own]
    return phi, raw / np.maximum(usual, 1e-6), upright


def _state(arena: Arena) -> tuple[np.ndarray, ...]:
    return arena.physics.qpos, arena.physics.qvel, arena.action, arena.phase, arena.heading, arena.goal, arena.weights
