"""Who decides in the arena: the experts alone, the prior, or the planner; and the exploration around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from metaworld_rt.train.world_model.arena import View
from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.planner import Noise, Situation, plan


def follow_experts(view: View) -> np.ndarray:
    """The expert mixture, `[B, A]`."""
    return view.reference


class PriorPolicy:
    """The mean of the world model's policy prior."""

    def __init__(self, model: WorldModel):
        self.model = model

    @torch.no_grad()
    def __call__(self, view: View) -> np.ndarray:
        """Actions `[B, A]`."""
        c = torch.from_numpy(view.c)
        return self.model.prior(self.model.encode(torch.from_numpy(view.phi), c), c)[0].tanh().numpy()


class PlannerPolicy:
    """Latent MPPI for every robot of an arena; keeps their warm starts.

    Args:
        model: the world model.
        config: planner settings.
        seed: of the noise.
        warm: start from the last plan, shifted in time.
        guided: False leaves the experts out (no seeds, no guidance): plain TD-MPC2.
    """

    def __init__(self, model: WorldModel, config: PlannerConfig, seed: int = 0, *, warm=True, guided=True):
        self.model = model
        self.config = config if guided else replace(config, expert_trajectories=0, guidance=0.0)
        self.warm = warm
        self._generator = torch.Generator().manual_seed(seed)
        self._mean: torch.Tensor | None = None

    def __call__(self, view: View) -> np.ndarray:
        """Actions `[B, A]`: the first of each plan's mean."""
        batch, actions = view.reference.shape
        situation = Situation(*(torch.from_numpy(v) for v in (view.phi, view.c, view.mixture, view.reference)))
        noise = Noise.draw(self.config, batch, actions, self._generator)
        shifted = warm = None
        if self.warm and self._mean is not None:
            shifted = torch.cat([self._mean[:, 1:], self._mean[:, -1:]], 1)
            warm = torch.from_numpy(~view.fresh)
        self._mean = plan(self.model, self.config, situation, noise, shifted, warm).mean
        return self._mean[:, 0].numpy()


class Planned:
    """A planner where only skills are commanded that it is for, the experts elsewhere: `planner.skills` of a bundle.

    Args:
        planner: the policy that plans.
        planned: whether it is for each skill, `[K]` bool.
    """

    def __init__(self, planner: Callable[[View], np.ndarray], planned: np.ndarray):
        self._planner, self._planned = planner, planned
        self._planning: np.ndarray | None = None

    def __call__(self, view: View) -> np.ndarray:
        """Actions `[B, A]`."""
        planning = ~(view.c[:, ~self._planned] > 0.0).any(-1)
        before = planning if self._planning is None else self._planning
        self._planning = planning
        actions = self._planner(replace(view, fresh=view.fresh | ~before))  # what was planned before is long past
        return np.where(planning[:, None], actions, view.reference)


class Bursts:
    """Exploration in bursts with quiet stretches between them, so that returns of the clean policy can be read off.

    Each burst lasts 1 to 8 decisions; its noise has a standard deviation drawn log-uniformly from `std`, and is drawn
    anew each decision or held, with equal chance.

    Args:
        count, actions: robots and joints.
        seed: of the noise.
        std: range, in normalised actions.
        quiet: range of the decisions between bursts.
    """

    def __init__(self, count: int, actions: int, seed: int, std=(0.02, 0.5), quiet=(1, 30)):
        self.rng, self.std, self.quiet = np.random.default_rng(seed), std, quiet
        self._left = np.zeros(count, np.int64)
        self._wait = self.rng.integers(*quiet, count)
        self._scale, self._held = np.zeros(count), np.zeros(count, bool)
        self._noise = np.zeros((count, actions))

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        """Noise `[B, A]` of this decision, and where there is any `[B]`."""
        rng = self.rng
        begin = (self._left == 0) & (self._wait == 0)
        n = int(begin.sum())
        self._left[begin] = rng.integers(1, 9, n)
        self._wait[begin] = rng.integers(*self.quiet, n)
        low, high = np.log(self.std)
        self._scale[begin] = np.exp(rng.uniform(low, high, n))
        self._held[begin] = rng.random(n) < 0.5
        active = self._left > 0
        anew = begin | (active & ~self._held)
        self._noise[anew] = self._scale[anew, None] * rng.standard_normal((int(anew.sum()), self._noise.shape[1]))
        self._left[active] -= 1
        self._wait[~active] -= 1
        return self._noise * active[:, None], active
