"""Faults that need real threads and the wall clock: a FIFO hog on the servo's core, a planner that is stopped."""

from __future__ import annotations

import os
import time

from .. import _core
from ..plants.realtime import MujocoPlant
from .flight import Check, FlightResult, Walk, _command, _planner

WALK_IN_S, AFTER_S = 2.0, 2.0
PLANNER_PRIORITY, SERVO_PRIORITY, HOG_PRIORITY = 60, 70, 90


class _Run:
    """The robot under RealtimeLoop, walking."""

    def __init__(self, walk: Walk, cpu: int = -1):
        self.result = FlightResult()
        self.controller = _core.Controller(walk.bundle)
        self.controller.post_command(_command(walk))
        settings = walk.bundle.planner
        budget = round(1e6 * settings["deadline_ms"]) if settings else 0
        self.planning = _core.PlannerThread(self.controller, _planner(walk), budget, priority=PLANNER_PRIORITY)
        self.planning.start()
        self.loop = _core.RealtimeLoop(self.controller, priority=SERVO_PRIORITY, cpu=cpu)
        self._check = Check(walk.bundle, self.result)
        self._command = None
        self.plant = MujocoPlant(walk.model, self.loop.observe, self._newest, seed=None)
        self._walk = walk

    def _newest(self):
        command = self.loop.command()
        if command is not None:
            self._command = command
            # Several ticks lie between two reads, so the rate is not checked here; the lockstep flights do that.
            self._check._last = None
            self._check.take(command, time.monotonic())
        return self._command

    def __enter__(self) -> _Run:
        self.loop.start()
        self.plant.start()
        return self

    def __exit__(self, *exc: object) -> None:
        status = self.loop.status()
        x0 = self.plant.snapshot()[1][0]
        time.sleep(0.5)
        self.result.speed = (self.plant.snapshot()[1][0] - x0) / 0.5
        fell = self.plant.report.fell
        self.loop.stop()
        self.loop.join()
        self.plant.stop()
        self.planning.stop()
        rungs = self.controller.statistics()["rungs"]
        self.result.rungs = {name: count for name, count in rungs.items() if count}
        if rungs["controlled_stop"]:
            self.result.outcome = "stopped"
        elif fell:
            self.result.outcome = "fell"
        else:
            running = status.mode == _core.Mode.running and self.result.speed >= 0.75 * self._walk.speed
            self.result.outcome = "walked on" if running else "degraded"


def hogged(walk: Walk, repetition: int, seconds: float = 0.05) -> FlightResult:
    """A thread of higher FIFO priority takes the servo's core away.

    Raises:
        RuntimeError: this user may not ask for SCHED_FIFO, so there is no such hog.
    """
    cpu = max(os.sched_getaffinity(0))
    with _Run(walk, cpu) as run:
        time.sleep(WALK_IN_S + walk.gait_s * repetition / 20)
        if not _core.hog(cpu, HOG_PRIORITY, seconds):
            raise RuntimeError("SCHED_FIFO was refused: the hog would be an ordinary thread, and prove nothing")
        time.sleep(AFTER_S)
    return run.result


def planner_stopped(walk: Walk, repetition: int) -> FlightResult:
    """The planner's thread ends while the robot walks."""
    with _Run(walk) as run:
        time.sleep(WALK_IN_S + walk.gait_s * repetition / 20)
        run.planning.stop()
        time.sleep(AFTER_S)
    return run.result
