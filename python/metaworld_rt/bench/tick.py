"""How long one tick of the controller takes, over observations of the robot doing what it is told."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core, bundles
from ..controller import load
from ..errors import UserError
from ..evaluate.builtin import BuiltinTask
from ..evaluate.controllers import Driver, doable
from ..evaluate.observation import Observer
from . import counting

WARM_UP = 2000
COUNTED_TICKS = 20_000


def bench_tick(bundle: str = bundles.DEFAULT, seconds: float = 10.0) -> dict[str, Any]:
    """Times `Controller.step` on this thread, and beside it the same networks in ONNX Runtime.

    Args:
        bundle: a path or the name of a shipped bundle.
        seconds: for each row.

    Returns:
        `rows` as in the contract, and `skill`. Row `native` is every tick, `native decision` those in which the
        networks ran, `onnxruntime networks` only the networks of a decision, with one thread.
    """
    loaded = load(bundle)
    task = _task(loaded)
    rows = _recorded(loaded, task)
    controller = Driver("experts", loaded, task).begin()
    observations = np.repeat(rows, max(1, round(loaded.tick_hz / loaded.decision_hz)), axis=0)
    controller.measure(observations, WARM_UP)
    measured = controller.measure(observations, 1 << 62, seconds)
    mallocs, locks = _counted(bundle)
    found = [
        _row("native", loaded, measured["duration"], mallocs, locks),
        _row("native decision", loaded, measured["decisions"], mallocs, locks),
        _onnxruntime(loaded, bundles.find(bundle), task, seconds),
    ]
    return {"rows": found, "task": task, "counted_ticks": COUNTED_TICKS if mallocs is not None else 0}


def _counted(bundle: str) -> tuple[int | None, int | None]:
    """Allocations and locks in COUNTED_TICKS ticks, in a process of its own, so that it costs the timing nothing."""
    if counting.library() is None:
        return None, None
    program = "import sys; from metaworld_rt.bench.tick import print_counts; print_counts(sys.argv[1])"
    command = [sys.executable, "-c", program, bundle]
    done = subprocess.run(command, env=counting.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"counting calls failed: {done.stderr.strip().splitlines()[-1:]}")
    mallocs, locks = done.stdout.split()[-2:]
    return int(mallocs), int(locks)


def print_counts(bundle: str) -> None:
    """Prints allocations and locks in COUNTED_TICKS ticks, after a warm-up; for a process with the counting library."""
    loaded = load(bundle)
    task = _task(loaded)
    observations = np.repeat(_recorded(loaded, task, 50), 20, axis=0)
    controller = Driver("experts", loaded, task).begin()
    before = controller.measure(observations, WARM_UP)
    after = controller.measure(observations, COUNTED_TICKS)
    print(after["mallocs"] - before["mallocs"], after["locks"] - before["locks"])


def _task(bundle: _core.Bundle) -> str:
    found = doable(bundle)
    if not found:
        raise UserError(f"{bundle.name} has no skill for any task: it has {', '.join(bundle.skills)}")
    return next((name for name in ("walk", "run", "stand") if name in found), found[0])


def _recorded(bundle: _core.Bundle, name: str, decisions: int = 250) -> np.ndarray:
    """Observations of an episode, float64[decisions, size]."""
    task, driver = BuiltinTask(name), Driver("experts", bundle, name)
    observer, controller = Observer(bundle.observation, task.observes), driver.begin()
    terms, rows = task.reset(0), []
    for k in range(decisions):
        rows.append(observer.fill(terms).copy())
        terms = task.step(controller.step(k * 20_000_000, rows[-1])).terms
    return np.array(rows)


def _row(
    engine: str, bundle: _core.Bundle, times: _core.Histogram, mallocs: int | None, locks: int | None
) -> dict[str, Any]:
    summary = times.summary_us()
    return {
        "engine": engine,
        "bundle": bundle.name,
        "p50_us": summary["p50"],
        "p99_us": summary["p99"],
        "p999_us": summary["p999"],
        "max_us": summary["max"],
        "mallocs": mallocs,
        "locks": locks,
        "samples": times.count,
    }


def _onnxruntime(bundle: _core.Bundle, path: Path, task: str, seconds: float) -> dict[str, Any]:
    """The expert of the task in ONNX Runtime: single thread, sequential, no spinning, bound buffers."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    skill = task if task in bundle.skills else bundle.safe_skill
    file = next(name for name in bundle.files if name.endswith(f"{skill}.onnx") and not name.startswith("latent"))
    session = ort.InferenceSession(_file_bytes(path, file), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    shape = [1 if not isinstance(size, int) else size for size in session.get_inputs()[0].shape]
    phi = ort.OrtValue.ortvalue_from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    binding.bind_ortvalue_input(session.get_inputs()[0].name, phi)
    binding.bind_output(session.get_outputs()[0].name)
    times, end = _core.Histogram(), 0.0
    for k in range(sys.maxsize):
        if k == WARM_UP:
            times, end = _core.Histogram(), time.monotonic() + seconds
        began = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        times.record(time.perf_counter_ns() - began)
        if k > WARM_UP and time.monotonic() > end:
            break
    return _row("onnxruntime networks", bundle, times, None, None)


def _file_bytes(path: Path, name: str) -> bytes:
    if path.is_dir():
        return (path / name).read_bytes()
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read(name)
