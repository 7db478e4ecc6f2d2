"""The main job: an instruction, a bundle and a simulated H1, under the C++ loop in real time.

Four threads: physics (Python, `plants.realtime`), servo (C++, no Python in it), planner (C++, where the bundle has a
world model) and semantic layer (Python). The caller's thread only looks on; it may stop the run at any time.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from .. import _core
from ..controller import Controller
from ..errors import UserError
from ..evaluate.observation import Observer, StateReader
from ..plants.h1 import build
from ..plants.realtime import MujocoPlant, PlantReport
from ..semantic import SemanticBackend, Skills, checked_instruction
from ..semantic.callers import Caller
from ..semantic.runner import SemanticRunner
from ..tasks.reach import sample_goal
from ..tasks.signals import SignalReader
from ..tasks.task import get_task
from .surroundings import Surroundings, heading
from .trace import Trace

SETTLE_S = 0.3  # after the loop has ended the plant runs on this long under the stop command
FIRST_PLAN_S = 15.0  # a backend that needs longer to start finds the robot standing


@dataclass(frozen=True)
class RunOptions:
    """What to run.

    Attributes:
        instruction: in plain words.
        task: scene, and the reward that is summed: stand, walk, run, reach or door.
        seconds: how long; 0 until `Session.stop`.
        rate_hz: servo rate; 0 takes the bundle's.
        seed: of reset noise, goal and planner.
        priority, cpu: of the servo thread; see `RealtimeLoop`.
        image: what the robot sees in place of its head camera, (height, width, 3) uint8; None: the camera.
        camera: render the head camera for the semantic layer.
        record: a flight record, MCAP; None: none.
    """

    instruction: str
    task: str = "walk"
    seconds: float = 20.0
    rate_hz: float = 0.0
    seed: int = 0
    priority: int = 80
    cpu: int = -1
    image: np.ndarray | None = field(default=None, repr=False)
    camera: bool = True
    record: Path | None = None


class Session:
    """One run. Make it, `run` it, then read `result`, `trace`, `histograms` and `states`.

    Args:
        bundle: what `load` gave.
        semantic: the backend that turns the instruction into a skill plan: a spec as of `make_backend`, or an object.
        options: see `RunOptions`.

    Raises:
        UserError: the task cannot observe what the bundle asks for.
        InstructionError: the instruction is no text, or too long.
        BackendError: there is no such backend.
    """

    def __init__(self, bundle: _core.Bundle, semantic: str | SemanticBackend | Caller, options: RunOptions):
        self.bundle, self.options = bundle, options
        checked_instruction(options.instruction)
        self._task = get_task(options.task)
        model = build(self._task.scene)
        rng = np.random.default_rng(options.seed)
        self._goal = sample_goal(rng) if self._task.has_goal else np.zeros(3)
        self._reader, self._signals = StateReader(model), SignalReader(model)
        self._observer = Observer(bundle.observation, self._reader.names)
        self._controller = Controller(bundle)
        self._planning = self._planner_thread()
        self._loop = _core.RealtimeLoop(
            self._controller,
            rate_hz=options.rate_hz,
            priority=options.priority,
            cpu=options.cpu,
        )
        self._plant = MujocoPlant(
            model,
            self._loop.observe,
            self._newest_command,
            observe=self._observe,
            reward=self._note,
            seed=options.seed,
        )
        self.trace = Trace(bundle.joints, bundle.skills)
        self._command: _core.Command | None = None
        self._rungs: dict[str, int] = {}
        self._around = Surroundings(
            self._plant,
            self._loop,
            self._goal if self._task.has_goal else None,
            camera=options.camera and options.image is None and semantic != "matcher",
        )
        self._semantic = SemanticRunner(
            semantic,
            Skills.of(list(bundle.descriptions.items()), bundle.safe_skill),
            self._controller.post,
            state=self._around.state,
            image=self._around.image,
        )
        self._recorder: _core.FlightRecorder | None = None
        self.interrupted = False
        self.result: dict[str, Any] = {}
        self.histograms: dict[str, np.ndarray] = {}

    def _planner_thread(self) -> _core.PlannerThread | None:
        settings = self.bundle.planner
        if settings is None:
            return None
        planner = _core.MppiPlanner(self.bundle, seed=self.options.seed)
        budget_ns = round(1e6 * settings["deadline_ms"])
        return _core.PlannerThread(self._controller, planner, budget_ns, priority=max(0, self.options.priority - 10))

    # --- the plant's thread ---

    def _newest_command(self) -> _core.Command | None:
        command = self._loop.command()
        if command is not None:
            self._command = command
        return self._command

    def _observe(self, data: mujoco.MjData) -> np.ndarray:
        return self._observer.fill(self._reader.read(data, self._goal))

    def _note(self, data: mujoco.MjData) -> float:
        """Once a decision: the reward, and a row of the trace."""
        status = self._loop.status()
        qpos = data.qpos
        signals = self._signals.read(qpos, data.qvel, data.sensordata)
        t = float(data.time)
        self.trace.add(
            t=t,
            base_pos=qpos[:3].copy(),
            heading=heading(qpos),
            target=self._command.q if self._command is not None else qpos[7:26].copy(),
            position=qpos[7:26].copy(),
            weights=status.mixture,
            goal_speed=self._goal_speed(status.stage),
            mode=int(status.mode),
        )
        rungs = status.rungs
        for name, count in rungs.items():
            if count and not self._rungs.get(name):
                self.trace.event(t, f"first {name.replace('_', ' ')}")
        self._rungs = rungs
        return float(self._task.terms(signals, self._goal)["reward"])

    def _goal_speed(self, stage: int) -> float:
        """m/s that the stage asks for; NaN if it leaves that to the skill."""
        plan = self._semantic.plan
        speed = None if plan is None or stage >= len(plan.stages) else plan.stages[stage].goal.speed
        return float("nan") if speed is None else float(speed)

    # --- the caller's thread ---

    @property
    def model(self) -> mujoco.MjModel:
        """The plant's model."""
        return self._plant.model

    @property
    def states(self) -> tuple[list[float], list[np.ndarray]]:
        """Times (s) and qpos (nq,) at the decision rate, within the time asked for."""
        count = self._counted_rows()
        return self._plant.recording.t[:count], self._plant.recording.qpos[:count]

    def ask(self, instruction: str) -> None:
        """A new instruction while it runs, in place of the one before. Any thread.

        Raises:
            InstructionError: not text, or too long; the one before stays.
        """
        self._semantic.ask(instruction, self.options.image)

    def answer(self, timeout_s: float = 10.0) -> str:
        """What became of the newest instruction, in one line, once it was answered. Any thread."""
        plan = self._semantic.wait(timeout_s)
        if plan is None:
            return "no plan yet"
        said = plan.message or " > ".join(plan.skills)
        return f"{'refused: ' if plan.refused else ''}{said} (confidence {plan.confidence:.2f})"

    def stop(self) -> None:
        """Ends the run early: the robot gets a damping command. Any thread, and signal handlers."""
        self.interrupted = True
        self._loop.stop()

    def run(self, watch: Callable[[float, np.ndarray], bool] = lambda t, qpos: True, period_s: float = 0.02) -> None:
        """Runs to the end, to `stop`, or until `watch` says False.

        Args:
            watch: called on this thread with the simulated time (s) and qpos; False ends the run.
            period_s: how often.

        Raises:
            UserError: the semantic backend fails before anything moves, or the plant fails.
            Error: the record cannot be written.
        """
        self._semantic.start()
        self._semantic.ask(self.options.instruction, self.options.image)
        first = self._semantic.wait(FIRST_PLAN_S)
        if first is None and (failures := self._semantic.report())["failures"]:
            self._semantic.stop()
            self._around.close()
            raise UserError(f"no plan from {failures['backend']}: {failures['last_failure']}")
        if self.options.record is not None:
            options = {"seed": self.options.seed, "note": self.options.instruction}
            self._recorder = _core.FlightRecorder(self._controller, file=self.options.record, **options)
        if self._planning is not None:
            self._planning.start()
        self._loop.start()
        self._plant.start()
        try:
            while self._loop.running and self._plant.running:
                t, qpos = self._plant.snapshot()
                if (self.options.seconds and t >= self.options.seconds) or not watch(t, qpos):
                    break
                time.sleep(period_s)
        finally:
            self._end()
        if self._plant.report.error:
            raise UserError(f"the simulated robot stopped: {self._plant.report.error}")

    def _end(self) -> None:
        self._loop.stop()
        self._loop.join()
        if self._planning is not None:
            self._planning.stop()
        before_stop = copy.copy(self._plant.report)
        time.sleep(SETTLE_S)
        self._plant.stop()
        self._semantic.stop()
        self._around.close()
        if self._recorder is not None:
            self._recorder.stop()
        self.result = self._summary(before_stop)

    def _summary(self, plant: PlantReport) -> dict[str, Any]:
        report = self._loop.report()
        statistics = self._controller.statistics()
        self.histograms = {"duration": report.duration.buckets_us(), "wakeup": report.wakeup.buckets_us()}
        count = self._counted_rows()
        rewards = self._plant.recording.reward[:count]
        return {
            "bundle": self.bundle.name,
            "bundle_version": self.bundle.version,
            "bundle_digest": self.bundle.digest,
            "instruction": self.options.instruction,
            "task": self.options.task,
            "seed": self.options.seed,
            "return": float(np.sum(rewards)),
            "fell": plant.fell,
            "interrupted": self.interrupted,
            "final_command": self._command.mode.name if self._command is not None else None,
            "sim_seconds": min(plant.sim_seconds, self.options.seconds or plant.sim_seconds),
            "distance_m": plant.distance,
            "speed_m_s": float(np.median(self.trace.forward_speed()[:count])) if count else 0.0,
            "tick": {
                "rate_hz": report.rate_hz,
                "count": report.ticks,
                "misses": report.misses,
                "duration_us": report.duration.summary_us(),
                "wakeup_us": report.wakeup.summary_us(),
                "fifo": report.fifo,
                "memory_locked": report.locked,
                "pinned": report.pinned,
                "minor_faults": report.minor_faults,
                "major_faults": report.major_faults,
            },
            "planner": self._planner_summary(statistics, report),
            "semantic": self._semantic_summary(),
            "record": self._recorder.report() if self._recorder is not None else None,
            "ladder": statistics["rungs"],
            "allocations_in_tick": report.allocations,
            "locks_in_tick": report.locks,
            "plant": {"steps": plant.steps, "late_steps": plant.late_steps, "slipped_s": plant.slipped_s},
            "warnings": list(report.warnings),
        }

    def _counted_rows(self) -> int:
        """Decisions within the time asked for; what the plant did under the stop command is not scored."""
        t = np.asarray(self._plant.recording.t)
        return len(t) if not self.options.seconds else int(np.searchsorted(t, self.options.seconds + 1e-6))

    def _semantic_summary(self) -> dict[str, Any]:
        plan = self._semantic.plan
        stages = plan.to_json()["stages"] if plan is not None else []
        report = self._semantic.report()
        report["refused_answers"] = report.pop("refused")
        refused = plan.refused if plan is not None else False
        return {"message": report.get("last_failure", ""), **report, "refused": refused, "stages": stages}

    def _planner_summary(self, statistics: dict[str, Any], report: _core.LoopReport) -> dict[str, Any]:
        age = statistics["plan_age"]
        plans, seconds = statistics["plans"], report.ticks / report.rate_hz
        return {
            "plans": plans,
            "rate_hz": plans / seconds if seconds else 0.0,
            "age_ms": {
                "p50": 1e-3 * age.quantile_us(0.5),
                "p99": 1e-3 * age.quantile_us(0.99),
                "max": 1e-3 * age.max_us,
            },
            "iterations_mean": statistics["iterations"] / plans if plans else 0.0,
            "duration_us": statistics["plan_duration"].summary_us(),
        }
