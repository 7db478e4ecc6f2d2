"""A plan of stages that many robots follow, each at its own pace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.semantic import SkillPlan, Skills, make_backend
from metaworld_rt.semantic.plan import Until
from metaworld_rt.tasks.task import Task
from metaworld_rt.train.world_model.library import ExpertLibrary

#: What a condition measures, [B], of the physics' qpos [B, nq]; the door's joints are the last two.
_MEASURES: dict[Until, Callable[[np.ndarray], np.ndarray]] = {
    Until.passed_x: lambda qpos: qpos[:, 0],
    Until.door_hinge: lambda qpos: qpos[:, -2],
    Until.door_latch: lambda qpos: qpos[:, -1],
}


class Script:
    """Follows a plan as the C++ controller does (cpp/src/control/semantic_policy.cpp): one stage on when done.

    Args:
        plan: its stages may end by time, base x, hinge or latch; goals in it are not followed.
        names: of all skills, the order of the weights.
        count: robots.

    Attributes:
        stage: of each robot, `[B]`.

    Raises:
        ValueError: a condition that only the controller knows.
    """

    def __init__(self, plan: SkillPlan, names: Sequence[str], count: int):
        known = {Until.never, Until.elapsed, *_MEASURES}
        for stage in plan.stages:
            if stage.until not in known:
                raise ValueError(f"a script cannot end a stage by {stage.until.name}")
        self._stages = plan.stages
        self._weights = np.array([stage.vector(names) for stage in plan.stages])
        self.stage = np.zeros(count, np.int64)
        self._age = np.zeros(count, np.int64)

    @property
    def command(self) -> np.ndarray:
        """The commanded weights, `[B, K]`."""
        return self._weights[self.stage]

    def reset(self, rows: np.ndarray) -> None:
        """Begin anew for some robots."""
        self.stage[rows] = self._age[rows] = 0

    def advance(self, qpos: np.ndarray) -> None:
        """One decision: robots whose stage is done go on to the next; the last stage stays."""
        done = self._done(qpos)
        self._age += 1
        self.stage[done] += 1
        self._age[done] = 0

    def skip(self, rows: np.ndarray, qpos: np.ndarray) -> None:
        """At the reset of some robots: past the first stage where it is done before it began."""
        done = rows[self._done(qpos)[rows]]
        self.stage[done] += 1

    def _done(self, qpos: np.ndarray) -> np.ndarray:
        seconds, done = self._age * DECISION_DT, np.zeros(len(self.stage), bool)
        for i, stage in enumerate(self._stages[:-1]):
            over = (seconds >= stage.timeout_s) & (stage.timeout_s > 0)
            if stage.until is Until.elapsed:
                over |= seconds >= stage.threshold
            elif stage.until in _MEASURES:
                over |= _MEASURES[stage.until](qpos) >= stage.threshold
            done |= over & (self.stage == i)
        return done


def plan_of(task: Task, library: ExpertLibrary) -> SkillPlan:
    """What the matcher makes of the task's instruction with these skills; `eval` commands the same."""
    skills = Skills.of(list(zip(library.names, library.descriptions, strict=True)), library.names[0])
    return make_backend("matcher").plan(task.instruction, None, skills)
