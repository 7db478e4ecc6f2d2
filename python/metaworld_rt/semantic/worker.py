"""The child process of a backend: questions on stdin, answers on stdout, until stdin ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

from .backend import BackendError, SemanticBackend, Skills, StateSummary
from .callers import NICE, Reply, Request, answered, frame


def read(stream: BinaryIO) -> bytes | None:
    """One message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("<I", head)
    data = stream.read(size)
    return data if len(data) == size else None


def request_from(header: dict[str, Any], pixels: bytes | None) -> Request:
    """What `InProcess.start` sent."""
    image = None if pixels is None else np.frombuffer(pixels, np.uint8).reshape(header["shape"])
    skills = Skills(tuple((name, description) for name, description in header["skills"]), header["safe"])
    state = {key: tuple(value) if isinstance(value, list) else value for key, value in header["state"].items()}
    return Request(header["id"], header["instruction"], image, skills, StateSummary(**state))


def serve(backend: SemanticBackend | str, source: BinaryIO, sink: BinaryIO) -> None:
    """Answers until the source ends. A string instead of a backend is why there is none."""
    while (data := read(source)) is not None:
        header = json.loads(data)
        request = request_from(header, read(source) if header["shape"] is not None else None)
        if isinstance(backend, str):
            reply = Reply(request.id, failure="unavailable", message=backend)
        else:
            reply = answered(backend, request)
        answer = {"id": reply.id, "failure": reply.failure, "message": reply.message}
        if reply.plan is not None:
            answer["plan"] = reply.plan.to_json()
        sink.write(frame(json.dumps(answer).encode()))
        sink.flush()


def _die_with_parent() -> None:
    """Linux: a child that is stopped would otherwise outlive its parent."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # not the loop's FIFO


def main() -> None:
    """Low priority; whatever a library prints goes to stderr, the pipe is for answers alone."""
    _die_with_parent()
    os.nice(max(0, NICE - os.nice(0)))
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    hello = read(sys.stdin.buffer)
    if hello is None:
        return
    from .registry import make_backend

    order = json.loads(hello)
    backend: SemanticBackend | str
    try:
        backend = make_backend(order["spec"], **order["options"])
    except BackendError as error:
        backend = str(error)
    serve(backend, sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
