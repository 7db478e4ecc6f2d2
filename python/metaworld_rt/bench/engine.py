"""One network at batch 1: the native engine on every instruction set, beside ONNX Runtime in the same process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core, bundles
from ..errors import UserError
from . import counting

WARM_UP = 2000
COUNTED_CALLS = 1000
#: Blocks of calls alternate between the engines, so that a slow moment of the machine hits all of them.
BLOCKS = 20
_NAME, _SIZES = "mlp 96-512-256-128-29 elu", (96, 512, 256, 128, 29)


def bench_engine(seconds: float = 2.0, threads: int = 1) -> dict[str, Any]:
    """Times one call of every engine on the reference MLP and on the networks of the default bundle.

    Args:
        seconds: for each row.
        threads: of ONNX Runtime; 1 is the fair one, the native engine has no more.

    Returns:
        `rows` as in the contract. ONNX Runtime runs through its C interface with buffers bound once and without
        spinning: the least that a call can cost. Times are taken in C++. `mallocs` and `locks` are per call, None where
        they cannot be counted. `max_abs_diff` is against ONNX Runtime on the same inputs.
    """
    rows = []
    counted = _counted()
    for name, model in _models().items():
        engines = _engines(model, threads)
        rng = np.random.default_rng(0)
        x = rng.standard_normal(engines["onnxruntime"].size).astype(np.float32)
        wanted = engines["onnxruntime"].run(x)
        times: dict[str, list[np.ndarray]] = {engine: [] for engine in engines}
        calls = {key: max(1, round(seconds / BLOCKS / engine.typical(x))) for key, engine in engines.items()}
        for _ in range(BLOCKS):
            for key, engine in engines.items():
                times[key].append(engine.seconds(x, calls[key]))
        for key, engine in engines.items():
            p50, p99, p999 = 1e6 * np.percentile(np.concatenate(times[key]), [50, 99, 99.9])
            mallocs, locks = counted.get((name, key), (None, None))
            rows.append(
                {
                    "model": name,
                    "engine": key,
                    "batch": 1,
                    "precision": "fp32",
                    "p50_us": round(float(p50), 3),
                    "p99_us": round(float(p99), 3),
                    "p999_us": round(float(p999), 3),
                    "mallocs": mallocs,
                    "locks": locks,
                    "max_abs_diff": float(np.abs(engine.run(x) - wanted).max()),
                }
            )
    return {"rows": rows}


class _Native:
    """The native engine with the weights packed for one instruction set."""

    def __init__(self, model: bytes, isa: str):
        _core.force_isa(isa)
        try:
            self._network = _core.Network.from_bytes(model)
        finally:
            _core.force_isa("")
        self.size = sum(size for _, size in self._network.inputs)

    def run(self, x: np.ndarray) -> np.ndarray:
        return self._network.run(x)

    def measure(self, x: np.ndarray, calls: int) -> dict[str, Any]:
        return self._network.measure(x, calls)

    def seconds(self, x: np.ndarray, calls: int) -> np.ndarray:
        return self.measure(x, calls)["seconds"]

    def typical(self, x: np.ndarray) -> float:
        """Seconds of a call, after a warm-up."""
        return float(np.median(self.seconds(x, WARM_UP)))


class _OnnxRuntime(_Native):
    """ONNX Runtime through its C interface."""

    def __init__(self, model: bytes, threads: int):
        self._session = _core.OrtSession(model, library=_library(), threads=threads)
        self._sizes = [int(np.prod(shape)) for _, shape in self._session.inputs]
        self.size = sum(self._sizes)

    def _split(self, x: np.ndarray) -> list[np.ndarray]:
        return np.split(x, np.cumsum(self._sizes)[:-1])

    def run(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([y.ravel() for y in self._session.run(self._split(x))])

    def measure(self, x: np.ndarray, calls: int) -> dict[str, Any]:
        return self._session.measure(self._split(x), calls)


def _library() -> str:
    """The library inside the Python package onnxruntime, or "" for the one that the system finds."""
    import onnxruntime

    found = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    return str(found[0]) if found else ""


def _engines(model: bytes, threads: int) -> dict[str, _Native]:
    native = {f"native {isa}": _Native(model, isa) for isa in reversed(_core.supported_isas())}
    return {**native, "onnxruntime": _OnnxRuntime(model, threads)}


def _models() -> dict[str, bytes]:
    try:
        from ..export.graph import mlp_to_onnx
        from ..export.network import random_mlp
    except ImportError as error:
        raise UserError("bench engine writes its networks with onnx: pip install 'metaworld-rt[train]'") from error
    rng = np.random.default_rng(0)
    mlp = random_mlp(rng, "mlp", (("x", _SIZES[0]),), _SIZES[1:-1], _SIZES[-1], output="y")
    found = {_NAME: mlp_to_onnx(mlp)}
    try:
        path = bundles.find(bundles.DEFAULT)
    except UserError:  # a checkout in which none has been trained yet
        return found
    for file in sorted(path.rglob("*.onnx")) if path.is_dir() else []:
        key = file.relative_to(path).as_posix()
        if file.name != "plan.onnx" and not key.startswith("semantic"):
            found[f"{path.name}/{key}"] = file.read_bytes()
    return found


def _counted() -> dict[tuple[str, str], tuple[float, float]]:
    """Allocations and locks per call, from a process of its own, so that counting costs the timing nothing."""
    if counting.library() is None:
        return {}
    program = "from metaworld_rt.bench.engine import print_counts; print_counts()"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=counting.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"counting calls failed: {done.stderr.strip().splitlines()[-1:]}")
    found = {}
    for line in done.stdout.splitlines():
        model, engine, mallocs, locks = line.split("\t")
        found[model, engine] = (float(mallocs), float(locks))
    return found


def print_counts() -> None:
    """Prints model, engine, allocations and locks per call; for a process with the counting library."""
    for name, model in _models().items():
        for key, engine in _engines(model, 1).items():
            x = np.zeros(engine.size, np.float32)
            engine.measure(x, 100)
            found = engine.measure(x, COUNTED_CALLS)
            print(name, key, found["mallocs"] / COUNTED_CALLS, found["locks"] / COUNTED_CALLS, sep="\t")
