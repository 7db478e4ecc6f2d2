"""Checkpoints to bundle: what is exported computes what was trained."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import metaworld_rt as mw

sys.path.insert(0, str(Path(__file__).parents[1] / "train" / "world_model"))
from library import untrained

from metaworld_rt.export import read_bundle, verify_bundle
from metaworld_rt.export.assemble import export_bundle
from metaworld_rt.train.gate.train import Gate
from metaworld_rt.train.handover.train import Handover, HandoverConfig
from metaworld_rt.train.world_model.config import ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel


def run(data, x):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def test_experts_alone(tmp_path):
    library = untrained()
    path = export_bundle(tmp_path / "b", library, provenance={"command": "test"})
    description = verify_bundle(path)
    assert "world_model" not in description
    assert "gate" not in description
    assert description["provenance"]["command"] == "test"
    assert description["provenance"]["experts"]["walk"] == {"seed": 0}
    assert [e.get("phase_period_s") for e in description["experts"]] == [None, 0.8, 0.5]
    phi = np.random.default_rng(0).standard_normal((9, 72)).astype(np.float32)
    _, files = read_bundle(path)
    for name, expert in zip(library.names, library.networks, strict=True):
        want = expert(torch.from_numpy(phi)).detach().numpy()
        np.testing.assert_allclose(run(files[f"experts/{name}.onnx"], phi), want, atol=1e-5, rtol=1e-4)


def test_everything(tmp_path):
    library = untrained()
    model = WorldModel(ModelConfig.of_size("xs", 72, 19, 3))
    planner = PlannerConfig(samples=16, elites=4, prior_trajectories=2, expert_trajectories=1, guidance=1.0)
    calibration = np.random.default_rng(0).random((5, 75)).astype(np.float32)
    path = export_bundle(
        tmp_path / "b.zip", library, gate=Gate(72, 3), world_model=model, planner=planner, calibration=calibration
    )
    description = verify_bundle(path)
    assert description["planner"]["samples"] == 16
    assert description["planner"]["precision"] == "fp32"
    assert description["world_model"]["q"] == ["wm/q0.onnx", "wm/q1.onnx"]
    assert description["world_model"]["plan"] == "wm/plan.onnx"
    assert [e["latent_file"] for e in description["experts"]] == [f"latent/{n}.onnx" for n in library.names]
    _, files = read_bundle(path)
    assert np.array_equal(np.frombuffer(files["calibration.bin"], "<f4").reshape(5, 75), calibration)


def test_a_handover_is_exported_with_what_is_ready(tmp_path):
    library, config = untrained(), HandoverConfig(ready=0.8, wait_ms=600.0)
    handover = Handover(72, 3, config)
    path = export_bundle(tmp_path / "b", library, handover=handover)
    description = verify_bundle(path)
    assert description["handover"] == {"file": "handover.onnx", "ready": 0.8, "wait_ms": 600.0}
    phi = np.random.default_rng(0).standard_normal((9, 72)).astype(np.float32)
    want = handover(torch.from_numpy(phi)).detach().numpy()
    np.testing.assert_allclose(run(read_bundle(path)[1]["handover.onnx"], phi), want, atol=1e-5, rtol=1e-4)
    assert mw.load(path).has_handover
