"""Lockstep episodes: the C++ controller decides, the task answers, time is what they make of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .. import _core
from ..errors import UserError
from ..tasks.task import TASKS
from .benchmark import BenchmarkTask, check_available
from .builtin import BuiltinTask, Outcome
from .controllers import Driver, expand
from .observation import Observer

SUITES = ("builtin", "humanoid_bench")


class LockstepTask(Protocol):
    """What an episode is run on."""

    length: int
    decision_s: float

    @property
    def observes(self) -> Sequence[str]:
        """Names of the observation terms."""
        ...

    def reset(self, seed: int) -> dict[str, Any]:
        """A new episode; its first terms."""
        ...

    def step(self, command: _core.Command) -> Outcome:
        """One decision."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...


def run_episode(task: LockstepTask, driver: Driver, observer: Observer, seed: int) -> tuple[float, int]:
    """One episode; the same arguments give the same result, bit for bit.

    Returns:
        The sum of rewards, and the number of decisions.
    """
    controller = driver.begin()
    terms, total = task.reset(seed), 0.0
    period_ns = round(task.decision_s * 1e9)
    for decision in range(task.length):
        outcome = task.step(controller.step(decision * period_ns, observer.fill(terms)))
        terms, total = outcome.terms, total + outcome.reward
        if outcome.terminated:
            return total, decision + 1
    return total, task.length


def evaluate(
    bundle: _core.Bundle,
    tasks: Sequence[str],
    controllers: Sequence[str] = ("full",),
    episodes: int = 10,
    seed: int = 0,
    suite: str = "builtin",
    robot: str = "h1",
    on_episode: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Returns of controllers on tasks. Episode k starts from seed + k for every controller.

    Args:
        bundle: what `load` gave.
        tasks: names of tasks.
        controllers: see `controllers.DESCRIPTIONS`; `expert:*` is every expert.
        episodes: how many for each pair.
        seed: of the first episode.
        suite: "builtin", or "humanoid_bench" where that is installed.
        robot: "h1".
        on_episode: called after each episode.

    Returns:
        One row for each pair: robot, task, controller, episodes, return_mean, return_std, return_min, length_mean,
        and every single return and length.

    Raises:
        UserError: an unknown task, controller or suite, or one that this bundle cannot do; before any episode is run.
    """
    if suite not in SUITES:
        raise UserError(f"no suite {suite!r}: one of {', '.join(SUITES)}")
    if suite == "humanoid_bench":
        check_available()
    if robot != bundle.robot:
        raise UserError(f"{bundle.name} drives {bundle.robot}, not {robot}")
    unknown = [name for name in tasks if name not in TASKS]
    if unknown:
        raise UserError(f"no task {unknown[0]!r}: one of {', '.join(TASKS)}")
    controllers = expand(list(controllers), bundle)
    drivers = {(task, name): Driver(name, bundle, task, seed) for task in tasks for name in controllers}
    rows = []
    for name in tasks:
        with _opened(name, suite, robot) as task:
            observer = Observer(bundle.observation, task.observes)
            for controller in controllers:
                runs = []
                for k in range(episodes):
                    runs.append(run_episode(task, drivers[name, controller], observer, seed + k))
                    on_episode()
                rows.append(_row(robot, name, controller, runs))
    return rows


@contextlib.contextmanager
def _opened(name: str, suite: str, robot: str) -> Iterator[LockstepTask]:
    task = BuiltinTask(name) if suite == "builtin" else BenchmarkTask(name, robot)
    try:
        yield task
    finally:
        task.close()


def _row(robot: str, task: str, controller: str, runs: Sequence[tuple[float, int]]) -> dict[str, Any]:
    returns, lengths = np.array([r for r, _ in runs]), np.array([n for _, n in runs])
    return {
        "robot": robot,
        "task": task,
        "controller": controller,
        "episodes": len(runs),
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "return_min": float(returns.min()),
        "length_mean": float(lengths.mean()),
        "returns": returns.tolist(),
        "lengths": lengths.tolist(),
    }
