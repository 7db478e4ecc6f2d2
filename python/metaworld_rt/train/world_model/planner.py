"""The latent MPPI planner in PyTorch: the reference that plan.onnx and the native planner agree with.

docs/bundle.md, "The planner, exactly", is this file in words. All the randomness comes in as `Noise`, so a plan is a
function of its arguments. A leading batch dimension B plans for many robots at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel


@dataclass
class Situation:
    """What one decision is about: phi `[B, phi]`, c and mixture `[B, skills]`, reference `[B, A]` (exact, t = 0)."""

    phi: Tensor
    c: Tensor
    mixture: Tensor
    reference: Tensor


@dataclass
class Noise:
    """Standard normal numbers: prior `[B, H, P, A]`, expert `[B, H, E, A]`, sample `[B, I, H, N - P - E, A]`."""

    prior: Tensor
    expert: Tensor
    sample: Tensor

    @staticmethod
    def draw(k: PlannerConfig, batch: int, actions: int, generator: torch.Generator | None = None) -> Noise:
        """Fresh noise for `batch` plans."""

        def normal(*shape):
            return torch.randn(batch, *shape, actions, generator=generator)

        return Noise(
            normal(k.horizon, k.prior_trajectories),
            normal(k.horizon, k.expert_trajectories),
            normal(k.iterations, k.horizon, k.sampled),
        )


@dataclass
class PlanResult:
    """mean and std `[B, H, A]`; values `[B, I, N]` of every candidate; elites `[B, I, K]`, indices into N."""

    mean: Tensor
    std: Tensor
    values: Tensor
    elites: Tensor


@torch.no_grad()
def plan(
    model: WorldModel,
    k: PlannerConfig,
    s: Situation,
    noise: Noise,
    prev_mean: Tensor | None = None,
    warm: Tensor | None = None,
) -> PlanResult:
    """Plan one decision for each of B robots.

    `prev_mean` `[B, H, A]` (already shifted in time) is the warm start, of the robots marked in `warm` `[B]` if given.
    """
    z0 = model.encode(s.phi, s.c)
    prior = rollout(model, k, s, z0, lambda t, z, ref: prior_action(model, z, s.c, noise.prior[:, t]))
    quiet = noise.expert * (torch.arange(k.expert_trajectories) > 0)[:, None]
    expert = rollout(model, k, s, z0, lambda t, z, ref: (ref + k.min_std * quiet[:, t]).clamp(-1, 1))
    mean = expert[:, :, 0] if k.expert_trajectories else torch.zeros_like(noise.sample[:, 0, :, 0])
    if prev_mean is not None:
        mean = prev_mean if warm is None else torch.where(warm[:, None, None], prev_mean, mean)
    std = torch.full_like(mean, k.max_std)
    values, elites = [], []
    for i in range(k.iterations):
        drawn = (mean.unsqueeze(2) + std.unsqueeze(2) * noise.sample[:, i]).clamp(-1, 1)
        actions = torch.cat([prior, expert, drawn], 2)
        value = evaluate(model, k, s, z0, actions)
        best, index = value.topk(min(k.elites, k.samples), dim=1)
        score = (k.temperature * (best - best[:, :1])).softmax(1)[:, None, :, None]
        chosen = actions.take_along_dim(index[:, None, :, None], 2)
        mean = (score * chosen).sum(2)
        std = (score * (chosen - mean.unsqueeze(2)) ** 2).sum(2).sqrt().clamp(k.min_std, k.max_std)
        values.append(value)
        elites.append(index)
    return PlanResult(mean, std, torch.stack(values, 1), torch.stack(elites, 1))


def evaluate(model: WorldModel, k: PlannerConfig, s: Situation, z0: Tensor, actions: Tensor) -> Tensor:
    """Guided value `[B, N]` of the trajectories `actions` `[B, H, N, A]` from `z0` `[B, latent]`."""
    n, gamma = actions.shape[2], model.config.discount
    z, c = spread(z0, n), spread(s.c, n)
    total, discount = 0.0, torch.ones(actions.shape[0], n)
    for t in range(k.horizon):
        a = actions[:, t]
        gain = model.two_hot.decode(model.reward(z, a, c))
        if k.guidance:
            gain = gain - k.guidance * (a - reference(model, s, z, t)).square().sum(-1)
        total = total + discount * gain
        z = model.next(z, a, c)
        discount = discount * gamma
        if model.end_net is not None:
            discount = discount * (model.end(z, c) <= 0)
    q = model.two_hot.decode(model.q(z, model.prior(z, c)[0].tanh(), c)[:2])
    value = total + discount * (q.mean(0) if k.q_reduction == "mean" else q.amin(0))
    return torch.where(value.isfinite(), value, -torch.inf)


def rollout(model: WorldModel, k: PlannerConfig, s: Situation, z0: Tensor, policy) -> Tensor:
    """Actions `[B, H, n, A]` of `policy(t, z, reference)`, which fixes n, followed through the dynamics."""
    z, c, actions = z0.unsqueeze(1), s.c.unsqueeze(1), []
    for t in range(k.horizon):
        a = policy(t, z, reference(model, s, z, t))
        actions.append(a)
        if t + 1 < k.horizon:
            n = a.shape[1]
            z, c = z.expand(-1, n, -1), c.expand(-1, n, -1)
            z = model.next(z, a, c)
    return torch.stack(actions, 1)


def prior_action(model: WorldModel, z: Tensor, c: Tensor, noise: Tensor) -> Tensor:
    """A draw from the policy prior, `[B, P, A]`."""
    mean, log_std = model.prior(z, spread(c, z.shape[1]))
    return (mean + log_std.exp() * noise).tanh()


def reference(model: WorldModel, s: Situation, z: Tensor, t: int) -> Tensor:
    """`a_ref,t` `[B, n, A]`: exact at t = 0, from the latent heads afterwards, held if there are none."""
    if t == 0 or model.heads is None:
        return spread(s.reference, z.shape[1])
    return torch.einsum("bk,kbna->bna", s.mixture, model.expert_actions(z).clamp(-1, 1))


def spread(x: Tensor, n: int) -> Tensor:
    """`[B, m]` to `[B, n, m]`."""
    return x.unsqueeze(1).expand(-1, n, -1)
