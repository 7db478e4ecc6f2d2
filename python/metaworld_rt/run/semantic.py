"""The semantic layer beside a run: its own thread, whose every failure is counted and harmless to the loop."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np

from .. import _core
from ..controller import Controller, skill_command
from ..semantic import SemanticBackend, SkillPlan, Skills, StateSummary, checked, checked_instruction

PERIOD_S = 1.0
FIRST_PLAN_S = 2.0


class SemanticLink:
    """Asks a backend for the plan of one instruction at a low rate and posts what it answers.

    A plan equal to the one before renews it; a failure posts nothing, so that the controller's age policy takes over.
    """

    def __init__(self, backend: SemanticBackend, controller: Controller, instruction: str, image: np.ndarray | None):
        self._backend, self._controller = backend, controller
        self._instruction, self._image = checked_instruction(instruction), image
        bundle = controller.bundle
        self._skills = Skills.of(list(bundle.descriptions.items()), bundle.safe_skill)
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="semantic", daemon=True)
        self._answered = threading.Event()
        self._plan: SkillPlan | None = None
        self._id = 0
        self._latencies_ms: list[float] = []
        self._calls = self._failures = 0
        self._last_error = ""

    def first_plan(self) -> None:
        """Starts the thread and gives it a moment, so that a quick backend's plan is there at the first tick."""
        self._thread.start()
        self._answered.wait(FIRST_PLAN_S)

    def start(self, loop: _core.RealtimeLoop) -> None:
        """Tells it that the loop runs."""

    def stop(self) -> None:
        """Ends the thread; one that hangs in its backend is left behind, it is a daemon."""
        self._ending.set()
        self._wake.set()
        self._thread.join(0.5)

    def goal_speed(self, stage: int) -> float:
        """m/s that the plan's stage asks for; NaN if it leaves that to the skill."""
        plan = self._plan
        if plan is None or stage >= len(plan.stages) or plan.stages[stage].goal.speed is None:
            return float("nan")
        return float(plan.stages[stage].goal.speed)

    def summary(self) -> dict[str, Any]:
        """The `semantic` object of the run's JSON."""
        plan, latencies = self._plan, self._latencies_ms or [0.0]
        return {
            "backend": self._backend.name,
            "calls": self._calls,
            "failures": self._failures,
            "latency_ms": {"p50": float(np.median(latencies)), "max": max(latencies)},
            "weights": dict(plan.stages[0].weights) if plan else {},
            "stages": plan.to_json()["stages"] if plan else [],
            "confidence": plan.confidence if plan else 0.0,
            "refused": plan.refused if plan else False,
            "message": plan.message if plan else self._last_error,
        }

    def _work(self) -> None:
        while not self._ending.is_set():
            self._ask()
            self._answered.set()
            self._wake.wait(PERIOD_S)

    def _ask(self) -> None:
        began = time.perf_counter()
        self._calls += 1
        try:
            plan = self._backend.plan(self._instruction, self._image, self._skills, StateSummary())
            plan = checked(plan, self._skills.names)
        except Exception as error:  # noqa: BLE001 - whatever a backend does, the loop goes on; it is counted and shown
            self._failures += 1
            self._last_error = f"{type(error).__name__}: {error}"[:300]
            return
        finally:
            self._latencies_ms.append(1e3 * (time.perf_counter() - began))
        if self._plan is None or plan.stages != self._plan.stages:
            self._id += 1
        self._plan = plan
        self._controller.post_command(skill_command(self._controller.bundle, plan, id=self._id))
