"""The PyTorch planner is the reference: plan.onnx must agree with it, and it must plan."""

import numpy as np
import onnxruntime
import pytest
import torch

from metaworld_rt.export.plan import plan_to_onnx
from metaworld_rt.train.world_model.config import ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.planner import Noise, Situation, plan

NAMES = ["stand", "walk", "run"]
PHI, ACTIONS = 73, 19


def random_model(seed, **changes):
    torch.manual_seed(seed)
    model = WorldModel(ModelConfig.of_size("xs", PHI, ACTIONS, 3, **{"latent": 32, "mlp": 48, **changes})).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.normal_(parameter, std=1.5 * parameter.shape[-2] ** -0.5)
    return model


def random_situation(seed, batch=1):
    g = torch.Generator().manual_seed(seed)
    simplex = torch.rand(2, batch, 3, generator=g)
    simplex = simplex / simplex.sum(-1, keepdim=True)
    phi, ref = torch.randn(batch, PHI, generator=g), torch.rand(batch, ACTIONS, generator=g) - 0.5
    return Situation(phi, simplex[0], simplex[1], ref)


def description_of(model, k):
    c = model.config
    experts = [{"name": n, **({"latent_file": f"latent/{n}.onnx"} if c.heads else {})} for n in NAMES]
    wm = {role: f"wm/{role}.onnx" for role in ("encoder", "dynamics", "reward", "prior")}
    wm["q"] = [f"wm/q{i}.onnx" for i in range(min(2, c.q_heads))]
    wm["termination"] = "wm/termination.onnx" if c.termination else None
    numbers = ("latent", "bins", "vmin", "vmax", "condition", "discount")
    wm.update({key: getattr(c, key) for key in numbers})
    return {"experts": experts, "robot": {"joints": ["j"] * ACTIONS}, "world_model": wm, "planner": vars(k)}


def run_onnx(model, k, s, noise, prev_mean):
    data = plan_to_onnx(model.exported(NAMES), description_of(model, k))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    warm = prev_mean is not None
    feed = {
        "phi": s.phi,
        "c": s.c,
        "mixture": s.mixture,
        "reference": s.reference,
        "prev_mean": prev_mean[0] if warm else torch.zeros(k.horizon, ACTIONS),
        "warm": torch.tensor([float(warm)]),
        "prior_noise": noise.prior[0],
        "expert_noise": noise.expert[0],
        "sample_noise": noise.sample[0],
    }
    wanted = {i.name for i in session.get_inputs()}
    return session.run(["mean", "std", "values"], {key: v.numpy() for key, v in feed.items() if key in wanted})


CASES = {
    "published": ({}, {"prior_trajectories": 8}),
    "guided": ({}, {"prior_trajectories": 4, "expert_trajectories": 3, "guidance": 0.7, "max_std": 0.3}),
    "pessimistic": ({}, {"prior_trajectories": 0, "expert_trajectories": 1, "guidance": 0.1, "q_reduction": "min"}),
    "no-heads": ({"heads": False}, {"prior_trajectories": 4, "expert_trajectories": 2, "guidance": 0.7}),
    "no-condition": ({"conditioned": False}, {"prior_trajectories": 4}),
    "termination": ({"termination": True}, {"prior_trajectories": 4, "guidance": 0.2}),
    "one-head": ({"q_heads": 1}, {"prior_trajectories": 4}),
    "horizon-1": ({}, {"horizon": 1, "prior_trajectories": 4, "expert_trajectories": 2}),
    "elites-beyond-samples": ({}, {"samples": 8, "elites": 64, "prior_trajectories": 2}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("warm", [False, True])
def test_plan_onnx_agrees_with_torch(case, warm):
    changes, settings = CASES[case]
    k = PlannerConfig(**{"samples": 64, "elites": 12, "iterations": 3, **settings})
    model = random_model(1, **changes)
    s, noise = random_situation(2), Noise.draw(k, 1, ACTIONS, torch.Generator().manual_seed(3))
    prev_mean = 0.3 * torch.randn(1, k.horizon, ACTIONS) if warm else None
    want = plan(model, k, s, noise, prev_mean)
    mean, std, values = run_onnx(model, k, s, noise, prev_mean)
    np.testing.assert_allclose(values, want.values[0].numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(mean, want.mean[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(std, want.std[0].numpy(), atol=1e-4)
    assert values.std() > 1e-3  # the comparison says something


def test_a_batch_plans_like_its_members():
    k = PlannerConfig(samples=32, elites=8, iterations=2, prior_trajectories=4, expert_trajectories=2, guidance=0.5)
    model, s, noise = random_model(4), random_situation(5, batch=3), Noise.draw(k, 3, ACTIONS)
    both = plan(model, k, s, noise)
    for b in range(3):
        one = Situation(*(v[b : b + 1] for v in vars(s).values()))
        alone = plan(model, k, one, Noise(*(v[b : b + 1] for v in vars(noise).values())))
        torch.testing.assert_close(alone.mean[0], both.mean[b], atol=1e-5, rtol=1e-4)


def test_strong_guidance_holds_the_reference():
    k = PlannerConfig(samples=64, elites=8, prior_trajectories=4, expert_trajectories=4, guidance=1e4, max_std=0.3)
    s = random_situation(6)
    result = plan(random_model(7), k, s, Noise.draw(k, 1, ACTIONS))
    torch.testing.assert_close(result.mean[:, 0], s.reference, atol=1e-3, rtol=0)


def test_planning_raises_the_predicted_value():
    k = PlannerConfig(samples=256, elites=32, prior_trajectories=0, max_std=0.5)
    model = random_model(8)
    noise = Noise.draw(k, 1, ACTIONS, torch.Generator().manual_seed(0))
    result = plan(model, k, random_situation(9), noise)
    assert result.values[0, -1].mean() > result.values[0, 0].mean() + result.values[0, 0].std()


def test_not_finite_values_never_become_elites():
    k = PlannerConfig(samples=32, elites=8, iterations=1, prior_trajectories=0, expert_trajectories=1)
    model = random_model(10)
    s, noise = random_situation(11), Noise.draw(k, 1, ACTIONS)
    noise.sample[0, 0, 0, 5] = float("nan")
    result = plan(model, k, s, noise)
    assert result.values[0, 0, 6] == -torch.inf
    assert result.mean.isfinite().all()


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="no more prior and expert trajectories"):
        PlannerConfig(samples=8, prior_trajectories=9)
    with pytest.raises(ValueError, match="q_reduction"):
        PlannerConfig(q_reduction="median")
