"""The implicit world model: encoder, latent dynamics, reward, Q ensemble, policy prior, latent expert heads.

Every network reads the condition `c` (the commanded skill weights), so that one model serves all instructions.
Shapes: phi `[..., phi]`, z `[..., latent]`, a `[..., actions]` in [-1, 1], c `[..., condition]`.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from metaworld_rt.export.network import Mlp
from metaworld_rt.train.world_model.config import ModelConfig
from metaworld_rt.train.world_model.nets import Stack, TwoHot


class WorldModel(nn.Module):
    """TD-MPC2's world model with skill conditioning and latent expert heads."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = k = config
        hidden, state, wide = 2 * [k.mlp], k.latent + k.condition, k.latent + k.actions + k.condition
        self.encoder = Stack(k.phi + k.condition, [k.encoder], k.latent, group=k.simnorm)
        self.dynamics = Stack(wide, hidden, k.latent, group=k.simnorm)
        self.reward_net = Stack(wide, hidden, k.bins).zero_output()
        self.q_net = Stack(wide, hidden, k.bins, count=k.q_heads, dropout=k.dropout).zero_output()
        self.q_target = deepcopy(self.q_net).requires_grad_(False)
        self.prior_net = Stack(state, hidden, 2 * k.actions)
        self.end_net = Stack(state, hidden, 1) if k.termination else None
        self.heads = Stack(k.latent, [k.mlp], k.actions, count=k.skills) if k.heads else None
        self.two_hot = TwoHot(k.bins, k.vmin, k.vmax)

    def train(self, mode: bool = True):
        """As usual, but the target network never drops out."""
        super().train(mode)
        self.q_target.eval()
        return self

    def encode(self, phi: Tensor, c: Tensor) -> Tensor:
        """The latent state."""
        return self.encoder(self._join(phi, c))

    def next(self, z: Tensor, a: Tensor, c: Tensor) -> Tensor:
        """The next latent state."""
        return self.dynamics(self._join(z, a, c))

    def reward(self, z: Tensor, a: Tensor, c: Tensor) -> Tensor:
        """Logits `[..., bins]` of the reward."""
        return self.reward_net(self._join(z, a, c))

    def q(self, z: Tensor, a: Tensor, c: Tensor, target: bool = False) -> Tensor:
        """Logits `[heads, ..., bins]` of the return; the target network's if `target`."""
        return (self.q_target if target else self.q_net)(self._join(z, a, c))

    def end(self, z: Tensor, c: Tensor) -> Tensor:
        """Logit `[...]` that the episode ended on reaching z."""
        return self.end_net(self._join(z, c)).squeeze(-1)

    def prior(self, z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (before tanh) and log standard deviation of the policy prior, each `[..., actions]`."""
        mean, raw = self.prior_net(self._join(z, c)).chunk(2, -1)
        low, high = self.config.log_std
        return mean, low + 0.5 * (high - low) * (raw.tanh() + 1)

    def expert_actions(self, z: Tensor) -> Tensor:
        """What each expert would do in latent state z, `[skills, ..., actions]`."""
        return self.heads(z) if self.config.skills > 1 else self.heads(z).unsqueeze(0)

    @torch.no_grad()
    def track_target(self, tau: float) -> None:
        """Move the target Q ensemble towards the Q ensemble."""
        for slow, fast in zip(self.q_target.parameters(), self.q_net.parameters(), strict=True):
            slow.lerp_(fast, tau)

    def _join(self, *parts: Tensor) -> Tensor:
        if not self.config.conditioned:
            parts = parts[:-1]
        return torch.cat(parts, -1)

    def exported(self, expert_names: list[str]) -> dict[str, Mlp]:
        """Every network of a bundle as numbers, by file key; Q heads 0 and 1 only (docs/bundle.md)."""
        k = self.config
        c = (("c", k.condition),) if k.conditioned else ()
        z, za = (("z", k.latent),), (("z", k.latent), ("a", k.actions))
        out = {
            "wm/encoder.onnx": Mlp("encoder", (("phi", k.phi), *c), self.encoder.exported(), "z_next"),
            "wm/dynamics.onnx": Mlp("dynamics", (*za, *c), self.dynamics.exported(), "z_next"),
            "wm/reward.onnx": Mlp("reward", (*za, *c), self.reward_net.exported(), "logits"),
            "wm/prior.onnx": Mlp("prior", (*z, *c), self.prior_net.exported(), "mean_log_std", k.log_std),
        }
        for i in range(min(2, k.q_heads)):
            out[f"wm/q{i}.onnx"] = Mlp(f"q{i}", (*za, *c), self.q_net.exported(i), "logits")
        if self.end_net is not None:
            out["wm/termination.onnx"] = Mlp("termination", (*z, *c), self.end_net.exported(), "logit")
        if self.heads is not None:
            for i, name in enumerate(expert_names):
                out[f"latent/{name}.onnx"] = Mlp(f"latent_{name}", z, self.heads.exported(i), "action")
        return out
