"""Exported graphs compute what `Mlp.forward` says, with operations of the bundle's vocabulary only."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from metaworld_rt.export.graph import mlp_to_onnx
from metaworld_rt.export.network import Layer, Mlp, fold_normalisation, random_mlp
from metaworld_rt.train.world_model.config import ModelConfig
from metaworld_rt.train.world_model.model import WorldModel

VOCABULARY = {
    *("Gemm", "LayerNormalization", "Mish", "Elu", "Relu", "Tanh", "Sigmoid", "Softmax"),
    *("Reshape", "Concat", "Slice", "Mul", "Add"),
}


def run(data, inputs):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})[0]


@pytest.mark.parametrize("activation", ["relu", "elu", "tanh", "sigmoid", "mish"])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("simnorm", [0, 8])
def test_random_networks_agree(activation, norm, simnorm):
    rng = np.random.default_rng(0)
    inputs = (("z", 16), ("a", 5))
    net = random_mlp(rng, "n", inputs, (24, 24), 16, activation=activation, norm=norm, simnorm=simnorm)
    x = rng.standard_normal((7, 21)).astype(np.float32)
    data = mlp_to_onnx(net)
    got = run(data, {"z": x[:, :16], "a": x[:, 16:]})
    np.testing.assert_allclose(got, net.forward(x), atol=1e-5, rtol=1e-5)
    assert {node.op_type for node in onnx.load_from_string(data).graph.node} <= VOCABULARY


def test_world_model_networks_equal_torch():
    torch.manual_seed(0)
    config = ModelConfig.of_size("xs", 73, 19, 3, termination=True)
    model = WorldModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    z, a, c, phi = torch.rand(4, 64), torch.rand(4, 19), torch.rand(4, 3), torch.randn(4, 73)
    inputs = {"z": z.numpy(), "a": a.numpy(), "c": c.numpy(), "phi": phi.numpy()}
    with torch.no_grad():
        mean, log_std = model.prior(z, c)
        want = {
            "wm/encoder.onnx": model.encode(phi, c),
            "wm/dynamics.onnx": model.next(z, a, c),
            "wm/reward.onnx": model.reward(z, a, c),
            "wm/q0.onnx": model.q(z, a, c)[0],
            "wm/q1.onnx": model.q(z, a, c)[1],
            "wm/prior.onnx": torch.cat([mean, log_std], -1),
            "wm/termination.onnx": model.end(z, c).unsqueeze(-1),
            "latent/stand.onnx": model.expert_actions(z)[0],
            "latent/walk.onnx": model.expert_actions(z)[1],
            "latent/run.onnx": model.expert_actions(z)[2],
        }
    networks = model.exported(["stand", "walk", "run"])
    assert set(networks) == set(want)
    for key, network in networks.items():
        np.testing.assert_allclose(run(mlp_to_onnx(network), inputs), want[key].numpy(), atol=2e-5, rtol=1e-4)


def test_normalisation_folds_into_the_first_layer():
    rng = np.random.default_rng(1)
    layer = Layer(rng.standard_normal((4, 3)).astype(np.float32), np.ones(4, np.float32), activation="elu")
    offset, scale, x = rng.standard_normal(3), rng.uniform(0.5, 2, 3), rng.standard_normal(3)
    folded = Mlp("f", (("phi", 3),), (fold_normalisation(layer, offset, scale),))
    plain = Mlp("p", (("phi", 3),), (layer,))
    np.testing.assert_allclose(folded.forward(x), plain.forward((x - offset) * scale), atol=1e-5)


def test_malformed_networks_are_refused():
    layer = Layer(np.zeros((4, 3), np.float32), np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="expected"):
        Mlp("n", (("phi", 5),), (layer,))
    with pytest.raises(ValueError, match="unknown activation"):
        Mlp("n", (("phi", 3),), (Layer(layer.weight, layer.bias, activation="snake"),))
    with pytest.raises(ValueError, match="not finite"):
        Mlp("n", (("phi", 3),), (Layer(layer.weight, np.full(4, np.nan, np.float32)),))
    with pytest.raises(ValueError, match="do not split"):
        Mlp("n", (("phi", 3),), (Layer(layer.weight, layer.bias, group=3),))
