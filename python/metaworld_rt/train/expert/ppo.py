"""Proximal policy optimisation (Schulman et al., arXiv 1707.06347), with the learning rate adapted to the KL.

Plus a mirror loss (Yu et al., arXiv 1801.08093): the policy should act in a mirror as it acts, mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from metaworld_rt.train.expert.policy import Expert, mlp


@dataclass(frozen=True)
class PpoConfig:
    """Hyperparameters; see the attributes' names in the paper."""

    steps: int = 24
    epochs: int = 4
    minibatches: int = 4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_weight: float = 1.0
    entropy_weight: float = 0.002
    mirror_weight: float = 1.0
    max_grad_norm: float = 1.0
    target_kl: float = 0.03
    critic_lr: float = 1e-3
    lr_min: float = 1e-4
    lr_max: float = 1e-3
    reward_scale: float = 0.1
    min_std: float = 0.08


class Rollout:
    """The transitions of one iteration, (steps, count, ...)."""

    def __init__(self, steps: int, count: int, phi_size: int, n: int) -> None:
        self.phi = torch.zeros(steps, count, phi_size)
        self.action = torch.zeros(steps, count, n)  # network units
        self.log_prob = torch.zeros(steps, count)
        self.mean = torch.zeros(steps, count, n)
        self.value = torch.zeros(steps, count)
        self.reward = torch.zeros(steps, count)
        self.done = torch.zeros(steps, count)
        self.next_value = torch.zeros(steps, count)  # of the state before any reset; 0 where terminated


class Ppo:
    """Actor, critic and their optimiser."""

    def __init__(
        self,
        expert: Expert,
        config: PpoConfig,
        mirror: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None = None,
        device: str = "cpu",
    ) -> None:
        self.config, self.device = config, device
        self.actor = expert.to(device)
        self.critic = mlp([expert.phi_size, *expert.hidden, 1]).to(device)
        self.lr = 5e-4
        self.hold_actor = 0  # updates during which only the critic learns: a fresh critic would ruin a good actor
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.actor.parameters()), "lr": self.lr},
                {"params": list(self.critic.parameters()), "lr": config.critic_lr},
            ]
        )
        self._mirror = None
        if mirror is not None:
            phi_perm, phi_sign, act_perm, act_sign = mirror
            self._mirror = (
                torch.as_tensor(phi_perm),
                torch.as_tensor(phi_sign, dtype=torch.float32, device=device),
                torch.as_tensor(act_perm),
                torch.as_tensor(act_sign, dtype=torch.float32, device=device),
            )

    def _distribution(self, phi: torch.Tensor) -> torch.distributions.Normal:
        std = self.actor.log_std.exp().clamp_min(self.config.min_std)
        return torch.distributions.Normal(self.actor.mean(phi), std)

    def _value(self, phi: torch.Tensor) -> torch.Tensor:
        return self.critic(self.actor.normaliser(phi))[:, 0]

    @torch.no_grad()
    def act(self, phi: np.ndarray, rollout: Rollout, t: int) -> np.ndarray:
        """Samples actions for (count, size) phi, notes them, and gives normalised actions (count, n)."""
        x = torch.as_tensor(phi, device=self.device)
        dist = self._distribution(x)
        u = dist.sample()
        rollout.phi[t], rollout.action[t], rollout.mean[t] = x, u, dist.mean
        rollout.log_prob[t] = dist.log_prob(u).sum(-1)
        rollout.value[t] = self._value(x)
        return (u * self.actor.gain).cpu().numpy().astype(np.float64)

    @torch.no_grad()
    def note(
        self, rollout: Rollout, t: int, reward: np.ndarray, terminated: np.ndarray, done: np.ndarray, final: np.ndarray
    ) -> None:
        """Notes what the actions of step t gave."""
        rollout.reward[t] = torch.as_tensor(reward * self.config.reward_scale, dtype=torch.float32)
        rollout.done[t] = torch.as_tensor(done, dtype=torch.float32)
        value = self._value(torch.as_tensor(final, device=self.device))
        rollout.next_value[t] = torch.where(torch.as_tensor(terminated), torch.zeros_like(value), value)

    def _advantages(self, r: Rollout) -> torch.Tensor:
        """Generalised advantage estimation (arXiv 1506.02438)."""
        c = self.config
        advantage = torch.zeros_like(r.reward)
        carry = torch.zeros_like(r.reward[0])
        for t in reversed(range(r.reward.shape[0])):
            delta = r.reward[t] + c.gamma * r.next_value[t] - r.value[t]
            carry = delta + c.gamma * c.gae_lambda * (1.0 - r.done[t]) * carry
            advantage[t] = carry
        return advantage

    def update(self, r: Rollout) -> dict[str, float]:
        """One PPO update on a full rollout; returns the losses."""
        c = self.config
        advantage = self._advantages(r)
        target = (advantage + r.value).flatten()
        flat_adv = advantage.flatten()
        flat_adv = (flat_adv - flat_adv.mean()) / (flat_adv.std() + 1e-8)
        phi, action, mean = r.phi.flatten(0, 1), r.action.flatten(0, 1), r.mean.flatten(0, 1)
        log_prob = r.log_prob.flatten()
        old_std = self.actor.log_std.detach().exp().clamp_min(c.min_std).clone()
        totals = {"policy": 0.0, "value": 0.0, "kl": 0.0, "mirror": 0.0}
        for _ in range(c.epochs):
            for rows in torch.randperm(len(phi)).chunk(c.minibatches):
                x = phi[rows]
                dist = self._distribution(x)
                kl = torch.distributions.kl_divergence(torch.distributions.Normal(mean[rows], old_std), dist)
                self._adapt(float(kl.sum(-1).mean().detach()))
                ratio = (dist.log_prob(action[rows]).sum(-1) - log_prob[rows]).exp()
                adv = flat_adv[rows]
                surrogate = torch.minimum(ratio * adv, ratio.clamp(1 - c.clip, 1 + c.clip) * adv)
                value_loss = nn.functional.mse_loss(self._value(x), target[rows])
                mirror = self._mirror_loss(x, dist.mean)
                loss = (
                    -surrogate.mean()
                    + c.value_weight * value_loss
                    - c.entropy_weight * dist.entropy().sum(-1).mean()
                    + c.mirror_weight * mirror
                )
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.actor.parameters(), c.max_grad_norm)
                nn.utils.clip_grad_norm_(self.critic.parameters(), c.max_grad_norm)
                self.optimizer.step()
                share = 1.0 / (c.epochs * c.minibatches)
                totals["policy"] -= share * float(surrogate.mean().detach())
                totals["value"] += share * float(value_loss.detach())
                totals["kl"] += share * float(kl.sum(-1).mean().detach())
                totals["mirror"] += share * float(mirror.detach())
        self.actor.normaliser.update(phi)
        self.hold_actor = max(0, self.hold_actor - 1)
        totals["std"] = float(self.actor.log_std.detach().exp().mean())
        totals["lr"] = self.lr
        return totals

    def _mirror_loss(self, phi: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        if self._mirror is None:
            return torch.zeros((), device=self.device)
        phi_perm, phi_sign, act_perm, act_sign = self._mirror
        half = phi[::2]  # half the minibatch is enough, and cheaper
        mirrored = self.actor.mean(half[:, phi_perm] * phi_sign)
        return (mirrored - (mean[::2][:, act_perm] * act_sign).detach()).square().mean()

    def _adapt(self, kl: float) -> None:
        c = self.config
        if kl > 2.0 * c.target_kl:
            self.lr = max(c.lr_min, self.lr / 1.5)
        elif 0.0 < kl < 0.5 * c.target_kl:
            self.lr = min(c.lr_max, self.lr * 1.5)
        self.optimizer.param_groups[0]["lr"] = 0.0 if self.hold_actor else self.lr
