"""The native engine against ONNX Runtime: random graphs, torch exports and every shipped network."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from metaworld_rt import _core

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5  # of the greatest output


@pytest.fixture(params=_core.supported_isas())
def isa(request):
    _core.force_isa(request.param)
    yield request.param
    _core.force_isa("")


def difference(model: bytes, rng: np.random.Generator, rounds: int = 4) -> float:
    """Greatest |native - onnxruntime|, relative to the greatest output of that run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    native = _core.Network.from_bytes(model)
    assert [name for name, _ in native.inputs] == [i.name for i in session.get_inputs()]
    worst = 0.0
    for _ in range(rounds):
        parts = [rng.standard_normal(size).astype(np.float32) for _, size in native.inputs]
        got = native.run(np.concatenate(parts))
        feed = {
            i.name: part.reshape([d if isinstance(d, int) else 1 for d in i.shape])
            for i, part in zip(session.get_inputs(), parts, strict=True)
        }
        wanted = np.concatenate([y.ravel() for y in session.run(None, feed)])
        assert got.shape == wanted.shape
        worst = max(worst, float(np.abs(got - wanted).max() / np.abs(wanted).max()))
    return worst


def random_mlp(rng: np.random.Generator) -> bytes:
    """1 to 4 layers of odd sizes, with or without LayerNorm, any activation, sometimes SimNorm at the end."""
    activations = ["Relu", "Elu", "Tanh", "Sigmoid", "Softplus", "Mish", "LeakyRelu", "SiLU", ""]
    nodes, weights = [], []

    def constant(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    parts = [(f"in{i}", int(rng.integers(1, 120))) for i in range(rng.integers(1, 4))]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in parts]
    x, size = parts[0][0], sum(s for _, s in parts)
    if len(parts) > 1:
        nodes.append(helper.make_node("Concat", [name for name, _ in parts], ["joined"], axis=-1))
        x = "joined"
    if rng.random() < 0.3:
        nodes.append(helper.make_node("Sub", [x, constant("mu", rng.standard_normal(size))], ["centred"]))
        nodes.append(helper.make_node("Div", ["centred", constant("sd", rng.uniform(0.5, 2, size))], ["scaled"]))
        x = "scaled"
    layers = int(rng.integers(1, 5))
    for k in range(layers):
        simnorm = k == layers - 1 and rng.random() < 0.3
        out = 8 * int(rng.integers(1, 20)) if simnorm else int(rng.integers(1, 200))
        w = constant(f"w{k}", rng.standard_normal((out, size)) / np.sqrt(size))
        b = constant(f"b{k}", rng.standard_normal(out))
        if rng.random() < 0.7:
            nodes.append(helper.make_node("Gemm", [x, w, b], [f"h{k}"], transB=1))
        else:
            weights[-2] = numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(weights[-2]).T), w)
            nodes.append(helper.make_node("MatMul", [x, w], [f"m{k}"]))
            nodes.append(helper.make_node("Add", [f"m{k}", b], [f"h{k}"]))
        x, size = f"h{k}", out
        if size > 8 and rng.random() < 0.5:
            gain, shift = constant(f"g{k}", rng.standard_normal(out)), constant(f"s{k}", rng.standard_normal(out))
            nodes.append(helper.make_node("LayerNormalization", [x, gain, shift], [f"n{k}"], axis=-1))
            x = f"n{k}"
        if simnorm:
            split, join = (
                numpy_helper.from_array(np.array(shape, np.int64), name)
                for name, shape in (("split", [0, size // 8, 8]), ("join", [0, size]))
            )
            weights.extend([split, join])
            nodes.append(helper.make_node("Reshape", [x, "split"], ["grouped"]))
            nodes.append(helper.make_node("Softmax", ["grouped"], ["soft"], axis=-1))
            nodes.append(helper.make_node("Reshape", ["soft", "join"], ["simnorm"]))
            x = "simnorm"
            continue
        kind = activations[rng.integers(len(activations))]
        if kind == "SiLU":
            nodes.append(helper.make_node("Sigmoid", [x], [f"sig{k}"]))
            nodes.append(helper.make_node("Mul", [x, f"sig{k}"], [f"a{k}"]))
        elif kind:
            nodes.append(helper.make_node(kind, [x], [f"a{k}"]))
        x = f"a{k}" if kind else x
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", size])]
    graph = helper.make_graph(nodes, "mlp", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.mark.parametrize("seed", range(32))
def test_random_mlps(seed, isa):
    rng = np.random.default_rng(seed)
    assert difference(random_mlp(rng), rng) <= TOLERANCE


def torch_networks():
    torch = pytest.importorskip("torch")
    from torch import nn

    class NormedLinear(nn.Module):  # TD-MPC2's layer
        def __init__(self, size, out, activation):
            super().__init__()
            self.linear, self.norm, self.activation = nn.Linear(size, out), nn.LayerNorm(out), activation

        def forward(self, x):
            return self.activation(self.norm(self.linear(x)))

    class SimNorm(nn.Module):
        def forward(self, x):
            shape = x.shape
            return torch.softmax(x.view(*shape[:-1], -1, 8), -1).view(*shape)

    class Joined(nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, z, a, c):
            return self.body(torch.cat([z, a, c], -1))

    class Normalised(nn.Module):
        def __init__(self, size, body):
            super().__init__()
            self.register_buffer("mean", torch.randn(size))
            self.register_buffer("std", torch.rand(size) + 0.5)
            self.body = body

        def forward(self, x):
            return self.body(((x - self.mean) / self.std).clamp(-5, 5))

    class Prior(nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, z):
            mean, log_std = self.body(z).chunk(2, -1)
            return torch.cat([torch.tanh(mean), -10 + 6 * (torch.tanh(log_std) + 1)], -1)

    torch.manual_seed(0)
    mish = nn.Mish()
    return {
        "elu": (nn.Sequential(nn.Linear(48, 40), nn.ELU(), nn.Linear(40, 19)), (48,)),
        "silu": (nn.Sequential(nn.Linear(48, 40), nn.SiLU(), nn.Linear(40, 19), nn.Tanh()), (48,)),
        "normalised": (Normalised(30, nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 5))), (30,)),
        "dynamics": (
            Joined(
                nn.Sequential(NormedLinear(38, 64, mish), NormedLinear(64, 48, mish), NormedLinear(48, 32, SimNorm()))
            ),
            (16, 19, 3),
        ),
        "prior": (Prior(nn.Sequential(NormedLinear(16, 32, mish), nn.Linear(32, 12))), (16,)),
    }


@pytest.mark.torch
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("free_batch", [False, True], ids=["batch1", "batch"])
@pytest.mark.parametrize("name", ["elu", "silu", "normalised", "dynamics", "prior"])
def test_torch_exports(name, free_batch, dynamo):
    torch = pytest.importorskip("torch")
    network, sizes = torch_networks()[name]
    names = ["z", "a", "c"][: len(sizes)] if len(sizes) > 1 else ["phi"]
    rows = 2 if free_batch and dynamo else 1  # dynamo takes a batch of 1 for a constant
    example = tuple(torch.randn(rows, size) for size in sizes)
    settings = {"input_names": names, "output_names": ["out"], "dynamo": dynamo}
    if free_batch and dynamo:
        batch = torch.export.Dim("batch", min=1, max=4096)
        shapes = [{0: batch} for _ in sizes]
        settings["dynamic_shapes"] = dict(zip(names, shapes, strict=True)) if len(sizes) > 1 else shapes
    elif free_batch:
        settings["dynamic_axes"] = {n: {0: "batch"} for n in [*names, "out"]}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(network.eval(), example, verbose=False, **settings).save(file)
        else:
            torch.onnx.export(network.eval(), example, file, **settings)
    model = file.getvalue()
    assert difference(model, np.random.default_rng(0)) <= TOLERANCE
    fused = _core.Network.from_bytes(model).operations
    assert not any("softplus" in line or (line.startswith("activation") and "mish" in line) for line in fused), fused


def shipped() -> list[Path]:
    found = [p for folder in (ROOT / "models", ROOT / "tests" / "data") for p in folder.rglob("*.onnx")]
    return sorted(p for p in found if p.name != "plan.onnx" and "semantic" not in p.parts)


@pytest.mark.parametrize("path", shipped(), ids=lambda p: str(p.relative_to(ROOT)))
def test_shipped_networks(path, isa):
    assert difference(path.read_bytes(), np.random.default_rng(1), rounds=8) <= TOLERANCE


def one_node(op: str, **attributes) -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy"]
    node = helper.make_node(op, ["x"], ["y"], name="the_node", **attributes)
    graph = helper.make_graph([node], "g", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()


def test_an_unsupported_op_is_refused_by_name():
    with pytest.raises(_core.Error, match=r"net: node the_node, op Erf: it is not supported .* onnxruntime engine"):
        _core.Network.from_bytes(one_node("Erf"), "net")


@pytest.mark.parametrize("data", [b"", b"not a model", one_node("Relu")[:-9], b"\x3a\xff\xff\xff\xff\x7f"])
def test_what_is_not_a_model_is_refused(data):
    with pytest.raises(_core.Error):
        _core.Network.from_bytes(data)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(_core.Error, match="cannot be opened"):
        _core.Network.from_file(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    "x",
    [np.zeros(4), np.zeros(3, np.float32), np.zeros((1, 4), np.float32), np.zeros(8, np.float32)[::2]],
    ids=["float64", "short", "matrix", "strided"],
)
def test_wrong_inputs_are_refused(x):
    network = _core.Network.from_bytes(one_node("Relu"))
    with pytest.raises(ValueError, match="contiguous float32 vector of 4 elements"):
        network.run(x)


def test_metadata_and_ports(tmp_path):
    model = onnx.load_from_string(one_node("Relu"))
    entry = model.metadata_props.add()
    entry.key, entry.value = "joint_names", "a,b"
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    network = _core.Network.from_file(path)
    assert network.metadata == {"joint_names": "a,b"}
    assert (network.inputs, network.outputs) == ([("x", 4)], [("y", 4)])
    assert network.run(np.array([-1, 0, 2, 3], np.float32)).tolist() == [0, 0, 2, 3]
