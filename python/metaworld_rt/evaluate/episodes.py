"""Lockstep episodes: the C++ controller decides, the task answers, time is what they make of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .. import _core
from ..errors import UserError
from ..plants.suite import SUITE, Perturbation
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

    def sense(self, observation: np.ndarray) -> np.ndarray:
        """What arrives at the controller of the true observation."""
        ...

    def step(self, command: _core.Command) -> Outcome:
        """One decision."""
        ...

    def close(self) -> None:
        """Frees what it holds."""
        ...


@dataclass(frozen=True)
class Episode:
    """What one episode gave.

    Attributes:
        total: sum of rewards.
        length: decisions.
        action_rate: mean squared change of the joints' targets from one decision to the next, rad^2.
        jerk: mean squared third difference of the joints' positions at 50 Hz, (rad/s^3)^2.
    """

    total: float
    length: int
    action_rate: float
    jerk: float


def run_episode(task: LockstepTask, driver: Driver, observer: Observer, seed: int) -> Episode:
    """One episode; the same arguments give the same result, bit for bit."""
    controller = driver.begin()
    terms, total = task.reset(seed), 0.0
    period_ns = round(task.decision_s * 1e9)
    targets, joints = [], []
    for decision in range(task.length):
        command = controller.step(decision * period_ns, task.sense(observer.fill(terms)))
        outcome = task.step(command)
        terms, total = outcome.terms, total + outcome.reward
        targets.append(np.array(command.q))
        joints.append(np.array(terms["joint_pos"]))
        if outcome.terminated:
            break
    return Episode(total, len(targets), _mean_square(targets, 1), _mean_square(joints, 3) / task.decision_s**6)


def _mean_square(rows: Sequence[np.ndarray], order: int) -> float:
    """Of the differences of this order; 0 where there are too few rows."""
    return float(np.square(np.diff(rows, order, axis=0)).mean()) if len(rows) > order else 0.0


def evaluate(
    bundle: _core.Bundle,
    tasks: Sequence[str],
    controllers: Sequence[str] = ("full",),
    episodes: int = 10,
    seed: int = 0,
    suite: str = "builtin",
    robot: str = "h1",
    on_episode: Callable[[], None] = lambda: None,
    disturbances: Sequence[str] = ("calm",),
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
        disturbances: names of `plants.suite.SUITE`; only "calm" on the real benchmark.

    Returns:
        One row for each task, disturbance and controller: robot, task, disturbance, controller, episodes, return_mean,
        return_std, return_min, length_mean, action_rate and jerk (see `Episode`, means over the episodes), and every
        single return and length.

    Raises:
        UserError: an unknown task, controller, suite or disturbance, or one that this bundle cannot do; before any
            episode is run.
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
    troubles = _troubles(disturbances, suite)
    controllers = expand(list(controllers), bundle)
    drivers = {(task, name): Driver(name, bundle, task, seed) for task in tasks for name in controllers}
    rows = []
    for name in tasks:
        for trouble, perturbation in troubles.items():
            with _opened(name, suite, robot, perturbation) as task:
                observer = Observer(bundle.observation, task.observes)
                for controller in controllers:
                    runs = []
                    for k in range(episodes):
                        runs.append(run_episode(task, drivers[name, controller], observer, seed + k))
                        on_episode()
                    rows.append(_row({"robot": robot, "task": name, "disturbance": trouble}, controller, runs))
    return rows


def _troubles(names: Sequence[str], suite: str) -> dict[str, Perturbation]:
    for name in names:
        if name not in SUITE:
            raise UserError(f"no disturbance {name!r}: one of {', '.join(SUITE)}")
    if suite == "humanoid_bench" and set(names) != {"calm"}:
        raise UserError("the real benchmark is used as it is: disturbances need --suite builtin")
    return {name: SUITE[name] for name in names}


@contextlib.contextmanager
def _opened(name: str, suite: str, robot: str, perturbation: Perturbation) -> Iterator[LockstepTask]:
    task = BuiltinTask(name, perturbation) if suite == "builtin" else BenchmarkTask(name, robot)
    try:
        yield task
    finally:
        task.close()


def _row(what: dict[str, Any], controller: str, runs: Sequence[Episode]) -> dict[str, Any]:
    returns, lengths = np.array([run.total for run in runs]), np.array([run.length for run in runs])
    return {
        **what,
        "controller": controller,
        "episodes": len(runs),
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "return_min": float(returns.min()),
        "length_mean": float(lengths.mean()),
        "action_rate": float(np.mean([run.action_rate for run in runs])),
        "jerk": float(np.mean([run.jerk for run in runs])),
        "returns": returns.tolist(),
        "lengths": lengths.tolist(),
    }
