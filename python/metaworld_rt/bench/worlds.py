"""World models with random weights, in PyTorch and as ONNX bytes, and situations to plan in: for tests and benchmarks.

The weights are scaled so that the values of trajectories differ, which freshly initialised ones (zero outputs) do not.
"""

from __future__ import annotations

import numpy as np
import torch

from .. import _core
from ..export.graph import mlp_to_onnx
from ..train.world_model.config import ModelConfig, PlannerConfig
from ..train.world_model.model import WorldModel
from ..train.world_model.planner import Noise, Situation

#: Proprioception and joints of HumanoidBench's h1: qpos 26 and qvel 25; 19 actuators.
H1_FEATURES, H1_JOINTS = 51, 19


def random_world(size: str, seed: int, *, skills: int = 0, features: int = H1_FEATURES, **changes) -> WorldModel:
    """A random world model of a named size.

    Args:
        size: key of `train.world_model.config.SIZES`.
        seed: of the weights.
        skills: number of experts with latent heads; 0 is plain TD-MPC2, without condition.
        features: size of phi.
        changes: other fields of ModelConfig.
    """
    changes = {"q_heads": 2, "vmin": -10.0, "vmax": 10.0, "conditioned": skills > 0, "heads": skills > 0, **changes}
    generator = torch.Generator().manual_seed(seed)
    model = WorldModel(ModelConfig.of_size(size, features, H1_JOINTS, max(skills, 1), **changes)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.normal_(std=1.5 * parameter.shape[-2] ** -0.5, generator=generator)
            elif name.endswith(("bias", "shift")):
                parameter.normal_(std=0.1, generator=generator)
    return model


def random_situation(model: WorldModel, seed: int) -> Situation:
    """One decision's inputs, batch 1."""
    k, g = model.config, torch.Generator().manual_seed(seed)
    simplex = torch.rand(2, 1, k.skills, generator=g)
    simplex = simplex / simplex.sum(-1, keepdim=True)
    reference = torch.rand(1, k.actions, generator=g) - 0.5
    return Situation(torch.randn(1, k.phi, generator=g), simplex[0], simplex[1], reference)


def random_noise(model: WorldModel, planner: PlannerConfig, seed: int) -> Noise:
    """Noise for one plan, batch 1."""
    return Noise.draw(planner, 1, model.config.actions, torch.Generator().manual_seed(seed))


def networks(model: WorldModel) -> dict[str, bytes]:
    """The model's networks as ONNX bytes, named as `MppiPlanner.from_networks` wants them."""
    names = [str(i) for i in range(model.config.skills)]
    out = {}
    for key, mlp in model.exported(names).items():
        stem = key.removesuffix(".onnx").partition("/")
        out[f"expert{stem[2]}" if stem[0] == "latent" else stem[2]] = mlp_to_onnx(mlp)
    return out


def native(model: WorldModel, planner: PlannerConfig, **options) -> _core.MppiPlanner:
    """The native planner of a model. `options`: threads, seed, gate, precision, calibration, ..."""
    k = model.config
    settings = {**vars(planner), **options}
    return _core.MppiPlanner.from_networks(networks(model), vmin=k.vmin, vmax=k.vmax, discount=k.discount, **settings)


def request(model: WorldModel, s: Situation) -> dict[str, np.ndarray | None]:
    """A situation as the arguments of the native planner's plan, trace and measure."""
    k = model.config
    return {
        "phi": s.phi[0].numpy(),
        "condition": s.c[0].numpy() if k.condition else None,
        "mixture": s.mixture[0].numpy() if model.heads is not None else None,
        "reference": s.reference[0].numpy(),
    }


def native_trace(planner: _core.MppiPlanner, model: WorldModel, s: Situation, noise: Noise) -> dict:
    """The native plan for a situation with PyTorch's noise, every iteration of it."""
    return planner.trace(
        **request(model, s),
        prior_noise=noise.prior[0].numpy(),
        expert_noise=noise.expert[0].numpy(),
        sample_noise=noise.sample[0].numpy(),
    )
