"""Calling a backend that may raise, hang, die or lie, without ever waiting for it.

`InThread` is for what is quick and cannot crash (the matcher). `InProcess` is for all else: a child process that can
be killed when it hangs, whose crash is no crash of the loop's process, that runs at low priority, and whose memory is
not locked with the loop's (mlockall). docs/semantic.md has the measurements behind that choice.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from .backend import SemanticBackend, Skills, StateSummary
from .plan import PlanError, SkillPlan, checked

NICE = 10  # priority of the child, below the loop's process
MAX_FRAME = 2**18  # bytes of one answer of a child


@dataclass(frozen=True)
class Request:
    """One question; `id` tells its answer from that of an older one."""

    id: int
    instruction: str
    image: np.ndarray | None
    skills: Skills
    state: StateSummary


@dataclass(frozen=True)
class Reply:
    """A valid plan, or the kind of failure (a word for the counters) and one line about it."""

    id: int
    plan: SkillPlan | None = None
    failure: str = ""
    message: str = ""


class Caller(Protocol):
    """Asks one question at a time. All methods return at once, `poll` within its timeout. Used from one thread."""

    name: str
    restarts: int
    lost: int  # children that ended between two questions
    cold: bool  # whether the backend is still loading: it has answered nothing since it was started

    def prepare(self) -> None:
        """Starts loading the backend."""
        ...

    def start(self, request: Request) -> None:
        """Asks; an answer to an earlier request that is still to come is dropped."""
        ...

    def poll(self, timeout_s: float) -> Reply | None:
        """The answer to the last request if it comes within the time."""
        ...

    def abort(self) -> None:
        """Gives up on the last request, whatever that takes."""
        ...

    def close(self) -> None:
        """Gives up for good."""
        ...


class InThread:
    """Calls a backend object on a thread of its own. A call that hangs keeps its thread; at most four may."""

    _MAX_STUCK = 4
    cold = False
    lost = 0

    def __init__(self, backend: SemanticBackend):
        self._backend = backend
        self.name = str(getattr(backend, "name", type(backend).__name__))
        self.restarts = 0
        self._stuck: list[threading.Thread] = []
        self._asked: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._id = -1

    def prepare(self) -> None:
        """See `Caller`: the object is there already."""

    def start(self, request: Request) -> None:
        """See `Caller`."""
        self._id = request.id
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if self._thread is None:
            if len(self._stuck) >= self._MAX_STUCK:
                self._replies.put(Reply(request.id, failure="saturated", message="too many calls hang"))
                return
            self._asked = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=self._serve, args=(self._asked,), name="semantic-backend", daemon=True
            )
            self._thread.start()
        self._asked.put(request)

    def _serve(self, asked: queue.SimpleQueue[Request | None]) -> None:
        while (request := asked.get()) is not None:
            self._replies.put(answered(self._backend, request))

    def poll(self, timeout_s: float) -> Reply | None:
        """See `Caller`."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                reply = self._replies.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return None
            if reply.id == self._id:
                return reply

    def abort(self) -> None:
        """See `Caller`."""
        if self._thread is not None:
            self._asked.put(None)
            self._stuck.append(self._thread)
            self._thread = None
            self.restarts += 1

    def close(self) -> None:
        """See `Caller`."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread = None


def answered(backend: SemanticBackend, request: Request) -> Reply:
    """One call of a backend, whatever it does."""
    try:
        plan = backend.plan(request.instruction, request.image, request.skills, request.state)
        return Reply(request.id, checked(plan, request.skills.names))
    except PlanError as error:
        return Reply(request.id, failure=error.kind, message=str(error)[:300])
    except Exception as error:  # noqa: BLE001 - a backend may raise anything; all of it is counted and reported
        return Reply(request.id, failure="exception", message=f"{type(error).__name__}: {error}"[:300])


class InProcess:
    """Calls a backend in a child process over two pipes; kills and restarts it where that is needed.

    Args:
        spec: as of `make_backend`.
        options: of the backend, JSON values.
        command: the child, if it is another than `python -m metaworld_rt.semantic.worker`.
    """

    def __init__(self, spec: str, options: dict[str, Any] | None = None, command: Sequence[str] | None = None):
        self.name = spec.partition(":")[0]
        self.restarts = 0
        self.lost = 0
        self._hello = json.dumps({"spec": spec, "options": options or {}}).encode()
        self.cold = True
        self._command = list(command or (sys.executable, "-m", f"{__package__}.worker"))
        if nice := shutil.which("nice"):  # from its first instruction on, imports included
            self._command = [nice, "-n", str(NICE), *self._command]
        self._child: subprocess.Popen[bytes] | None = None
        self._out = bytearray()
        self._in = bytearray()
        self._request: Request | None = None
        self._started = 0

    def prepare(self) -> None:
        """See `Caller`."""
        ended = self._child is not None and self._child.poll() is not None
        self.lost += ended
        if ended or self._child is None:
            self._spawn()

    @property
    def pid(self) -> int | None:
        """Of the child; None where there is none."""
        return self._child.pid if self._child is not None else None

    def start(self, request: Request) -> None:
        """See `Caller`."""
        self._request = request
        self.prepare()
        header = {
            "id": request.id,
            "instruction": request.instruction,
            "skills": request.skills.entries,
            "safe": request.skills.safe,
            "state": asdict(request.state),
            "shape": None if request.image is None else request.image.shape,
        }
        self._out += frame(json.dumps(header).encode())
        if request.image is not None:
            self._out += frame(request.image.tobytes())

    def _spawn(self) -> None:
        self._reap()
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the parent, which then closes the child
        )
        for pipe in (self._child.stdin, self._child.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._out, self._in = bytearray(frame(self._hello)), bytearray()
        self.cold = True
        self._started += 1
        self.restarts = self._started - 1

    def poll(self, timeout_s: float) -> Reply | None:
        """See `Caller`."""
        end = time.monotonic() + timeout_s
        while True:
            reply = self._exchange(max(0.0, end - time.monotonic()))
            if reply is not None and self._request is not None and reply.id == self._request.id:
                self._request = None
                return reply
            if reply is None and time.monotonic() >= end:
                return None

    def _exchange(self, timeout_s: float) -> Reply | None:
        """Writes what is to be written, reads what is there; one answer if one is whole."""
        request, child = self._request, self._child
        if request is None or child is None:
            return None
        try:
            ready = dict(self._ready(child, timeout_s))
            if ready.get(child.stdin.fileno()):
                del self._out[: os.write(child.stdin.fileno(), memoryview(self._out)[:65536])]
            if ready.get(child.stdout.fileno()):
                data = os.read(child.stdout.fileno(), 65536)
                if not data:
                    return self._died(request.id)
                self._in += data
        except BlockingIOError:
            return None
        except OSError:
            return self._died(request.id)
        if len(self._in) < 4:
            return None
        (size,) = struct.unpack_from("<I", self._in)
        if size > MAX_FRAME:
            self._kill()
            return Reply(request.id, failure="garbage", message=f"the backend answers with {size} bytes")
        if len(self._in) < 4 + size:
            return None
        data = bytes(self._in[4 : 4 + size])
        del self._in[: 4 + size]
        return self._decoded(data, request)

    def _ready(self, child: subprocess.Popen[bytes], timeout_s: float) -> list[tuple[int, int]]:
        poller = select.poll()
        poller.register(child.stdout, select.POLLIN)
        if self._out:
            poller.register(child.stdin, select.POLLOUT)
        return poller.poll(1000.0 * timeout_s)

    def _decoded(self, data: bytes, request: Request) -> Reply:
        number = request.id
        try:
            answer = json.loads(data)
            number = int(answer["id"])
            self.cold = False
            if answer.get("failure"):
                return Reply(number, failure=str(answer["failure"])[:40], message=str(answer.get("message", ""))[:300])
            return Reply(number, SkillPlan.from_json(answer["plan"], request.skills.names))
        except PlanError as error:
            return Reply(number, failure=error.kind, message=str(error)[:300])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._kill()
            return Reply(request.id, failure="garbage", message="the backend's process does not keep to the protocol")

    def _died(self, number: int) -> Reply:
        code = self._kill()
        return Reply(number, failure="died", message=f"the backend's process ended ({code})")

    def _kill(self) -> int | None:
        """Ends the child now, stopped or not."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
        return self._reap()

    def _reap(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            return child.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            return None

    def abort(self) -> None:
        """See `Caller`."""
        self._request = None
        self._kill()

    def close(self) -> None:
        """See `Caller`."""
        self.abort()


def frame(data: bytes) -> bytes:
    """A message on the pipe: its size as u32, little-endian, then its bytes."""
    return struct.pack("<I", len(data)) + data


def make_caller(backend: str | SemanticBackend, options: dict[str, Any] | None = None) -> Caller:
    """How to call a backend: an object or the matcher in a thread, any other spec of `make_backend` in a process."""
    from .registry import make_backend

    if not isinstance(backend, str):
        return InThread(backend)
    if backend.partition(":")[0] == "matcher":
        return InThread(make_backend(backend, **(options or {})))
    return InProcess(backend, options)
