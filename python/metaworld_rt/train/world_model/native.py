"""The native planner as an arena policy: several times faster than the PyTorch one, and what a host will run."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from metaworld_rt.export.graph import mlp_to_onnx
from metaworld_rt.train.world_model.arena import View
from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.policies import PlannerPolicy

DECISION_NS = 20_000_000


def networks_of(model: WorldModel) -> dict[str, bytes]:
    """A world model's ONNX files under the names of `_core.MppiPlanner.from_networks`."""
    names = [f"expert{i}" for i in range(model.config.skills)]
    files = {key: mlp_to_onnx(network) for key, network in model.exported(names).items()}
    return {key.removeprefix("wm/").removeprefix("latent/").removesuffix(".onnx"): data for key, data in files.items()}


class NativePlannerPolicy:
    """One native planner a robot, each with its own noise and warm start.

    Args:
        model: the world model; its weights are copied.
        config: planner settings.
        seed: of the noise.
        guided: False leaves the experts out (no seeds, no guidance): plain TD-MPC2.

    Raises:
        ImportError: the package has no compiled core.
    """

    def __init__(self, model: WorldModel, config: PlannerConfig, seed: int = 0, *, guided: bool = True):
        from metaworld_rt import _core

        k = model.config
        settings = asdict(config)
        if not guided:
            settings |= {"expert_trajectories": 0, "guidance": 0.0}
        files = networks_of(model)
        self._make = lambda robot: _core.MppiPlanner.from_networks(
            files, vmin=k.vmin, vmax=k.vmax, discount=k.discount, seed=1_000 * seed + robot, **settings
        )
        self._heads = k.heads
        self._planners: list = []
        self._decision = 0
        self.values = np.zeros(0)

    def __call__(self, view: View) -> np.ndarray:
        """Actions `[B, A]`: the first of each plan's mean, or the expert mixture where a plan is not finite."""
        batch = len(view.phi)
        if not self._planners:
            self._planners = [self._make(robot) for robot in range(batch)]
        out = view.reference.copy()
        self.values = np.zeros(batch)
        for i, planner in enumerate(self._planners):
            if view.fresh[i]:
                planner.reset()
            plan = planner.plan(
                view.phi[i],
                condition=view.c[i],
                mixture=view.mixture[i] if self._heads else None,
                reference=view.reference[i],
                t_ns=self._decision * DECISION_NS,
                decision=self._decision,
            )
            if plan["finite"]:
                out[i] = plan["action"][0]
            self.values[i] = plan["value"]
        self._decision += 1
        return out


def planner_policy(model: WorldModel, config: PlannerConfig, seed: int = 0, *, guided: bool = True):
    """The native planner where the compiled core is there, else the PyTorch one."""
    try:
        return NativePlannerPolicy(model, config, seed, guided=guided)
    except ImportError:
        return PlannerPolicy(model, config, seed, guided=guided)
