"""One network as plain numbers: what lies between a PyTorch module and an ONNX file.

Needs numpy alone. `Mlp.forward` is an independent statement of what the exported graph must compute; the
self-test vectors of a bundle come from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

#: Activations that every engine of the project knows.
ACTIVATIONS = ("none", "relu", "elu", "tanh", "sigmoid", "mish")

#: Epsilon of every LayerNorm (PyTorch's default).
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Layer:
    """`y = simnorm(act(norm(W x + b)))`; norm and simnorm are optional.

    Attributes:
        weight: `[out, in]`, float32.
        bias: `[out]`, float32.
        norm: gain and bias of a LayerNorm over the outputs, each `[out]`, or None.
        activation: one of `ACTIVATIONS`.
        group: softmax over consecutive groups of this many outputs (SimNorm, arXiv 2310.16828); 0 for none.
    """

    weight: np.ndarray
    bias: np.ndarray
    norm: tuple[np.ndarray, np.ndarray] | None = None
    activation: str = "none"
    group: int = 0


@dataclass(frozen=True)
class Mlp:
    """A stack of layers over the concatenation of named inputs.

    Attributes:
        name: graph name.
        inputs: name and size of each input, in the order in which they are concatenated.
        layers: at least one.
        output: name of the output.
        log_std_range: for a policy prior: the output is `[mean, raw]`, and `raw` leaves the graph as
            `low + (high - low) / 2 * (tanh(raw) + 1)`.
        metadata: ONNX `metadata_props`.
    """

    name: str
    inputs: tuple[tuple[str, int], ...]
    layers: tuple[Layer, ...]
    output: str = "output"
    log_std_range: tuple[float, float] | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        size = self.input_size
        if not self.layers:
            raise ValueError(f"network {self.name!r} has no layers")
        for i, layer in enumerate(self.layers):
            out = len(layer.bias)
            if layer.weight.shape != (out, size):
                raise ValueError(
                    f"network {self.name!r}, layer {i}: the weight is {layer.weight.shape}, expected {(out, size)}"
                )
            if layer.activation not in ACTIVATIONS:
                raise ValueError(f"network {self.name!r}, layer {i}: unknown activation {layer.activation!r}")
            if layer.group and out % layer.group:
                raise ValueError(f"network {self.name!r}, layer {i}: {out} outputs do not split into {layer.group}s")
            parts = (layer.weight, layer.bias, *(layer.norm or ()))
            if not all(np.isfinite(part).all() for part in parts):
                raise ValueError(f"network {self.name!r}, layer {i}: weights are not finite")
            size = out

    @property
    def input_size(self) -> int:
        """Length of all inputs together."""
        return sum(size for _, size in self.inputs)

    @property
    def output_size(self) -> int:
        """Length of the output."""
        return len(self.layers[-1].bias)

    def forward(self, x: Sequence | np.ndarray) -> np.ndarray:
        """Evaluate on `[..., input_size]` in float64; returns `[..., output_size]` as float32."""
        y = np.asarray(x, np.float64)
        for layer in self.layers:
            y = y @ layer.weight.T.astype(np.float64) + layer.bias
            if layer.norm is not None:
                centred = y - y.mean(-1, keepdims=True)
                y = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + NORM_EPSILON)
                y = y * layer.norm[0] + layer.norm[1]
            y = _activate(layer.activation, y)
            if layer.group:
                y = _group_softmax(y, layer.group)
        if self.log_std_range is not None:
            low, high = self.log_std_range
            half = y.shape[-1] // 2
            y = np.concatenate([y[..., :half], low + 0.5 * (high - low) * (np.tanh(y[..., half:]) + 1)], -1)
        return y.astype(np.float32)


def fold_normalisation(layer: Layer, offset: np.ndarray, scale: np.ndarray) -> Layer:
    """The layer that takes raw `x` where `layer` takes `(x - offset) * scale`."""
    weight = layer.weight * np.asarray(scale, np.float32)
    bias = layer.bias - weight @ np.asarray(offset, np.float32)
    return Layer(weight.astype(np.float32), bias.astype(np.float32), layer.norm, layer.activation, layer.group)


def elu_chain(
    name: str, inputs: tuple[tuple[str, int], ...], chain: Iterable, *, output: str, metadata: dict | None = None
) -> Mlp:
    """The same as PyTorch's Linear layers in `chain` with ELU between them, whatever else is in it."""
    linear = [module for module in chain if hasattr(module, "weight")]
    layers = tuple(
        Layer(m.weight.detach().numpy(), m.bias.detach().numpy(), activation="none" if m is linear[-1] else "elu")
        for m in linear
    )
    return Mlp(name, inputs, layers, output=output, metadata=metadata or {})


def random_mlp(
    rng: np.random.Generator,
    name: str,
    inputs: tuple[tuple[str, int], ...],
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "elu",
    norm: bool = False,
    simnorm: int = 0,
    gain: float = 1.0,
    output: str = "output",
    log_std_range: tuple[float, float] | None = None,
) -> Mlp:
    """A network with random weights, for tests and toy bundles. `gain` scales the last layer."""
    sizes = [sum(size for _, size in inputs), *hidden, outputs]
    layers = []
    for i, (size_in, size_out) in enumerate(itertools.pairwise(sizes)):
        last = i == len(sizes) - 2
        weight = rng.standard_normal((size_out, size_in)) / np.sqrt(size_in) * (gain if last else 1.0)
        bias = 0.1 * rng.standard_normal(size_out) * (gain if last else 1.0)
        has_norm = norm and (not last or simnorm > 0)
        gains = (1 + 0.1 * rng.standard_normal(size_out), 0.1 * rng.standard_normal(size_out)) if has_norm else None
        layers.append(
            Layer(
                weight.astype(np.float32),
                bias.astype(np.float32),
                None if gains is None else (gains[0].astype(np.float32), gains[1].astype(np.float32)),
                "none" if last else activation,
                simnorm if last else 0,
            )
        )
    return Mlp(name, inputs, tuple(layers), output=output, log_std_range=log_std_range)


def _activate(name: str, x: np.ndarray) -> np.ndarray:
    if name == "none":
        return x
    if name == "relu":
        return np.maximum(x, 0)
    if name == "elu":
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    if name == "tanh":
        return np.tanh(x)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    return x * np.tanh(np.logaddexp(0, x))  # mish


def _group_softmax(x: np.ndarray, group: int) -> np.ndarray:
    split = x.reshape(*x.shape[:-1], -1, group)
    exponent = np.exp(split - split.max(-1, keepdims=True))
    return (exponent / exponent.sum(-1, keepdims=True)).reshape(x.shape)
