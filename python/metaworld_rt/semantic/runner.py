"""The asynchronous runner: asks a backend beside the loop, and posts what passed every check.

One thread of its own at a low rate; the control loop waits for nothing here, and nothing but a checked `SkillPlan`
leaves it. The newest instruction wins. In closed loop it asks again when a stage is done, when the scene changes,
when a stage fails, and at its low rate; an answer that says the same only renews the age of the command.

When no valid answer comes, nothing is posted: the command in force grows old, and the controller's ladder fades it
out to the gate and then to the safe skill. That is the one fallback; there is none here.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .backend import SemanticBackend, Skills, StateSummary, checked_image, checked_instruction
from .callers import Caller, Reply, Request, make_caller
from .plan import Limits, PlanError, SkillPlan, checked
from .statistics import Statistics
from .task import Task

_NUMBERS = itertools.count(1)


class Post(Protocol):
    """Hands a plan to the controller; `Controller.post` is one. Must not block."""

    def __call__(self, plan: SkillPlan, *, t_ns: int, ttl_ns: int, id: int) -> None:
        """`t_ns`: how old it is, on the loop's clock. The same id renews a command."""
        ...


@dataclass(frozen=True)
class RunnerConfig:
    """How often, how long, how patient.

    period_s: between two calls when nothing happens. timeout_s: of a call; start_timeout_s: of the first after the
    backend was started. ttl_s: how long a plan may be followed without being renewed; None: timeout + 3 periods.
    retries: after a failure, with back-off from backoff_s, doubled up to period_s; then on at the low rate.
    watch_s: how often state and answers are looked at. settle_s: least time between two calls for an event.
    """

    period_s: float = 1.0
    timeout_s: float = 2.0
    start_timeout_s: float = 60.0
    ttl_s: float | None = None
    retries: int = 3
    backoff_s: float = 0.1
    watch_s: float = 0.05
    settle_s: float = 0.3

    @classmethod
    def suited(cls, spec: str) -> RunnerConfig:
        """For a backend by its spec: large models are asked less often and waited for longer."""
        kind = spec.partition(":")[0]
        if kind == "openai":
            return cls(period_s=2.0, timeout_s=35.0)
        if kind == "transformers":
            return cls(period_s=5.0, timeout_s=60.0, start_timeout_s=600.0)
        return cls()

    @property
    def ttl_ns(self) -> int:
        """The TTL of a command, ns."""
        return int(1e9 * (self.timeout_s + 3.0 * self.period_s if self.ttl_s is None else self.ttl_s))


class SemanticRunner:
    """Runs a backend beside the loop. A context manager; `ask` from any thread.

    Args:
        backend: a spec as of `make_backend`, a backend object, or a `Caller`.
        skills: of the bundle.
        post: where plans go.
        state: what is measured now; called on the runner's thread.
        image: what is seen now, [height, width, 3] uint8 or None; called on the runner's thread.
        clock: the loop's clock, ns.
        config: None: the backend's own `config` if it has one, else what suits its kind.
        limits: what goals are clipped to.
        options: of the backend, if it is a spec.

    Raises:
        BackendError: there is no such backend. (What shows only when it is loaded is a failure in the report.)
    """

    def __init__(
        self,
        backend: str | SemanticBackend | Caller,
        skills: Skills | Sequence[tuple[str, str]],
        post: Post,
        *,
        state: Callable[[], StateSummary] = StateSummary,
        image: Callable[[], np.ndarray | None] = lambda: None,
        clock: Callable[[], int] = time.monotonic_ns,
        config: RunnerConfig | None = None,
        limits: Limits | None = None,
        options: dict[str, Any] | None = None,
    ):
        suited = RunnerConfig.suited(backend if isinstance(backend, str) else "")
        self._config = config or getattr(backend, "config", None) or suited
        self._caller: Caller = backend if hasattr(backend, "poll") else make_caller(backend, options)
        self._skills = Skills.of(skills)
        self._post, self._state, self._image, self._clock, self._limits = post, state, image, clock, limits
        self._wake = threading.Condition()
        self._asked: Task | None = None
        self._newest = self._answered = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._statistics = Statistics()
        self._latest: SkillPlan | None = None

    # --- from any thread

    def start(self) -> SemanticRunner:
        """Starts the thread, which loads the backend; asks nothing yet."""
        self._thread = threading.Thread(target=self._run, name="semantic", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops asking, and ends the backend's process. What was posted stays in force until it is too old."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def __enter__(self) -> SemanticRunner:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, instruction: str, image: np.ndarray | None = None) -> None:
        """A new instruction, in place of the one before. `image` is looked at instead of the camera's, for this one.

        Raises:
            InstructionError: not text, or too long; the instruction before stays.
            ValueError: not an image.
        """
        text, pixels = checked_instruction(instruction), checked_image(image)
        with self._wake:
            self._newest += 1
            self._asked = Task(self._newest, text, pixels, math.nan)
            self._wake.notify_all()

    def wait(self, timeout_s: float = 10.0) -> SkillPlan | None:
        """Waits until the newest instruction was answered, well or badly; the plan that was posted last."""
        with self._wake:
            number = self._newest
            self._wake.wait_for(lambda: self._answered >= number or self._stopping, timeout_s)
        return self.plan

    @property
    def plan(self) -> SkillPlan | None:
        """The plan that was posted last."""
        with self._lock:
            return self._latest

    def report(self) -> dict[str, Any]:
        """`semantic` of the run report: backend, calls, failures, latency_ms, weights, and more."""
        with self._lock:
            plan, counts = self._latest, self._statistics.to_json()
        said = {"confidence": plan.confidence, "message": plan.message} if plan else {}
        weights = dict(plan.stages[0].weights) if plan else {}
        return {"backend": self._caller.name, **counts, "restarts": self._caller.restarts, "weights": weights, **said}

    # --- the runner's thread

    def _run(self) -> None:
        task: Task | None = None
        due, tries = math.inf, 0
        try:
            self._prepare()
            while True:
                new = self._next(due)
                if self._stopping:
                    return
                if new is not None:
                    task, due, tries = new, 0.0, 0
                    task.origin = self._look().heading
                reason = self._reason(task, time.monotonic() >= due) if task is not None else None
                if task is None or reason is None:
                    continue
                tries = 0 if self._call(task, reason) else tries + 1
                due = time.monotonic() + self._pause(tries)
                with self._wake:
                    self._answered = task.number
                    self._wake.notify_all()
        finally:
            self._caller.close()

    def _prepare(self) -> None:
        try:
            self._caller.prepare()
        except OSError as error:
            self._note("unavailable", str(error))

    def _next(self, due: float) -> Task | None:
        """The newest instruction, if there is a new one; waits a little for it."""
        with self._wake:
            pause = min(self._config.watch_s, max(0.0, due - time.monotonic()))
            self._wake.wait_for(lambda: self._stopping or self._asked is not None, pause)
            new, self._asked = self._asked, None
            return new

    def _pause(self, tries: int) -> float:
        config = self._config
        if tries == 0 or tries > config.retries:
            return config.period_s
        return min(config.backoff_s * 2 ** (tries - 1), config.period_s)

    def _reason(self, task: Task, due: bool) -> str | None:
        """Why to ask now: instruction, failure, scene, stage, rate; None: no reason."""
        if task.progress is None:
            return "instruction" if due else None
        if time.monotonic() - task.asked >= self._config.settle_s and (events := task.events(self._look())):
            return events[0]
        return "rate" if due else None

    def _call(self, task: Task, reason: str) -> bool:
        """One question, and what its answer changes; whether there was nothing wrong with it."""
        state = replace(self._look(), origin=task.origin, failed=task.failed)
        request = Request(next(_NUMBERS), task.instruction, self._picture(task), self._skills, state)
        t_ns, task.asked = self._clock(), time.monotonic()
        task.settle(state)
        with self._lock:
            self._statistics.calls += 1
            self._statistics.reasons[reason] += 1
        reply = self._answer(request)
        if reply is None:
            with self._lock:
                self._statistics.superseded += 1
            return True
        with self._lock:
            self._statistics.answered(time.monotonic() - task.asked, time.monotonic())
        if reply.plan is None:
            self._note(reply.failure, reply.message)
            return False
        try:
            plan = checked(reply.plan, self._skills.names, self._limits)
        except PlanError as error:
            self._note(error.kind, str(error))
            return False
        # An instruction does not age, and the robot has waited for it; anything later is as old as what was seen.
        return self._follow(task, reason, plan, self._clock() if reason == "instruction" else t_ns)

    def _answer(self, request: Request) -> Reply | None:
        """The answer, a timeout as a failure, or None where a newer instruction has come: the answer is dropped."""
        config, start, lost = self._config, time.monotonic(), self._caller.lost
        try:
            self._caller.start(request)
            if self._caller.lost > lost:
                self._note("died", "the backend's process ended between two calls")
            while (reply := self._caller.poll(config.watch_s)) is None:
                with self._wake:
                    if self._stopping or self._asked is not None:
                        return None
                allowed = config.start_timeout_s if self._caller.cold else config.timeout_s
                if time.monotonic() - start >= allowed:
                    self._caller.abort()
                    return Reply(request.id, failure="timeout", message=f"no answer within {allowed:g} s")
        except OSError as error:  # no child can be made: no memory, no processes left
            return Reply(request.id, failure="unavailable", message=str(error))
        with self._wake:
            return None if self._asked is not None else reply

    def _follow(self, task: Task, reason: str, plan: SkillPlan, t_ns: int) -> bool:
        verdict, plan = task.judge(plan, reason)
        with self._lock:
            self._statistics.refused += plan.refused
            self._statistics.unconfirmed += verdict == "wait"
        if verdict == "wait":
            return True
        command = next(_NUMBERS) if verdict == "post" else task.command
        try:
            self._post(plan, t_ns=t_ns, ttl_ns=self._config.ttl_ns, id=command)
        except Exception as error:  # noqa: BLE001 - the host's callback; counted, and tried again
            self._note("post", f"{type(error).__name__}: {error}")
            return False
        if verdict == "post":
            task.begin(plan, command)
        with self._lock:
            self._statistics.posted += verdict == "post"
            self._statistics.renewed += verdict == "renew"
            self._latest = plan
        return True

    def _look(self) -> StateSummary:
        try:
            return self._state()
        except Exception as error:  # noqa: BLE001 - the host's callback; the runner goes on without a state
            self._note("state", f"{type(error).__name__}: {error}")
            return StateSummary()

    def _picture(self, task: Task) -> np.ndarray | None:
        """What the camera sees; what came with the instruction where that is new, or where there is no camera."""
        if task.image is not None and task.progress is None:
            return task.image
        try:
            image = checked_image(self._image())
            return task.image if image is None else image
        except Exception as error:  # noqa: BLE001 - the host's callback; the runner goes on without an image
            self._note("camera", f"{type(error).__name__}: {error}")
            return None

    def _note(self, kind: str, message: str) -> None:
        with self._lock:
            self._statistics.failed(kind, message)
