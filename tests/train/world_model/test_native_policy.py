"""The native planner in the arena plans like the PyTorch one."""

import numpy as np
import pytest
import torch
from library import untrained

from metaworld_rt.train.world_model.arena import Arena
from metaworld_rt.train.world_model.config import ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.native import planner_policy
from metaworld_rt.train.world_model.policies import PlannerPolicy

pytest.importorskip("metaworld_rt._core")


def test_native_and_torch_policies_agree_but_for_their_noise():
    torch.manual_seed(0)
    model = WorldModel(ModelConfig.of_size("xs", 72, 19, 3)).eval()
    for name, p in model.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.normal_(p, std=p.shape[-2] ** -0.5)
    config = PlannerConfig(
        samples=512, iterations=3, elites=64, prior_trajectories=4, expert_trajectories=4, guidance=3.0, max_std=0.1,
        temperature=1.0, min_std=0.02,
    )  # fmt: skip
    arena = Arena(untrained(), 3, seed=0)
    native, reference = planner_policy(model, config), PlannerPolicy(model, config)
    assert type(native).__name__ == "NativePlannerPolicy"
    pairs = []
    for _ in range(4):
        view = arena.view()
        a, b = native(view), reference(view)
        pairs.append(np.stack([a, b]) - view.reference)
        arena.step(b)
    arena.close()
    moved = np.concatenate(pairs, 1).reshape(2, -1)
    assert moved.std() > 0.01  # there is something to agree on
    assert np.corrcoef(moved)[0, 1] > 0.6
