"""The native fp32 planner reproduces the PyTorch planner: values, elites, mean and standard deviation."""

import dataclasses

import numpy as np
import pytest
import torch

from metaworld_rt.bench import worlds
from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.planner import plan

pytestmark = pytest.mark.torch
TOLERANCE = 1e-4


@dataclasses.dataclass
class Comparison:
    value_error: float = 0.0  # relative, of every candidate of every iteration
    moment_error: float = 0.0  # of mean and std given the elites and their values
    plan_error: float = 0.0  # of the final mean and std: rounding of all iterations, amplified by the softmax
    near_tie: bool = False


def compare(model, k, seed) -> Comparison:
    """One plan in both engines. Iterations are compared until the elites differ, which only a near-tie may cause."""
    s, noise = worlds.random_situation(model, seed), worlds.random_noise(model, k, seed + 1)
    want = plan(model, k, s, noise)
    got = worlds.native_trace(worlds.native(model, k), model, s, noise)
    assert got["finite"]
    found = Comparison()
    for i in range(k.iterations):
        values, wanted = got["values"][i], want.values[0, i].numpy()
        scale = np.maximum(np.abs(wanted), np.abs(wanted).mean())
        found.value_error = max(found.value_error, float((np.abs(values - wanted) / scale).max()))
        elites, elites_wanted = set(got["elites"][i]), set(want.elites[0, i].tolist())
        mean, std = refit(k, values, got["actions"][i], got["elites"][i])
        error = max(np.abs(mean - got["means"][i]).max(), np.abs(std - got["stds"][i]).max())
        found.moment_error = max(found.moment_error, float(error))
        if elites != elites_wanted:
            last = np.sort(wanted)[::-1][k.elites - 1]
            for index in elites ^ elites_wanted:
                assert abs(wanted[index] - last) <= 2 * TOLERANCE * scale[index], "elites differ far from a tie"
            found.near_tie = True
            return found
    found.plan_error = max(
        float(np.abs(got["action"] - want.mean[0].numpy()).max()), float(np.abs(got["std"] - want.std[0].numpy()).max())
    )
    return found


def refit(k, values, actions, elites):
    """The reference's mean and std `[H, A]` from given values `[N]`, actions `[N, H, A]` and elites."""
    score = np.exp(k.temperature * (values[elites].astype(np.float64) - values[elites].max()))[:, None, None]
    score /= score.sum()
    mean = (score * actions[elites]).sum(0)
    return mean, np.sqrt((score * (actions[elites] - mean) ** 2).sum(0)).clip(k.min_std, k.max_std)


def check(size, count, planner=None, first=0, **model):
    k = planner or PlannerConfig()
    found = []
    for seed in range(first, first + count):
        found.append(compare(worlds.random_world(size, seed, **model), k, 1000 + seed))
    ties = sum(c.near_tie for c in found)
    value, moment = max(c.value_error for c in found), max(c.moment_error for c in found)
    final = max(c.plan_error for c in found)
    print(
        f"{size}: {count} plans, values within {value:.1e}, mean and std within {moment:.1e} given the elites,", end=" "
    )
    print(f"  {final:.1e} at the end of a plan, {ties} with another elite set at a near-tie")
    assert value <= TOLERANCE
    assert moment <= TOLERANCE
    assert final <= 20 * TOLERANCE
    assert ties <= max(1, count // 4)


def test_1m():
    check("1M", 6)


def test_5m():
    check("5M", 2)


def test_guided_and_conditioned():
    k = PlannerConfig(samples=128, elites=16, iterations=3, expert_trajectories=8, guidance=0.3, q_reduction="min")
    check("xs", 6, k, skills=3)
    check("xs", 3, k, skills=3, termination=True)
    check("xs", 3, k, skills=3, heads=False)


def test_warm_start():
    model, k = worlds.random_world("xs", 1), PlannerConfig(samples=128, elites=16, iterations=3)
    s, noise = worlds.random_situation(model, 2), worlds.random_noise(model, k, 3)
    start = 0.3 * torch.randn(1, k.horizon, model.config.actions, generator=torch.Generator().manual_seed(4))
    want = plan(model, k, s, noise, start)
    native = worlds.native(model, k)
    got = native.trace(
        **worlds.request(model, s),
        prior_noise=noise.prior[0].numpy(),
        expert_noise=None,
        sample_noise=noise.sample[0].numpy(),
        prev_mean=start[0].numpy(),
    )
    np.testing.assert_allclose(got["action"], want.mean[0].numpy(), atol=TOLERANCE)
    cold = worlds.native_trace(native, model, s, noise)
    assert np.abs(cold["action"] - got["action"]).max() > 0.01


def test_values_of_random_models_differ():
    model, k = worlds.random_world("1M", 0), PlannerConfig(iterations=1)
    got = worlds.native_trace(
        worlds.native(model, k), model, worlds.random_situation(model, 1), worlds.random_noise(model, k, 2)
    )
    values = got["values"][0]
    assert values.std() > 0.05 * np.abs(values).mean()


@pytest.mark.slow
def test_a_hundred_models():
    check("1M", 100, first=100)
    check("5M", 20, first=300)
