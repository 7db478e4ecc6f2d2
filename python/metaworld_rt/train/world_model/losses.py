"""One update of the world model: TD-MPC2's losses, and what MetaWorld adds.

L = consistency + reward + value (+ termination) + latent heads, then the prior:
-Q / scale - entropy + lambda * ||a - a_ref||^2  (arXiv 2310.16828 eq. 3-4, arXiv 2601.17507 L_total).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from metaworld_rt.train.world_model.buffer import Batch
from metaworld_rt.train.world_model.config import LossConfig
from metaworld_rt.train.world_model.model import WorldModel


class Learner:
    """Optimisers and running statistics around a model.

    Args:
        model: updated in place.
        config: loss weights.
        published: targets as TD-MPC2 publishes them (the prior's action, the least of two Q) in place of policy
            evaluation (the clean action, the mean Q).
    """

    def __init__(self, model: WorldModel, config: LossConfig = LossConfig(), published: bool = False):  # noqa: B008
        self.model, self.config, self.published = model, config, published
        rest = [m for m in (model.dynamics, model.reward_net, model.q_net, model.end_net, model.heads) if m is not None]
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(model.encoder.parameters()), "lr": config.encoder_lr},
                {"params": [p for m in rest for p in m.parameters()]},
            ],
            lr=config.lr,
        )
        self.prior_optimizer = torch.optim.Adam(model.prior_net.parameters(), lr=config.lr, eps=1e-5)
        self.scale = torch.ones(())

    def state_dict(self) -> dict:
        """All that a resumed training needs."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "prior_optimizer": self.prior_optimizer.state_dict(),
            "scale": self.scale,
        }

    def load_state_dict(self, state: dict) -> None:
        """The inverse of `state_dict`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.prior_optimizer.load_state_dict(state["prior_optimizer"])
        self.scale = state["scale"]

    def set_progress(self, share: float) -> None:
        """Set the learning rates for `share` of the training done."""
        k = self.config
        factor = k.decay + (1 - k.decay) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        for group, rate in zip(self.optimizer.param_groups, (k.encoder_lr, k.lr), strict=True):
            group["lr"] = factor * rate
        self.prior_optimizer.param_groups[0]["lr"] = factor * k.lr

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One gradient step on the model and one on the prior; returns scalar figures."""
        model, k = self.model, self.config
        target = self._value_target(batch)
        model.train()
        with torch.no_grad():
            next_z = model.encode(batch.phi[1:], self._c(batch, len(batch.action)))
        z = model.encode(batch.phi[0], batch.c)
        zs, consistency = [z], 0.0
        for t, action in enumerate(batch.action):
            z = model.next(z, action, batch.c)
            consistency = consistency + k.rho**t * functional.mse_loss(z, next_z[t])
            zs.append(z)
        zs = torch.stack(zs)
        steps, c = len(batch.action), self._c(batch, len(batch.action))
        rho = k.rho ** torch.arange(steps + 1, device=zs.device)
        reward = model.two_hot.loss(model.reward(zs[:-1], batch.action, c), batch.reward)
        value = model.two_hot.loss(model.q(zs[:-1], batch.action, c), target).mean(0)
        losses = {
            "consistency": consistency / steps,
            "reward": (reward.mean(-1) * rho[:-1]).mean(),
            "value": (value.mean(-1) * rho[:-1]).mean(),
        }
        if model.end_net is not None:
            losses["termination"] = functional.binary_cross_entropy_with_logits(model.end(zs[1:], c), batch.ends)
        if model.heads is not None:
            error = (model.expert_actions(zs) - batch.experts.movedim(2, 0)).square().mean((0, 2, 3))
            losses["heads"] = (error * rho).mean()
        total = sum(getattr(k, name) * loss for name, loss in losses.items())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], k.clip)
        self.optimizer.step()
        figures = {name: loss.detach() for name, loss in losses.items()}
        figures |= {"total": total.detach(), "gradient": norm, "target": target.mean()}
        figures |= self._update_prior(zs.detach(), batch, rho)
        model.track_target(k.tau)
        model.eval()
        return figures

    @torch.no_grad()
    def _value_target(self, batch: Batch) -> Tensor:
        model = self.model.eval()
        c = self._c(batch, len(batch.action))
        z = model.encode(batch.boot_phi, c)
        if self.published:
            mean, log_std = model.prior(z, c)
            action = (mean + log_std.exp() * torch.randn_like(mean)).tanh()
            heads = torch.randperm(model.config.q_heads)[:2]
            q = model.two_hot.decode(model.q(z, action, c, target=True)[heads]).amin(0)
        else:
            q = model.two_hot.decode(model.q(z, batch.boot_action, c, target=True)).mean(0)
        return batch.partial + batch.weight * q

    def _update_prior(self, zs: Tensor, batch: Batch, rho: Tensor) -> dict[str, Tensor]:
        """A step of the prior towards higher Q, more entropy, and the experts."""
        model, k = self.model.eval(), self.config
        c = self._c(batch, len(zs))
        mean, log_std = model.prior(zs, c)
        noise = torch.randn_like(mean)
        action = (mean + log_std.exp() * noise).tanh()
        squash = torch.log(1 - action.square() + 1e-6)
        entropy = (0.5 * noise.square() + log_std + 0.919 + squash).sum(-1)
        model.q_net.requires_grad_(False)
        q = model.two_hot.decode(model.q(zs, action, c)).mean(0)
        model.q_net.requires_grad_(True)
        with torch.no_grad():
            low, high = torch.quantile(q[0], torch.tensor([0.05, 0.95]))
            self.scale = torch.lerp(self.scale, (high - low).clamp_min(1.0), k.tau)
        away = (mean.tanh() - batch.reference).square().sum(-1)
        loss = (-q / self.scale - k.entropy * entropy + k.guidance * away).mean(-1)
        self.prior_optimizer.zero_grad(set_to_none=True)
        (loss * rho).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.prior_net.parameters(), k.clip)
        self.prior_optimizer.step()
        return {"q": q.mean().detach(), "away": away.mean().detach(), "entropy": entropy.mean().detach()}

    @staticmethod
    def _c(batch: Batch, steps: int) -> Tensor:
        return batch.c.expand(steps, -1, -1)
