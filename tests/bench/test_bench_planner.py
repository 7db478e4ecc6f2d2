"""`bench planner`: rows as in the contract, and figures that hang together."""

import math

import numpy as np
import pytest

from metaworld_rt import _core
from metaworld_rt.errors import UserError
from metaworld_rt.train.world_model.config import PlannerConfig

pytest.importorskip("torch")
from metaworld_rt.bench import planner, worlds

pytestmark = pytest.mark.torch
KEYS = [
    "model",
    "engine",
    "precision",
    "threads",
    "samples",
    "iterations",
    "horizon",
    "p50_ms",
    "p99_ms",
    "gflop",
    "fraction_of_peak",
    "max_abs_diff",
    "value_rank_correlation",
]
SMALL = PlannerConfig(samples=64, iterations=2, elites=16, prior_trajectories=8)


@pytest.fixture(scope="module")
def rows():
    found = planner.bench_planner(("xs",), (1,), ("native", "onnxruntime", "torch"), seconds=0.05, planner=SMALL)
    assert set(found["peak_gflops"]) == {"fp32", "int16", "bf16", "int8"}
    return {(row["engine"], row["precision"]): row for row in found["rows"]}


def test_rows_are_those_of_the_contract(rows):
    assert set(rows) == {("native", p) for p in planner.PRECISIONS} | {("onnxruntime", "fp32"), ("torch", "fp32")}
    for row in rows.values():
        assert set(KEYS) <= set(row)
        assert all(math.isfinite(v) for v in row.values() if isinstance(v, float))
        assert 0 < row["min_ms"] <= row["p50_ms"] <= row["p99_ms"]
        assert 0 < row["fraction_of_peak"] < 1.2


def test_all_engines_plan_the_same(rows):
    for engine in ("native", "onnxruntime", "torch"):
        assert rows[engine, "fp32"]["max_abs_diff"] < 1e-3
        assert rows[engine, "fp32"]["value_rank_correlation"] > 0.9999
    assert rows["native", "bf16"]["value_rank_correlation"] > 0.99
    assert rows["native", "int16"]["value_rank_correlation"] > rows["native", "bf16"]["value_rank_correlation"]
    assert rows["native", "int8"]["value_rank_correlation"] > 0.95


def test_the_native_planner_executes_fewer_operations(rows):
    """Two heads, a shared z0 and seeds valued once: less than what is written down, but not by half."""
    full = rows["torch", "fp32"]["gflop"]
    assert 0.5 * full < rows["native", "fp32"]["gflop"] < full


def test_operations_of_the_published_setting():
    model = worlds.random_world("1M", 0)
    assert planner.full_flop(model, PlannerConfig()) / 1e9 == pytest.approx(13.5, abs=0.1)


def test_rank_correlation():
    a = np.array([1.0, 5.0, 3.0, 2.0])
    assert planner.rank_correlation(a, 10 * a) == pytest.approx(1.0)
    assert planner.rank_correlation(a, -a) == pytest.approx(-1.0)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="no model '2M'"):
        planner.bench_planner(("2M",))
    with pytest.raises(UserError, match="no engine 'jax'"):
        planner.bench_planner(("xs",), (1,), ("jax",))


def test_products_are_timed():
    assert (_core.time_gemm("bf16", 14, 64, 48, 5) > 0).all()
    with pytest.raises(ValueError, match="a multiple of 4"):
        _core.time_gemm("int8", 14, 63, 48, 5)
    with pytest.raises(ValueError, match="fp32, bf16, int8, int16 or auto"):
        _core.measure_peak("fp64", 0.1)
    with pytest.raises(ValueError, match="auto is no number format"):
        _core.measure_peak("auto", 0.1)
