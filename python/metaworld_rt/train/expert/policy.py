"""The expert's network: phi -> normalised action, an MLP with ELU, and a Gaussian around it for exploration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.features import Feature, slices
from metaworld_rt.tasks.features import size as layout_size

_UNIT_RAD = {"hip_yaw": 0.3, "hip_roll": 0.3, "hip_pitch": 0.5, "knee": 0.5, "ankle": 1.0, "torso": 0.3}
UNIT_RAD = np.array([_UNIT_RAD.get(name.removeprefix("left_").removeprefix("right_"), 0.4) for name in H1.joints])
"""rad per unit of the network's output, (19,): so that a unit of every joint matters about as much.

The ankles' servos are soft (40 N m/rad against some 450 N m/rad with which the body topples), so they get most.
"""


DEVIATION_FLOOR = 0.05


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with ELU between them, orthogonal initialisation."""
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layer = nn.Linear(sizes[i], sizes[i + 1])
        nn.init.orthogonal_(layer.weight, 1.0)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
        if i < len(sizes) - 2:
            layers.append(nn.ELU())
    return nn.Sequential(*layers)


class Normaliser(nn.Module):
    """Shifts and scales phi by the mean and deviation seen in training, with a floor so that nothing is blown up.

    `mask` is 0 for what the expert must not see, else 1.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros(()))

    @property
    def deviation(self) -> torch.Tensor:
        """What phi is divided by, (size,)."""
        return self.variance.sqrt().clamp_min(DEVIATION_FLOOR)

    @torch.no_grad()
    def update(self, phi: torch.Tensor) -> None:
        """Takes a batch (k, size) into the statistics; later batches count less and less, down to a thousandth."""
        self.count += 1
        share = float(torch.clamp(1.0 / self.count, min=1e-3))
        mean, variance = phi.mean(0), phi.var(0)
        delta = mean - self.mean
        self.variance.mul_(1 - share).add_(share * variance + share * (1 - share) * delta.square())
        self.mean.add_(share * delta)

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Normalised phi, (batch, size)."""
        return (phi - self.mean) * (self.mask / self.deviation)


class Expert(nn.Module):
    """Deterministic expert: phi (batch, size) -> normalised action (batch, n), not clamped (the controller clamps).

    `log_std` is in units of the network's output, that is of `UNIT_RAD` rad.
    """

    def __init__(self, phi_size: int, hidden: Sequence[int] = (256, 128), initial_std: float = 0.3) -> None:
        super().__init__()
        self.hidden = tuple(hidden)
        self.phi_size = phi_size
        self.normaliser = Normaliser(phi_size)
        self.net = mlp([phi_size, *hidden, H1.n])
        with torch.no_grad():
            self.net[-1].weight.mul_(0.01)
        self.register_buffer("gain", torch.tensor(UNIT_RAD / H1.action_scale, dtype=torch.float32))
        self.log_std = nn.Parameter(torch.full((H1.n,), float(np.log(initial_std))))

    def mean(self, phi: torch.Tensor) -> torch.Tensor:
        """The network's output, (batch, n), in `UNIT_RAD` rad."""
        return self.net(self.normaliser(phi))

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Normalised action, (batch, n)."""
        return self.mean(phi) * self.gain


def deployed(expert: Expert) -> nn.Sequential:
    """The same function as a plain chain of Linear and ELU, for export: normaliser and gain are folded in."""
    sizes = [expert.phi_size, *expert.hidden, H1.n]
    chain = mlp(sizes)
    chain.load_state_dict(expert.net.state_dict())
    with torch.no_grad():
        scale = expert.normaliser.mask / expert.normaliser.deviation
        chain[0].bias.sub_(chain[0].weight @ (expert.normaliser.mean * scale))
        chain[0].weight.mul_(scale)
        chain[-1].weight.mul_(expert.gain[:, None])
        chain[-1].bias.mul_(expert.gain)
    return chain.eval()


def widen(expert: Expert, old: Sequence[Feature], new: Sequence[Feature]) -> Expert:
    """The same expert for a larger phi: it is blind to what it did not read before.

    Args:
        expert: reads `old`.
        old: its layout.
        new: the larger layout; every feature of `old` must be in it with the same scale.

    Raises:
        ValueError: `new` lacks a feature of `old`.
    """
    missing = [f.name for f in old if f not in new]
    if missing:
        raise ValueError(f"the new features lack {', '.join(missing)}")
    wide = Expert(layout_size(new), expert.hidden)
    state = expert.state_dict()
    at_old, at_new = slices(old), slices(new)
    fill = {"normaliser.mask": 0.0, "normaliser.mean": 0.0, "normaliser.variance": 1.0, "net.0.weight": 0.0}
    for key, value in fill.items():
        grown = torch.full((*state[key].shape[:-1], layout_size(new)), value)
        for f in old:
            grown[..., at_new[f.name]] = state[key][..., at_old[f.name]]
        state[key] = grown
    wide.load_state_dict(state)
    return wide.eval()
