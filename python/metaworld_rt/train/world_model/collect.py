"""Runs a policy in the arena: to record decisions, or to score it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metaworld_rt.plants.robot import H1
from metaworld_rt.train.world_model.arena import Arena, View
from metaworld_rt.train.world_model.buffer import Recorder
from metaworld_rt.train.world_model.policies import Bursts

Policy = Callable[[View], np.ndarray]


def collect(
    arena: Arena,
    policy: Policy,
    decisions: int,
    explore: Bursts | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Record about `decisions` decisions (all robots together) as streams for the replay."""
    recorder = Recorder()
    for _ in range(max(2, decisions // arena.count)):
        view = arena.view()
        over = arena.over.copy()
        dead_now = arena.dead.copy()
        clean = policy(view)
        noise, noisy = explore() if explore else (0.0, np.zeros(arena.count, bool))
        action = np.clip(clean + noise, -1, 1).astype(np.float32)
        outcome = arena.step(action)
        recorder.add(
            phi=view.phi,
            action=action,
            clean=np.clip(clean, -1, 1),
            experts=view.experts,
            c=view.c,
            mixture=view.mixture,
            rewards=outcome.rewards,
            dead=dead_now,
            last=over,
            noisy=noisy,
            pushed=view.pushed,
        )
        if progress:
            progress(arena.count)
    return recorder.streams()


@dataclass
class Score:
    """Of one skill; arrays over episodes.

    Attributes:
        returns, lengths: undiscounted task return, decisions.
        roughness: mean squared difference of successive actions (normalised), while alive.
        jerk: mean squared third difference of the joint positions, (rad/s^3)^2, while alive.
        away: mean squared distance to the expert mixture a joint.
    """

    returns: np.ndarray
    lengths: np.ndarray
    roughness: float
    jerk: float
    away: float

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, to be kept in a file; see `of`."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Score:
        """From `arrays`."""
        return cls(**{name: value if value.ndim else float(value) for name, value in arrays.items()})

    def summary(self) -> dict[str, float]:
        """Rounded figures for logs and JSON."""
        return {
            "episodes": len(self.returns),
            "return_mean": round(float(self.returns.mean()), 1),
            "return_std": round(float(self.returns.std()), 1),
            "return_min": round(float(self.returns.min()), 1),
            "length_mean": round(float(self.lengths.mean()), 1),
            "roughness": round(self.roughness, 6),
            "jerk": round(self.jerk, 1),
            "away": round(self.away, 6),
        }


def score(arena: Arena, policy: Policy, skill: int | None, decisions: int = 1000) -> Score:
    """Run every robot of a fresh arena for one episode under the task of `skill`.

    Without a skill the reward is that of the skills commanded at the time, of each the share of its best.
    """
    count = arena.count
    best = None if skill is None else arena.library.tasks[skill].best_reward
    returns, lengths = np.zeros(count), np.zeros(count)
    alive = np.ones(count, bool)
    before, rough, away, joints, jerks = None, [], [], [], []
    for _ in range(decisions):
        view = arena.view()
        action = np.clip(policy(view), -1, 1)
        outcome = arena.step(action)
        commanded = (arena.weights * outcome.rewards).sum(-1) if skill is None else outcome.rewards[:, skill] * best
        returns += np.where(alive, commanded, 0.0)
        lengths += alive
        away.append(np.square(action - view.reference).mean(-1)[alive])
        if before is not None:
            rough.append(np.square(action - before).mean(-1)[alive])
        before = action
        joints = [*joints[-3:], arena.physics.qpos[:, 7 : 7 + H1.n].copy()]
        if len(joints) == 4:
            third = (joints[3] - 3 * joints[2] + 3 * joints[1] - joints[0]) * 50.0**3
            jerks.append(np.square(third).mean(-1)[alive])
        alive &= ~outcome.over
        if not alive.any():
            break

    def mean(parts: list[np.ndarray]) -> float:
        return float(np.concatenate(parts).mean()) if parts else 0.0

    return Score(returns, lengths, mean(rough), mean(jerks), mean(away))
