"""ONNX graphs written node by node, so that a file holds the operations of the bundle's vocabulary and no other.

Opset 18 (the first with `Mish`), IR version 8: readable by ONNX Runtime 1.14 and later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaworld_rt.export.network import NORM_EPSILON, Layer, Mlp

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError("exporting needs the package onnx: pip install 'metaworld-rt[train]'") from error

OPSET = 18
IR_VERSION = 8
_NODE = {"relu": "Relu", "elu": "Elu", "tanh": "Tanh", "sigmoid": "Sigmoid", "mish": "Mish"}


class Graph:
    """Collects nodes and constants; every method that adds a node returns the name of its output."""

    def __init__(self, name: str):
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[tuple, str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._names: set[str] = set()
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 graph input; a string in `shape` names a free dimension."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def constant(self, value, name: str | None = None, dtype=np.float32) -> str:
        """Add an initialiser; equal constants share one."""
        array = np.array(value, dtype, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = name or f"const_{len(self._constants)}"
            if name in self._constants:
                name = f"{name}_{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(array, name)
            self._known[key] = name
        return self._known[key]

    def op(self, kind: str, inputs: Sequence[str], name: str | None = None, **attributes) -> str:
        """Add a node with one output."""
        return self.op_n(kind, inputs, 1, name, **attributes)[0]

    def op_n(self, kind: str, inputs: Sequence[str], outputs: int, name: str | None = None, **attributes) -> list[str]:
        """Add a node with several outputs."""
        self._count += 1
        name = name or f"{kind.lower()}_{self._count}"
        if name in self._names:  # a network evaluated more than once
            name = f"{name}_{self._count}"
        self._names.add(name)
        names = [name if outputs == 1 else f"{name}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def concat(self, parts: Sequence[str], axis: int = -1) -> str:
        """Join along an axis; a single part passes through."""
        return parts[0] if len(parts) == 1 else self.op("Concat", parts, axis=axis)

    def slice(self, x: str, begin: int, end: int, axis: int = -1) -> str:
        """`x[begin:end]` along one axis."""
        bounds = [self.constant([value], dtype=np.int64) for value in (begin, end, axis)]
        return self.op("Slice", [x, *bounds])

    def layer(self, x: str, layer: Layer, name: str) -> str:
        """One layer over `[batch, in]`."""
        weight = self.constant(layer.weight, f"{name}.weight")
        x = self.op("Gemm", [x, weight, self.constant(layer.bias, f"{name}.bias")], f"{name}.dense", transB=1)
        if layer.norm is not None:
            gain, bias = (self.constant(v, f"{name}.{k}") for v, k in zip(layer.norm, ("gain", "shift"), strict=True))
            x = self.op("LayerNormalization", [x, gain, bias], f"{name}.norm", axis=-1, epsilon=NORM_EPSILON)
        if layer.activation != "none":
            x = self.op(_NODE[layer.activation], [x], f"{name}.{layer.activation}")
        if layer.group:
            size = len(layer.bias)
            split = self.constant([0, size // layer.group, layer.group], dtype=np.int64)
            x = self.op("Reshape", [x, split], f"{name}.split")
            x = self.op("Softmax", [x], f"{name}.simnorm", axis=-1)
            x = self.op("Reshape", [x, self.constant([0, size], dtype=np.int64)], f"{name}.join")
        return x

    def mlp(self, network: Mlp, inputs: Sequence[str], prefix: str = "") -> str:
        """A whole network over `[batch, size]` inputs."""
        x = self.concat(inputs)
        for i, layer in enumerate(network.layers):
            x = self.layer(x, layer, f"{prefix}layer{i}")
        if network.log_std_range is not None:
            low, high = network.log_std_range
            half = network.output_size // 2
            mean, raw = self.slice(x, 0, half), self.slice(x, half, 2 * half)
            log_std = self.op("Tanh", [raw])
            log_std = self.op("Mul", [log_std, self.constant([0.5 * (high - low)])])
            log_std = self.op("Add", [log_std, self.constant([0.5 * (high + low)])])
            x = self.concat([mean, log_std])
        return x

    def build(self, outputs: Sequence[tuple[str, str, Sequence[int | str]]], metadata: dict[str, str]) -> bytes:
        """Serialise. `outputs` are (value, public name, shape); the model is checked by onnx first."""
        produced = []
        for value, public, shape in outputs:
            # The last node is renamed rather than followed by an Identity: fewer ops to recognise.
            node = next((n for n in self._nodes if value in n.output), None)
            used = sum(list(n.input).count(value) for n in self._nodes) + sum(v == value for v, _, _ in outputs) - 1
            if node is None or used:
                self._nodes.append(helper.make_node("Identity", [value], [public], name=f"{public}.identity"))
            else:
                node.output[list(node.output).index(value)] = public
            produced.append(helper.make_tensor_value_info(public, TensorProto.FLOAT, list(shape)))
        graph = helper.make_graph(self._nodes, self.name, self._inputs, produced, list(self._constants.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="metaworld_rt",
        )
        for key in sorted(metadata):
            entry = model.metadata_props.add()
            entry.key, entry.value = key, metadata[key]
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def mlp_to_onnx(network: Mlp) -> bytes:
    """One network as an ONNX file: inputs `[batch, size]` by name, output `[batch, output_size]`."""
    graph = Graph(network.name)
    inputs = [graph.input(name, ["batch", size]) for name, size in network.inputs]
    out = graph.mlp(network, inputs)
    return graph.build([(out, network.output, ["batch", network.output_size])], network.metadata)
