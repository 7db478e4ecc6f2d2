"""Many robots in lockstep under commanded skills: where stage 2 collects, and where it is scored.

The rules are those of the C++ controller: a skill takes over when it is ready, the weights slew towards it and are the
condition c, the gait phase advances with them, features are read after that, the gate is fused in, actions are clamped.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from metaworld_rt.plants.disturbance import Disturbances, noise_scale
from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.plants.suite import Perturbation
from metaworld_rt.semantic.plan import SkillPlan
from metaworld_rt.tasks import features
from metaworld_rt.tasks.reach import sample_goal
from metaworld_rt.tasks.task import RESET_NOISE
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.practice import Variety
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import along_heading
from metaworld_rt.train.world_model.library import ExpertLibrary
from metaworld_rt.train.world_model.script import Script

if TYPE_CHECKING:
    from metaworld_rt.train.handover.train import Handover

WEIGHT_SLEW_PER_S = 4.0
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class ArenaConfig(Perturbation):
    """What happens to the robots: a perturbation, and what they are commanded.

    Attributes:
        scene: of `plants.h1.build`; the skills are those whose task it is, and stand.
        decisions: length of an episode.
        switch_every_s: mean time between changes of the commanded skill; 0 for never.
        blend_share: share of commands that weigh two skills.
        turn: standard deviation of changes of course at a push, rad.
        collisions: "full" as evaluated, or "fast".
        variety: how far the robots' scenes differ from each other, by default not at all.
    """

    scene: str = "floor"
    decisions: int = 1000
    switch_every_s: float = 0.0
    blend_share: float = 0.0
    turn: float = 0.0
    collisions: str = "full"
    variety: Variety = field(default_factory=Variety)

    @property
    def delay(self) -> int:
        """Decisions (20 ms each) that the state is late."""
        return round(self.delay_s / DECISION_DT)


#: In front of a door, where there is no room for strong pushes and other courses, and a plan to follow.
AT_DOOR = ArenaConfig(scene="door", decisions=800, push_every_s=4.0, push=0.5)


@dataclass
class View:
    """What a policy sees of B robots: phi `[B, phi]`, c and mixture `[B, K]`, experts `[B, K, A]`, reference `[B, A]`.

    `fresh` `[B]` marks robots that have just been reset (a warm start is void), `pushed` `[B]` those that
    something unforeseeable befell since the last decision: a push, a new goal.
    """

    phi: np.ndarray
    c: np.ndarray
    mixture: np.ndarray
    experts: np.ndarray
    reference: np.ndarray
    fresh: np.ndarray
    pushed: np.ndarray


@dataclass
class Outcome:
    """Of one decision: rewards `[B, K]`, dead `[B]` (fell), over `[B]` (dead or out of time).

    The rewards are one a skill, as a share of the best that its task gives; 0 where the scene lacks the task.

    A robot that is over stands still for one call, in which its last state is seen, and is then reset.
    """

    rewards: np.ndarray
    dead: np.ndarray
    over: np.ndarray


@functools.cache
def _model(scene: str, collisions: str, payload_kg: float, friction: float, strength: float) -> mujoco.MjModel:
    """Compiled once: it takes as long as hundreds of decisions, and nothing changes it afterwards."""
    model = build(scene, collisions=collisions)
    Disturbances(payload_kg=payload_kg, friction=friction, strength=strength).change_model(model)
    return model


def fuse(weights: np.ndarray, p: np.ndarray, alpha: float) -> np.ndarray:
    """`alpha * w + (1 - alpha) * p`, shares under 1e-3 dropped (cpp/src/skills/fusion.hpp)."""
    out = alpha * weights + (1 - alpha) * p
    out = np.where(out < NEGLIGIBLE, 0.0, out)
    return out / out.sum(-1, keepdims=True)


class Arena:
    """B robots. `view()`, choose actions, `step(actions)`; not thread-safe.

    Args:
        library: the experts.
        count: robots.
        seed: of every random draw.
        config: what happens to them.
        threads: physics threads.
        skills: the first command of each robot, `[B]` indices; drawn if absent.
        plan: stages that every robot follows from its reset on, in place of commands.
        gate: phi, command -> probabilities `[B, K]`; absent: the command alone (alpha = 1).
        alpha: trust in the command against the gate.
        handover: who can take over; absent: a commanded skill does at once.
    """

    def __init__(
        self,
        library: ExpertLibrary,
        count: int,
        seed: int = 0,
        config: ArenaConfig | None = None,
        *,
        threads: int = 1,
        skills: Sequence[int] | None = None,
        plan: SkillPlan | None = None,
        gate: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
        alpha: float = 1.0,
        handover: Handover | None = None,
    ):
        self.library, self.count, self.config = library, count, config or ArenaConfig()
        self.rng = np.random.default_rng(seed)
        k = self.config
        model = _model(k.scene, k.collisions, k.payload_kg, k.friction, k.strength)
        self.physics = VectorPhysics(model, count, threads)
        self.physics.use_models(k.variety.spread(model, self.rng, count))
        self._senses = Senses(self.physics)
        self._late: deque[dict[str, np.ndarray]] = deque(maxlen=k.delay + 1)
        self.gate, self.alpha, self.handover = gate, alpha, handover
        self._home = self.physics.model.key_qpos[0].copy()
        self._skills = skills
        self._script = None if plan is None else Script(plan, library.names, count)
        self._tasks = {i: t for i, t in enumerate(library.tasks) if t.scene == k.scene or t.name == "stand"}
        self._here = list(self._tasks)
        self._has_goal = any(task.has_goal for task in library.tasks)
        if not self._here:
            raise ValueError(f"no skill of {', '.join(library.names)} is for the scene {k.scene}")
        k = len(library.names)
        self._rate = np.divide(1.0, library.periods, out=np.zeros(k), where=library.periods > 0)
        self.command, self.weights, self._target = np.zeros((3, count, k))
        self._ready, self._waited = np.zeros((count, k), bool), np.zeros(count, np.int64)
        self.phase, self.heading = np.zeros(count), np.zeros(count)
        self.action = np.zeros((count, H1.n))
        self.goal = np.zeros((count, 3))
        self.age = np.zeros(count, np.int64)
        self._next_switch, self._next_push = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.over, self.dead, self.fresh, self._pushed = np.zeros((4, count), bool)
        self.reset(np.arange(count))

    def reset(self, rows: np.ndarray) -> None:
        """Start new episodes for some robots: the benchmark's reset."""
        n, physics = len(rows), self.physics
        physics.qpos[rows] = self._home + self.rng.uniform(-RESET_NOISE, RESET_NOISE, (n, len(self._home)))
        physics.qvel[rows] = 0.0
        self.phase[rows] = self.heading[rows] = self.action[rows] = 0.0
        self.age[rows] = 0
        self.over[rows], self.fresh[rows] = False, True
        self._senses.reset(rows)
        self._draw_goal(rows)
        if self._script is not None:
            self._script.reset(rows)
            self._script.skip(rows, physics.qpos)  # stages that are done at once leave no trace in the weights
            self.command[rows] = self._script.command[rows]
        elif self._skills is None:
            self.command[rows] = self._draw_command(n)
        else:
            self.command[rows] = np.eye(len(self.library.names))[np.asarray(self._skills)[rows]]
        self.weights[rows] = self._target[rows] = self.command[rows]
        self._waited[rows] = 0
        self._schedule(self._next_switch, rows, self.config.switch_every_s)
        self._schedule(self._next_push, rows, self.config.push_every_s)

    def view(self) -> View:
        """Advance the phase and read what a policy may see. Call once before each `step`."""
        self._events()
        self._sense()
        self._slew()
        self.phase = np.mod(self.phase + DECISION_DT * (self.weights @ self._rate), 1.0)
        phi = self._features()
        if self.handover is not None:
            self._ready = self.handover.ready(phi)
        mixture = self.weights
        if self.gate is not None:
            mixture = fuse(self.weights, self.gate(phi, self.weights), self.alpha)
        experts = self.library.actions(phi)
        reference = np.einsum("bk,bka->ba", mixture, experts).astype(np.float32)
        single = np.float32
        return View(
            phi,
            self.weights.astype(single),
            mixture.astype(single),
            experts,
            reference,
            self.fresh.copy(),
            self._pushed,
        )

    def step(self, action: np.ndarray) -> Outcome:
        """Apply one decision `[B, A]`; robots that were over are reset instead."""
        ended = self.over.copy()
        self.fresh[:] = False
        self.action = np.clip(action, -1.0, 1.0).astype(np.float64)
        s = self.physics.step(H1.target(self.action))
        self._senses.update()
        turned = replace(s, com_velocity=along_heading(s.com_velocity, self.heading))
        rewards = np.zeros((self.count, len(self.library.tasks)))
        for i, task in self._tasks.items():
            rewards[:, i] = task.terms(turned, self.goal)["reward"] / task.best_reward
        broken = ~np.isfinite(rewards).all(-1) | ~np.isfinite(s.qpos).all(-1) | ~np.isfinite(s.qvel).all(-1)
        dead = np.any([task.terminated(s) for task in self._tasks.values()], 0) | broken
        rewards = np.where(broken[:, None], 0.0, rewards)
        self.age += 1
        if broken.any():  # the physics diverged: a fall
            self.physics.qpos[broken], self.physics.qvel[broken] = self._home, 0.0
        over = (dead | (self.age >= self.config.decisions)) & ~ended
        self.over, self.dead = over, dead & ~ended
        if ended.any():
            self.reset(np.flatnonzero(ended))
        return Outcome(rewards.astype(np.float32), self.dead.copy(), over.copy())

    @property
    def waiting(self) -> np.ndarray:
        """Whose commanded skill is waited for, `[B]` bool, as of the last `view`."""
        return self._waited > 0

    def placed(self) -> None:
        """To be called once the robots' states were set from outside: new episodes begin there."""
        self.age[:] = 0
        self._senses.reset(np.arange(self.count))

    def close(self) -> None:
        """End the physics threads."""
        self.physics.close()

    def _hand_over(self) -> None:
        """Another leading skill is moved to when it is ready, or was waited for as long as is allowed."""
        if self.handover is None:
            self._target = self.command
            return
        rows, leading = np.arange(self.count), self.command.argmax(-1)
        waits = (leading != self._target.argmax(-1)) & ~self._ready[rows, leading]
        waits &= self._waited < self.handover.wait
        self._waited = np.where(waits, self._waited + 1, 0)
        self._target = np.where(waits[:, None], self._target, self.command)

    def _slew(self) -> None:
        """Weights move towards the command along a straight line, at most so much a decision."""
        self._hand_over()
        step, away = WEIGHT_SLEW_PER_S * DECISION_DT, self._target - self.weights
        most = np.abs(away).max(-1, keepdims=True)
        self.weights += np.where(most <= step, away, away * (step / np.maximum(most, step)))

    def _sense(self) -> None:
        """The state that the controller gets, late and noisy as configured; a robot just reset is seen as it is."""
        physics, rng = self.physics, self.rng
        sensed = {"qpos": physics.qpos, "qvel": physics.qvel, **self._senses.terms(self.goal)}
        sensed = {name: value.copy() for name, value in sensed.items()}
        if self.config.noise:
            nq, nv = physics.qpos.shape[1], physics.qvel.shape[1]
            scale = self.config.noise * noise_scale(nq + nv)
            sensed["qpos"] += scale[:nq] * rng.standard_normal((self.count, nq))
            sensed["qvel"] += scale[nq:] * rng.standard_normal((self.count, nv))
        for earlier in self._late:
            for name, value in sensed.items():
                earlier[name][self.fresh] = value[self.fresh]
        self._late.append(sensed)

    def _features(self) -> np.ndarray:
        extra = dict(self._late[0])
        qpos, qvel = extra.pop("qpos"), extra.pop("qvel")
        state = features.FeatureInput.from_state(
            qpos, qvel, self.action, phase=self.phase, heading=self.heading, extra=extra
        )
        return features.compute(self.library.features, state)

    def _events(self) -> None:
        config, rng = self.config, self.rng
        live = ~self.over
        self._pushed = np.zeros(self.count, bool)
        if self._script is not None:
            self._script.advance(self.physics.qpos)
            self.command = self._script.command
        elif config.switch_every_s:
            rows = np.flatnonzero((self.age >= self._next_switch) & live)
            self.command[rows] = self._draw_command(len(rows))
            self._pushed[rows] = self._draw_goal(rows)
            self._schedule(self._next_switch, rows, config.switch_every_s)
        if config.push_every_s:
            rows = np.flatnonzero((self.age >= self._next_push) & live)
            self.physics.qvel[rows, :2] += rng.uniform(-config.push, config.push, (len(rows), 2))
            self.physics.qvel[rows, 3:6] += 0.5 * rng.uniform(-config.push, config.push, (len(rows), 3))
            self.heading[rows] += rng.normal(0.0, config.turn, len(rows)) if config.turn else 0.0
            self._pushed[rows] = True
            self._schedule(self._next_push, rows, config.push_every_s)

    def _draw_command(self, n: int) -> np.ndarray:
        k = len(self.library.names)
        command = np.eye(k)[self.rng.choice(self._here, n)]
        blended = self.rng.random(n) < self.config.blend_share
        share = self.rng.random((n, 1))
        other = np.eye(k)[self.rng.choice(self._here, n)]
        return np.where(blended[:, None], share * command + (1 - share) * other, command)

    def _draw_goal(self, rows: np.ndarray) -> bool:
        """New goals for the left hand in reach's box around where each robot is, if any skill has goals."""
        if not self._has_goal:
            return False
        self.goal[rows] = sample_goal(self.rng, (len(rows),))
        self.goal[rows, :2] += self.physics.qpos[rows, :2]
        return True

    def _schedule(self, when: np.ndarray, rows: np.ndarray, every_s: float) -> None:
        mean = max(2.0, every_s / DECISION_DT)
        when[rows] = self.age[rows] + self.rng.integers(int(0.4 * mean), int(1.6 * mean) + 1, len(rows))
