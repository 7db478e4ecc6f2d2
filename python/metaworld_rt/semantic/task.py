"""One instruction from the moment it is given: how far it has come, and what a new answer changes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .backend import StateSummary
from .plan import SkillPlan
from .progress import Progress

Verdict = Literal["post", "renew", "wait"]
_TIMED_OUT = 0.95  # share of a stage's timeout after which its end counts as a failure
_MOVED = 0.3  # m that a goal must move to be another scene


@dataclass
class Task:
    """An instruction in force. Used from the runner's thread alone.

    origin: yaw when it was given, rad. progress: None until a plan was posted. waiting: skills of an answer that
    differs and has been given once. command: id of the command in force. asked: time of the last question, s.
    """

    number: int
    instruction: str
    image: np.ndarray | None
    origin: float
    progress: Progress | None = None
    waiting: list[str] | None = None
    command: int = 0
    asked: float = -math.inf
    failed: str | None = None
    _scene: tuple | None = None
    _stage_since: float = field(default_factory=time.monotonic)

    def settle(self, state: StateSummary) -> None:
        """Notes the scene that a question is asked about."""
        self._scene = _scene(state)

    def events(self, state: StateSummary) -> list[str]:
        """What happened since: a failure, a change of scene, a stage that is done (in this order)."""
        if self.progress is None:
            return []
        found = []
        if state.command_id is None or state.command_id == self.command:
            stage = self.progress.plan.stages[min(self.progress.stage, len(self.progress.plan.stages) - 1)]
            completed = self.progress.advance(state.stage)
            if completed:
                lasted = time.monotonic() - self._stage_since
                late = len(completed) == 1 and 0.0 < stage.timeout_s * _TIMED_OUT <= lasted
                self.failed = completed[0] if late else None
                self._stage_since = time.monotonic()
                found.append("failure" if late else "stage")
        if state.failed is not None and state.failed != self.failed:
            self.failed = state.failed
            found.insert(0, "failure")
        if self._scene is not None and _scene(state) != self._scene:
            found.insert(int(found[:1] == ["failure"]), "scene")
        return found

    def judge(self, plan: SkillPlan, reason: str) -> tuple[Verdict, SkillPlan]:
        """What to do with a valid answer: post it, renew what is in force, or wait until it is said twice.

        Answers to a new instruction, a new scene or a failure are followed at once. Where nothing has changed an
        answer that differs must come twice running, so that a backend in two minds does not make the robot dither.
        A refusal of what was begun and has come some way is not followed: the robot would stop in the doorway
        because the door is no longer seen.
        """
        progress = self.progress
        if progress is None:
            return "post", plan
        if plan.refused and progress.done:
            self.waiting = None
            return "renew", progress.plan
        rest = plan if plan.refused else progress.remaining(plan)
        if rest is None or (progress.same(rest) and rest.refused == progress.plan.refused):
            self.waiting = None
            return "renew", progress.plan
        if reason in ("scene", "failure") or self.waiting == rest.skills:
            self.waiting = None
            return "post", rest
        self.waiting = rest.skills
        return "wait", rest

    def begin(self, plan: SkillPlan, command: int) -> None:
        """Notes that a plan was posted."""
        self.progress = Progress(plan, self.progress.done if self.progress else [])
        self.command, self._stage_since = command, time.monotonic()


def _scene(state: StateSummary) -> tuple:
    """What of the state makes a scene: the door's state, and roughly where the goal is."""
    door = None
    if state.door_present is not None:
        hinge = state.door_hinge or 0.0
        door = (state.door_present, 2 if hinge > 0.8 else 1 if hinge > 0.08 else 0)
    goal = None if state.goal_pos is None else tuple(round(value / _MOVED) for value in state.goal_pos)
    return door, goal
