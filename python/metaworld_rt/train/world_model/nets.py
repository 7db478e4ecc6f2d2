"""Building blocks: normalised layers, an ensemble of equal networks, two-hot regression over symlog values."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from metaworld_rt.export.network import NORM_EPSILON, Layer


class Dense(nn.Module):
    """`n` parallel layers `simnorm(act(norm(W x + b)))` (n = 1: an ordinary one).

    Args:
        count: number of parallel networks K.
        size_in, size_out: widths.
        norm: LayerNorm after the linear map.
        activation: "mish" or "none".
        group: SimNorm group, 0 for none.
        dropout: before the LayerNorm, while training.
    """

    def __init__(self, count, size_in, size_out, *, norm=True, activation="mish", group=0, dropout=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, size_in, size_out))
        self.bias = nn.Parameter(torch.zeros(count, 1, size_out))
        self.gain = nn.Parameter(torch.ones(count, 1, size_out)) if norm else None
        self.shift = nn.Parameter(torch.zeros(count, 1, size_out)) if norm else None
        self.activation, self.group, self.dropout = activation, group, dropout
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """`[K or 1, B, in]` to `[K, B, out]`."""
        if len(self.weight) == 1:
            x = functional.linear(x, self.weight[0].T, self.bias[0, 0])
        else:
            x = torch.matmul(x, self.weight) + self.bias
        if self.dropout and self.training:
            x = functional.dropout(x, self.dropout)
        if self.gain is not None:
            x = functional.layer_norm(x, x.shape[-1:], eps=NORM_EPSILON) * self.gain + self.shift
        if self.activation == "mish":
            x = functional.mish(x)
        if self.group:
            x = x.unflatten(-1, (-1, self.group)).softmax(-1).flatten(-2)
        return x

    def exported(self, k: int) -> Layer:
        """Layer number `k` as numbers."""

        def numbers(parameter: Tensor):
            return parameter.detach().cpu().float().numpy()

        norm = None if self.gain is None else (numbers(self.gain[k, 0]), numbers(self.shift[k, 0]))
        weight = numbers(self.weight[k].T).copy()
        return Layer(weight, numbers(self.bias[k, 0]), norm, self.activation, self.group)


class Stack(nn.Sequential):
    """`count` parallel MLPs of TD-MPC2's kind: normalised Mish layers, then a plain or SimNorm output."""

    def __init__(self, size_in, hidden, size_out, *, count=1, group=0, dropout=0.0):
        sizes = [size_in, *hidden]
        layers = [
            Dense(count, a, b, dropout=dropout if i == 0 else 0.0) for i, (a, b) in enumerate(itertools.pairwise(sizes))
        ]
        layers.append(Dense(count, sizes[-1], size_out, norm=group > 0, activation="none", group=group))
        super().__init__(*layers)
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`, or `[K, ..., out]` for K > 1 networks."""
        y = x.reshape(1, -1, x.shape[-1])
        for layer in self:
            y = layer(y)
        if self.count == 1:
            return y.reshape(*x.shape[:-1], y.shape[-1])
        return y.reshape(self.count, *x.shape[:-1], y.shape[-1])

    def zero_output(self) -> Stack:
        """Start from a zero output (TD-MPC2 does so for reward and Q)."""
        nn.init.zeros_(self[-1].weight)
        return self

    def exported(self, k: int = 0) -> tuple[Layer, ...]:
        """The layers of network `k` as numbers."""
        return tuple(layer.exported(k) for layer in self)


def symlog(x: Tensor) -> Tensor:
    """`sign(x) log(1 + |x|)` (DreamerV3)."""
    return torch.sign(x) * torch.log1p(x.abs())


def symexp(x: Tensor) -> Tensor:
    """Inverse of `symlog`."""
    return torch.sign(x) * torch.expm1(x.abs())


class TwoHot(nn.Module):
    """Scalars as distributions over `bins` points, evenly spaced in symlog space."""

    def __init__(self, bins: int, vmin: float, vmax: float):
        super().__init__()
        self.vmin, self.vmax = vmin, vmax
        self.register_buffer("points", torch.linspace(vmin, vmax, bins))

    def decode(self, logits: Tensor) -> Tensor:
        """`[..., bins]` to `[...]`: symexp of the expectation."""
        return symexp(logits.softmax(-1) @ self.points)

    def encode(self, x: Tensor) -> Tensor:
        """`[...]` to `[..., bins]`: weight on the two nearest points."""
        bins = len(self.points)
        at = (symlog(x).clamp(self.vmin, self.vmax) - self.vmin) * ((bins - 1) / (self.vmax - self.vmin))
        low = at.floor().clamp(0, bins - 2)
        part = (at - low).unsqueeze(-1)
        low = low.long().unsqueeze(-1)
        out = torch.zeros(*x.shape, bins, device=x.device, dtype=x.dtype)
        return out.scatter(-1, low, 1 - part).scatter(-1, low + 1, part)

    def loss(self, logits: Tensor, x: Tensor) -> Tensor:
        """Cross entropy of `logits` `[..., bins]` with targets `x` `[...]` (broadcast), `[...]`."""
        return -(self.encode(x) * logits.log_softmax(-1)).sum(-1)
