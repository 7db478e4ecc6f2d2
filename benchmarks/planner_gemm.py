"""The batched kernels beside the libraries that could replace them, at the planner's shapes, one thread.

    python benchmarks/planner_gemm.py      -> benchmarks/data/planner/gemm.json and a table

Peers: torch (oneDNN or MKL, whichever it picks: fp32 and bf16 with packed weights), numpy (its BLAS), ONNX Runtime
(MLAS, fp32 MatMul and MatMulInteger). Times are of the product alone; the peers' LayerNorm and Mish come on top, as
do ours. All of them take turns in one process; the figure is the median.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper

from metaworld_rt import _core
from metaworld_rt.bench.planner import PRECISIONS
from planner_curves import DATA, machine, versions

#: (rows, k, n): the layers of the 1M and 5M models at the planner's block size, and all 512 rows at once.
SHAPES = [
    (56, 20, 768), (56, 148, 768), (56, 384, 384), (56, 384, 128), (56, 384, 112),
    (56, 532, 1024), (56, 512, 512), (512, 384, 384), (512, 512, 512),
]  # fmt: skip
CALLS, TURNS = 40, 15
ISA_SHAPE = (56, 512, 512)


def timed(call: Callable[[], object]) -> float:
    """Median seconds of CALLS calls."""
    took = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return float(np.median(took))


def ort_session(op: str, k: int, n: int, kind: int, weight: np.ndarray) -> ort.InferenceSession:
    """One MatMul or MatMulInteger with constant weights."""
    x = helper.make_tensor_value_info("x", kind, [None, k])
    out = TensorProto.FLOAT if kind == TensorProto.FLOAT else TensorProto.INT32
    y = helper.make_tensor_value_info("y", out, [None, n])
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])], "g", [x], [y], [onnx.numpy_helper.from_array(weight, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def peers(rows: int, k: int, n: int) -> dict[tuple[str, str], Callable[[], float]]:
    """(precision, library) -> seconds a product."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((rows, k), np.float32), rng.standard_normal((k, n), np.float32)
    out = np.empty((rows, n), np.float32)
    linear = torch.nn.Linear(k, n, bias=False).eval()
    half, tx, hx = (
        torch.nn.Linear(k, n, bias=False).bfloat16().eval(),
        torch.from_numpy(x),
        torch.from_numpy(x).bfloat16(),
    )
    fp32 = ort_session("MatMul", k, n, TensorProto.FLOAT, w)
    int8 = ort_session("MatMulInteger", k, n, TensorProto.UINT8, rng.integers(-127, 127, (k, n), dtype=np.int8))
    bx = rng.integers(0, 255, (rows, k), dtype=np.uint8)
    found = {
        ("fp32", "numpy"): lambda: timed(lambda: np.matmul(x, w, out=out)),
        ("fp32", "torch"): lambda: timed(lambda: linear(tx)),
        ("fp32", "onnxruntime"): lambda: timed(lambda: fp32.run(None, {"x": x})),
        ("bf16", "torch"): lambda: timed(lambda: half(hx)),
        ("int8", "onnxruntime"): lambda: timed(lambda: int8.run(None, {"x": bx})),
    }
    for precision in PRECISIONS:
        found[precision, "native"] = lambda p=precision: float(np.median(_core.time_gemm(p, rows, k, n, CALLS)))
    return found


def instruction_sets() -> list[dict]:
    """Our kernels on every instruction set of this machine, beside the peak of the instruction they use."""
    found = []
    for isa in reversed(_core.supported_isas()):
        _core.force_isa(isa)
        try:
            for precision in PRECISIONS:
                seconds = np.median(np.concatenate([_core.time_gemm(precision, *ISA_SHAPE, CALLS) for _ in range(5)]))
                peak = _core.measure_peak(precision, 0.3) / 1e9
                rate = 2e-9 * np.prod(ISA_SHAPE) / seconds
                found.append({"kernel": f"{precision} {isa}", "gops": float(rate), "peak": float(peak)})
                print(f"{precision} {isa}: {rate:.1f} of {peak:.1f} G/s")
        finally:
            _core.force_isa("")
    return found


@torch.inference_mode()
def main() -> int:
    """Measures and prints."""
    torch.set_num_threads(1)
    table = []
    for rows, k, n in SHAPES:
        contenders = peers(rows, k, n)
        took = {key: [] for key in contenders}
        for _ in range(TURNS):
            for key, run in contenders.items():
                took[key].append(run())
        for (precision, library), seconds in sorted(took.items()):
            rate = 2e-9 * rows * k * n / np.median(seconds)
            table.append({"rows": rows, "k": k, "n": n, "precision": precision, "library": library, "gops": rate})
            print(f"{rows:4d} x {k:4d} x {n:4d}  {precision}  {library:12s} {rate:8.1f} G/s")
    found = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d"), "calls": CALLS * TURNS}
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "gemm.json").write_text(json.dumps({**found, "rows": table, "isas": instruction_sets()}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
