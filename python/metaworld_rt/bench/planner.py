"""How long one plan takes: native in each precision, plan.onnx in ONNX Runtime, PyTorch eager and compiled.

All engines run in this process with the same weights, the same inputs and the same number of threads. They take turns,
a few plans each, so that a machine that slows down slows all of them down. PyTorch and ONNX Runtime get their noise
ready made; the native planner makes its own inside the time that is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .. import _core
from ..errors import UserError
from ..export.plan import plan_to_onnx
from ..train.world_model.config import SIZES, PlannerConfig
from ..train.world_model.model import WorldModel
from ..train.world_model.planner import Noise, Situation, plan
from . import worlds

PRECISIONS = ("fp32", "int16", "bf16", "int8")
ENGINES = ("native", "onnxruntime", "torch", "torch-compile")
#: What a compact model plans with inside a tick of 1 ms.
IN_TICK = PlannerConfig(samples=128, iterations=2, horizon=3, elites=32)


@dataclass
class Contender:
    """One row. `run(n)` makes n plans and returns their durations in s; `result()` plans with the shared noise."""

    engine: str
    precision: str
    gflop: float
    run: Callable[[int], list[float]]
    result: Callable[[], tuple[np.ndarray, np.ndarray]]
    seconds: list[float] = field(default_factory=list)


def bench_planner(
    models: tuple[str, ...] = ("xs", "1M", "5M"),
    threads: tuple[int, ...] = (1, 2),
    engines: tuple[str, ...] = ENGINES,
    seconds: float = 10.0,
    planner: PlannerConfig | None = None,
    skills: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Rows as in the contract.

    Args:
        models: sizes of `train.world_model.config.SIZES`.
        threads: numbers of threads, each a block of rows.
        engines: of ENGINES.
        seconds: for each row.
        planner: settings; by default TD-MPC2's, and IN_TICK for the size xs.
        skills: experts with latent heads; 0 is plain TD-MPC2.
        progress: told what is being done.

    Raises:
        UserError: a model or an engine that there is none of.
    """
    for kind, given, known in (("model", models, SIZES), ("engine", engines, ENGINES)):
        for name in given:
            if name not in known:
                raise UserError(f"no {kind} {name!r}: one of {', '.join(known)}")
    peaks = {p: _core.measure_peak(p, 0.5) for p in PRECISIONS}
    rows = []
    for size in models:
        k = planner or (IN_TICK if size == "xs" else PlannerConfig())
        model = worlds.random_world(size, 0, skills=skills)
        situation, noise = worlds.random_situation(model, 1), worlds.random_noise(model, k, 2)
        for count in threads:
            rows += _compare(size, model, k, situation, noise, count, engines, seconds, peaks, progress)
    return {"rows": rows, "peak_gflops": {p: v / 1e9 for p, v in peaks.items()}}


def _compare(size, model, k, situation, noise, threads, engines, seconds, peaks, progress) -> list[dict[str, Any]]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        contenders = []
        for engine in engines:
            progress(f"{size}, {threads} threads: preparing {engine}")
            contenders += _MAKERS[engine](model, k, situation, noise, threads)
        for c in contenders:
            c.run(3)  # warm-up
        begun, turn = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds * len(contenders) or turn < 5:
            turn += 1
            progress(f"{size}, {threads} threads: turn {turn}")
            for c in contenders:
                spent = 0.0
                while spent < max(0.2, seconds / 20):
                    c.seconds += (durations := c.run(1 if c.engine != "native" else 4))
                    spent += sum(durations)
        want, values = _reference(model, k, situation, noise)
        return [_row(c, size, k, threads, peaks, want, values) for c in contenders]
    finally:
        torch.set_num_threads(before)


def _row(c: Contender, size, k, threads, peaks, want, values) -> dict[str, Any]:
    mean, got = c.result()
    p50, p99 = np.percentile(c.seconds, [50, 99])
    return {
        "model": size,
        "engine": c.engine,
        "precision": c.precision,
        "threads": threads,
        "samples": k.samples,
        "iterations": k.iterations,
        "horizon": k.horizon,
        "p50_ms": p50 * 1e3,
        "p99_ms": p99 * 1e3,
        "min_ms": min(c.seconds) * 1e3,
        "plans": len(c.seconds),
        "gflop": c.gflop,
        "fraction_of_peak": c.gflop * 1e9 / p50 / (peaks[c.precision] * threads),
        "max_abs_diff": float(np.abs(mean - want).max()),
        "value_rank_correlation": rank_correlation(got, values),
    }


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, for values without ties."""
    return float(np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1])


def full_flop(model: WorldModel, k: PlannerConfig) -> float:
    """Operations of the plan as written down, every candidate in every iteration, nothing shared or kept."""
    m = model.config
    z, a, c = m.latent, m.actions, m.condition

    def mlp(inputs: int, outputs: int, hidden: int = 2) -> float:
        return 2.0 * (inputs * m.mlp + (hidden - 1) * m.mlp * m.mlp + m.mlp * outputs)

    guided = m.skills * mlp(z, a, 1) if model.heads is not None else 0.0
    step = mlp(z + a + c, z) + mlp(z + a + c, m.bins) + (mlp(z + c, 1) if m.termination else 0.0)
    prior = mlp(z + c, 2 * a)
    candidate = k.horizon * step + (k.horizon - 1) * (guided if k.guidance else 0.0)
    candidate += prior + min(2, m.q_heads) * mlp(z + a + c, m.bins)
    seeds = k.prior_trajectories * (k.horizon * prior + (k.horizon - 1) * mlp(z + a + c, z))
    return k.iterations * k.samples * candidate + seeds


@torch.no_grad()
def _reference(model: WorldModel, k: PlannerConfig, s: Situation, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    result = plan(model, k, s, noise)
    return result.mean[0].numpy(), result.values[0, 0].numpy()


def _native(model, k, situation, noise, threads) -> list[Contender]:
    found = []
    for precision in PRECISIONS:
        planner = worlds.native(model, k, threads=threads, precision=precision, gate=False)
        inputs = worlds.request(model, situation)

        def run(n: int, planner=planner, inputs=inputs) -> list[float]:
            return (planner.measure(**inputs, seconds=0.0, least=n, warm_up=0) / 1e9).tolist()

        def result(planner=planner) -> tuple[np.ndarray, np.ndarray]:
            got = worlds.native_trace(planner, model, situation, noise)
            return got["action"], got["values"][0]

        found.append(Contender("native", precision, planner.flop / 1e9, run, result))
    return found


def _timed(call: Callable[[], object]) -> Callable[[int], list[float]]:
    def run(n: int) -> list[float]:
        found = []
        for _ in range(n):
            begun = time.perf_counter()
            call()
            found.append(time.perf_counter() - begun)
        return found

    return run


def _torch(model, k, situation, noise, threads, compiled=False) -> list[Contender]:
    def whole(phi, c, mixture, reference, prior, expert, sample, prev_mean):
        s, n = Situation(phi, c, mixture, reference), Noise(prior, expert, sample)
        got = plan(model, k, s, n, prev_mean)
        return got.mean, got.std, got.values

    call = torch.compile(whole, dynamic=False) if compiled else whole
    prev_mean = torch.zeros(1, k.horizon, model.config.actions)
    inputs = [situation.phi, situation.c, situation.mixture, situation.reference]
    inputs += [noise.prior, noise.expert, noise.sample]

    @torch.inference_mode(not compiled)
    def once():
        with torch.no_grad():
            return call(*inputs, prev_mean)

    def result():
        with torch.no_grad():
            mean, _, values = whole(*inputs, None) if k.expert_trajectories else call(*inputs, prev_mean)
        return mean[0].numpy(), values[0, 0].numpy()

    name = "torch-compile" if compiled else "torch"
    return [Contender(name, "fp32", full_flop(model, k) / 1e9, _timed(once), result)]


def _onnxruntime(model, k, situation, noise, threads) -> list[Contender]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = ort.InferenceSession(plan_onnx(model, k), options, providers=["CPUExecutionProvider"])
    everything = {
        "phi": situation.phi,
        "c": situation.c,
        "mixture": situation.mixture,
        "reference": situation.reference,
        "prev_mean": torch.zeros(k.horizon, model.config.actions),
        "warm": torch.tensor([0.0]),
        "prior_noise": noise.prior[0],
        "expert_noise": noise.expert[0],
        "sample_noise": noise.sample[0],
    }
    feed = {i.name: np.ascontiguousarray(everything[i.name].numpy()) for i in session.get_inputs()}

    def result():
        mean, values = session.run(["mean", "values"], feed)
        return mean, values[0]

    run = _timed(lambda: session.run(["mean", "std"], feed))
    return [Contender("onnxruntime", "fp32", full_flop(model, k) / 1e9, run, result)]


def plan_onnx(model: WorldModel, k: PlannerConfig) -> bytes:
    """plan.onnx of a model that is in no bundle."""
    m = model.config
    names = [str(i) for i in range(m.skills)]
    experts = [{"name": n, **({"latent_file": f"latent/{n}.onnx"} if model.heads is not None else {})} for n in names]
    description = {
        "experts": experts,
        "robot": {"joints": ["joint"] * m.actions},
        "planner": vars(k),
        "world_model": {
            **{key: getattr(m, key) for key in ("latent", "bins", "vmin", "vmax", "condition", "discount")},
            **{role: f"wm/{role}.onnx" for role in ("encoder", "dynamics", "reward", "prior")},
            "q": [f"wm/q{i}.onnx" for i in range(min(2, m.q_heads))],
            "termination": "wm/termination.onnx" if m.termination else None,
        },
    }
    return plan_to_onnx(model.exported(names), description)


_MAKERS = {
    "native": _native,
    "onnxruntime": _onnxruntime,
    "torch": _torch,
    "torch-compile": lambda *args: _torch(*args, compiled=True),
}
