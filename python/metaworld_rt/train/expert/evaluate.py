"""Scores of an expert alone on a task: deterministic episodes from the task's own reset, full collisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.reach import sample_goal
from metaworld_rt.tasks.task import EPISODE_DECISIONS, RESET_NOISE, Task
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.bank import ROBOT_NQ, ROBOT_NV, Bank, join
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.sense import Senses


def return_figures(returns: np.ndarray) -> dict[str, float]:
    """What every score says of its returns (episodes,): how many, mean, deviation, least."""
    return {
        "episodes": len(returns),
        "return_mean": round(float(returns.mean()), 2),
        "return_std": round(float(returns.std()), 2),
        "return_min": round(float(returns.min()), 2),
    }


@dataclass(frozen=True)
class Evaluation:
    """Results over episodes; arrays (episodes,) unless said.

    Attributes:
        returns, lengths: sum of rewards, decisions.
        terms: mean of each reward term over all live decisions.
        action_rate: mean squared difference of successive position targets, rad^2, over joints.
        speed: mean forward speed, m/s, over the second half of the episodes.
        peak_target_speed: largest change of a position target in one decision, rad/s, (19,).
        states: of live decisions, for other skills to start from.
    """

    returns: np.ndarray
    lengths: np.ndarray
    terms: dict[str, float]
    action_rate: float
    speed: float
    peak_target_speed: np.ndarray
    states: Bank

    def summary(self) -> dict[str, float]:
        """The scores, ready for JSON."""
        return {
            **return_figures(self.returns),
            "length_mean": round(float(self.lengths.mean()), 1),
            "speed": round(self.speed, 3),
            "action_rate": round(self.action_rate, 6),
        }


def evaluate(
    expert: Expert,
    task: Task,
    period: float,
    episodes: int = 10,
    seed: int = 0,
    threads: int = 2,
    decisions: int = EPISODE_DECISIONS,
    collisions: str = "full",
    layout: tuple[features.Feature, ...] = features.LOCOMOTION,
) -> Evaluation:
    """Runs `episodes` side by side, each `decisions` long or until it ends.

    Args:
        expert: reads `layout`.
        task: what is scored.
        period: gait period, s; 0 for none.
        episodes: robots.
        seed: of their reset noise.
        threads: physics threads.
        decisions: at most this long.
        collisions: "full" as the benchmark, or "fast".
        layout: of phi.
    """
    rng = np.random.default_rng(seed)
    model = build(task.scene, collisions=collisions)
    physics = VectorPhysics(model, episodes, threads)
    physics.qpos += rng.uniform(-RESET_NOISE, RESET_NOISE, physics.qpos.shape)
    senses = Senses(physics)
    goal = sample_goal(rng, (episodes,)) if task.has_goal else None
    action = np.zeros((episodes, H1.n))
    last_target = np.tile(H1.default_pos, (episodes, 1))
    phase, cycle = 0.0, DECISION_DT / period if period > 0 else 0.0
    alive = np.ones(episodes, dtype=bool)
    returns, lengths = np.zeros(episodes), np.zeros(episodes)
    term_sums: dict[str, float] = {}
    rate_sum = speed_sum = 0.0
    rate_count = speed_count = 0
    peak = np.zeros(H1.n)
    states = []
    for t in range(decisions):
        phase = (phase + cycle) % 1.0
        state = features.FeatureInput.from_state(
            physics.qpos, physics.qvel, action, phase=phase, extra=senses.terms(goal)
        )
        phi = features.compute(layout, state)
        with torch.no_grad():
            action = np.clip(expert(torch.from_numpy(phi)).double().numpy(), -1.0, 1.0)
        target = H1.target(action)
        s = physics.step(target)
        senses.update()
        terms = task.terms(s, goal)
        returns += np.where(alive, terms["reward"], 0.0)
        lengths += alive
        for name, value in terms.items():
            term_sums[name] = term_sums.get(name, 0.0) + float(value[alive].sum())
        if t > 0:
            step = (target - last_target)[alive]
            rate_sum += float(np.square(step).mean(axis=-1).sum())
            rate_count += int(alive.sum())
            if len(step):
                peak = np.maximum(peak, np.abs(step).max(axis=0) / DECISION_DT)
        if t >= decisions // 2:
            speed_sum += float(s.com_velocity[alive, 0].sum())
            speed_count += int(alive.sum())
        last_target = target
        if t % 7 == 3:
            following = phase + cycle
            seen = Bank(
                physics.qpos[:, :ROBOT_NQ], physics.qvel[:, :ROBOT_NV], action, np.full(episodes, following % 1.0)
            )
            states.append(seen[alive])
        alive &= ~task.terminated(s)
        if not alive.any():
            break
    physics.close()
    total = max(1.0, float(lengths.sum()))
    return Evaluation(
        returns=returns,
        lengths=lengths,
        terms={name: value / total for name, value in term_sums.items()},
        action_rate=rate_sum / max(1, rate_count),
        speed=speed_sum / max(1, speed_count),
        peak_target_speed=peak,
        states=join(states),
    )
