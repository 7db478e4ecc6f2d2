"""How long one tick of the controller takes, over observations of the robot doing what it is told."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core, bundles
from ..controller import load
from ..evaluate.builtin import BuiltinTask
from ..evaluate.controllers import Driver, doable
from ..evaluate.observation import Observer

WARM_UP = 2000


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
    task = next(name for name in ("walk", "run", "stand", *doable(loaded)) if name in doable(loaded))
    rows = _recorded(loaded, task)
    controller = Driver("experts", loaded, task).begin()
    observations = np.repeat(rows, max(1, round(loaded.tick_hz / loaded.decision_hz)), axis=0)
    controller.measure(observations, WARM_UP)
    measured = controller.measure(observations, 1 << 62, seconds)
    mallocs, locks = measured["mallocs"], measured["locks"]
    found = [
        _row("native", loaded, measured["duration"], mallocs, locks),
        _row("native decision", loaded, measured["decisions"], mallocs, locks),
        _onnxruntime(loaded, bundles.find(bundle), task, seconds),
    ]
    return {"rows": found, "task": task, "counted": mallocs is not None}


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


def counting_library() -> Path | None:
    """The library that counts calls when it is preloaded, if this package has it."""
    found = Path(__file__).resolve().parent.parent / "libmwrt_interpose.so"
    return found if found.is_file() and os.name == "posix" else None
