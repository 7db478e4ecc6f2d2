"""Stage 2: collect under commanded skills, fit the world model, collect with its own planner, and again.

Everything lives in one folder: `rounds/NNN-NN.npz` (recorded decisions, in parts), `model.pt` (model, optimisers,
progress), `log.jsonl` and TensorBoard events. A second call with the same folder goes on where the first was stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.log import Log
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.arena import AT_DOOR, Arena, ArenaConfig
from metaworld_rt.train.world_model.buffer import Replay, load_round, save_round
from metaworld_rt.train.world_model.collect import collect, score
from metaworld_rt.train.world_model.config import LossConfig, ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.library import ExpertLibrary
from metaworld_rt.train.world_model.losses import Learner
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.native import planner_policy
from metaworld_rt.train.world_model.policies import Bursts, PriorPolicy, follow_experts
from metaworld_rt.train.world_model.script import plan_of

SAVE_EVERY_S = 60.0
#: Decisions a file, of experts and of the planner: what a kill in the middle of collecting can lose.
PART, PLANNED_PART = 50_000, 16_000

#: Where the guided planner collects from: small, and close to the experts.
COLLECTING_PLANNER = PlannerConfig(
    samples=64, iterations=2, elites=16, prior_trajectories=4, expert_trajectories=4,
    temperature=2.0, min_std=0.03, max_std=0.15, guidance=1.0, q_reduction="min",
)  # fmt: skip

#: What happens to the robots meanwhile: commands change, some are blends, and pushes come.
COLLECTING_ARENA = ArenaConfig(
    decisions=800, switch_every_s=5.0, blend_share=0.15, push_every_s=4.0, push=1.6, turn=0.2
)

#: Learning rates for supervised targets from plentiful data, in place of TD-MPC2's constant 3e-4.
FAST = LossConfig(lr=1e-3, encoder_lr=3e-4, decay=0.1)


@dataclass(frozen=True)
class Schedule:
    """How much of what.

    Attributes:
        size: of the world model, see `config.SIZES`.
        robots: stepped in lockstep.
        expert_decisions: collected with the experts first.
        expert_updates: gradient steps on them.
        rounds: on-policy rounds, each of `round_decisions` and `round_updates`.
        n_step: longest return before a bootstrap.
        batch: sequences an update.
        capacity: decisions kept.
        published: plain TD-MPC2, no experts anywhere (the `planner-only` baseline).
        skill: collect under this one command alone; empty: all of them, switching.
        loss, planner, arena: of learning, of collecting with the planner, and where.
        at_door: where every second part is collected, if there are skills for a door.
    """

    size: str = "xs"
    robots: int = 64
    expert_decisions: int = 240_000
    expert_updates: int = 8_000
    rounds: int = 2
    round_decisions: int = 32_000
    round_updates: int = 2_500
    n_step: int = 60
    batch: int = 256
    capacity: int = 1_000_000
    published: bool = False
    skill: str = ""
    loss: LossConfig = FAST
    planner: PlannerConfig = COLLECTING_PLANNER
    arena: ArenaConfig = COLLECTING_ARENA
    at_door: ArenaConfig = AT_DOOR


def published(skill: str, size: str = "1M", decisions: int = 100_000) -> Schedule:
    """TD-MPC2 as published on one skill: no experts, its own losses, planner and data; one update a decision."""
    rounds, robots = decisions // 2000, 4
    return Schedule(
        size=size, robots=robots, expert_decisions=5_000, expert_updates=5_000, rounds=rounds, round_decisions=2_000,
        round_updates=2_000, published=True, skill=skill, loss=LossConfig(), planner=PlannerConfig(),
        arena=ArenaConfig(),
    )  # fmt: skip


class WorldModelTrainer:
    """One training run.

    Args:
        library: the frozen experts.
        folder: of the run.
        schedule: how much of what.
        seed: of everything drawn.
        threads: of physics and of torch.
        progress: called with (phase, done, total, figures).
    """

    def __init__(
        self,
        library: ExpertLibrary,
        folder: str | Path,
        schedule: Schedule | None = None,
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[str, int, int, dict], None] | None = None,
    ):
        self.library, self.folder, self.seed, self.threads = library, Path(folder), seed, threads
        self.schedule = schedule or Schedule()
        self.progress = progress or (lambda *_: None)
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        s = self.schedule
        shape = ModelConfig.of_size(s.size, features.size(library.features), H1.n, len(library.names))
        if s.published:
            shape = replace(shape, vmin=-10.0, vmax=10.0, heads=False)
        self.model = WorldModel(shape)
        self.learner = Learner(self.model, s.loss, s.published)
        self.replay = Replay(s.capacity, s.loss.horizon, shape.discount, 1 if s.published else s.n_step)
        self.updates, self.seconds, self.decisions = 0, 0.0, 0
        self._resume()
        self.log = Log(self.folder)

    def run(self) -> WorldModel:
        """Train to the end of the schedule; returns the model."""
        s, began, earlier = self.schedule, time.monotonic(), self.seconds
        target = 0
        for index in range(s.rounds + 1):
            self._round(index)
            target += s.expert_updates if index == 0 else s.round_updates
            saved = time.monotonic()
            while self.updates < target:
                self.learner.set_progress(self.updates / self.total_updates)
                figures = self.learner.update(
                    self.replay.sample(s.batch, np.random.default_rng((self.seed, self.updates)))
                )
                self.updates += 1
                self.seconds = earlier + time.monotonic() - began
                if self.updates % 100 == 0:
                    numbers = {name: float(value) for name, value in figures.items()}
                    self.log.write(self.updates, {"seconds": self.seconds, **numbers})
                    self.progress(f"updates, round {index}", self.updates, self.total_updates, numbers)
                if time.monotonic() - saved > SAVE_EVERY_S:
                    self.save()
                    saved = time.monotonic()
            self.save()
        return self.model

    @property
    def total_updates(self) -> int:
        """Gradient steps of the whole schedule."""
        return self.schedule.expert_updates + self.schedule.rounds * self.schedule.round_updates

    def save(self) -> None:
        """Write `model.pt`."""
        progress = {"updates": self.updates, "seconds": self.seconds, "decisions": self.decisions, "seed": self.seed}
        checkpoint.save(
            self.folder / "model.pt",
            self.model,
            learner=self.learner.state_dict(),
            progress=progress,
            schedule=asdict(self.schedule),
            skills=list(self.library.names),
        )

    def _resume(self) -> None:
        path = self.folder / "model.pt"
        if not path.exists():
            return
        model, content = checkpoint.load(path)
        if model.config != self.model.config or content["skills"] != list(self.library.names):
            raise CheckpointError(f"{path} is of another model; train in another folder, or remove it")
        self.model.load_state_dict(model.state_dict())
        self.learner.load_state_dict(content["learner"])
        state = content["progress"]
        self.updates, self.seconds, self.decisions = state["updates"], state["seconds"], state["decisions"]

    def _round(self, index: int) -> None:
        """Load the recorded parts of a round, and collect those that are missing."""
        s = self.schedule
        whole = s.expert_decisions if index == 0 else s.round_decisions
        most = PART if index == 0 else PLANNED_PART
        parts = -(-whole // most)
        for part in range(parts):
            path = self.folder / "rounds" / f"{index:03d}-{part:02d}.npz"
            if not path.exists():
                streams = self._collect(index, part, parts, whole)
                save_round(path, streams)
                self.decisions += len(streams["phi"])
            self.replay.extend(load_round(path), prepare=part == parts - 1)

    def _collect(self, index: int, part: int, parts: int, whole: int) -> dict[str, np.ndarray]:
        s = self.schedule
        seed = self.seed + 1000 * index + 10 * part
        skills = [self.library.index(s.skill)] * s.robots if s.skill else None
        config, plan = s.arena, None
        if part % 2 and not s.skill and any(task.scene == "door" for task in self.library.tasks):
            config, plan = s.at_door, plan_of(get_task("door"), self.library)
        arena = Arena(self.library, s.robots, seed, config, threads=self.threads, skills=skills, plan=plan)
        explore = Bursts(s.robots, H1.n, seed + 1)
        policy = follow_experts
        if index > 0:
            policy = planner_policy(self.model, s.planner, seed + 2, guided=not s.published)
            explore = Bursts(s.robots, H1.n, seed + 1, std=(0.02, 0.2), quiet=(20, 100))
        elif s.published:
            policy = PriorPolicy(self.model)
            explore = Bursts(s.robots, H1.n, seed + 1, std=(0.2, 1.0), quiet=(1, 2))
        done = [whole * part // parts]

        def step(n: int) -> None:
            done[0] += n
            self.progress(f"decisions, round {index}", done[0], whole, {})

        try:
            return collect(arena, policy, whole // parts, explore, step)
        finally:
            arena.close()


def evaluate(
    library: ExpertLibrary,
    policy_of: Callable[[], Callable],
    skill: str,
    episodes: int = 10,
    seed: int = 7000,
    config: ArenaConfig | None = None,
    threads: int = 1,
) -> dict[str, float]:
    """Score a policy on one skill's task from the benchmark's reset; `policy_of` builds a fresh one."""
    index = library.index(skill)
    arena = Arena(library, episodes, seed, config or ArenaConfig(), threads=threads, skills=[index] * episodes)
    result = score(arena, policy_of(), index)
    arena.close()
    return result.summary()
