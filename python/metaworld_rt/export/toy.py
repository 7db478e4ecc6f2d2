"""A small bundle with random weights: for tests of loaders and engines, not for a robot."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from metaworld_rt.export.bundle import write_bundle
from metaworld_rt.export.network import Mlp, random_mlp
from metaworld_rt.export.robot import expert_metadata, limits_section, observation_section, robot_section
from metaworld_rt.export.schema import SCHEMA, feature_size
from metaworld_rt.plants.robot import H1

#: The locomotion features, in phi order.
FEATURES = (
    ("height", 1, 1.0),
    ("gravity", 3, 1.0),
    ("heading", 3, 1.0),
    ("lin_vel", 3, 0.5),
    ("ang_vel", 3, 0.25),
    ("joint_pos", 19, 1.0),
    ("joint_vel", 19, 0.05),
    ("prev_action", 19, 1.0),
    ("phase", 2, 1.0),
    ("speed", 1, 0.2),
)
_EXPERTS = (("stand", "stands still", None), ("walk", "walks forward", 0.7), ("run", "runs forward", 0.5))


def write_toy_bundle(
    path: str | os.PathLike,
    seed: int = 0,
    world_model: bool = True,
    *,
    handover: bool = False,
    latent: int = 16,
    hidden: int = 16,
    overwrite: bool = False,
) -> Path:
    """Write a bundle of three random experts (stand, walk, run) for H1.

    Args:
        path: folder or `.zip` to write.
        seed: of every weight.
        world_model: with gate, latent heads, world model, planner settings and plan.onnx.
        handover: whether a skill is waited for.
        latent: size of z, a multiple of 8.
        hidden: width of the hidden layers.
        overwrite: replace what is there.
    """
    from metaworld_rt.export.plan import plan_to_onnx

    rng = np.random.default_rng(seed)
    features = [{"name": name, "size": size, "scale": scale} for name, size, scale in FEATURES]
    description = {
        "schema": SCHEMA,
        "name": "toy",
        "version": "0.1.0",
        "licence": "MIT",
        "robot": robot_section(H1),
        "observation": observation_section(H1),
        "action": {"scale": H1.action_scale.tolist(), "between_decisions": "hold"},
        "rates": {"tick_hz": 1000, "decision_hz": 50},
        "limits": {
            **limits_section(H1),
            "command_rate": [30.0] * H1.n,
        },  # low enough that the tests of the limiter meet it
        "features": features,
        "experts": [],
        "safe_skill": "stand",
        "fusion": {"alpha": 0.7, "semantic_ttl_ms": 5000, "fade_ms": 1000},
        "selftest": "selftest.bin",
        "provenance": {"command": f"write_toy_bundle(seed={seed})", "note": "random weights, for tests"},
    }
    phi, n = feature_size(description), H1.n
    networks: dict[str, Mlp] = {}
    extra: dict[str, bytes] = {}
    meta = expert_metadata(H1, features)
    for name, text, period in _EXPERTS:
        network = random_mlp(rng, name, (("phi", phi),), (hidden, hidden), n, gain=0.2, output="action")
        networks[f"experts/{name}.onnx"] = Mlp(
            network.name, network.inputs, network.layers, output="action", metadata=meta
        )
        expert = {"name": name, "description": text, "file": f"experts/{name}.onnx"}
        if period:
            expert["phase_period_s"] = period
        if world_model:
            expert["latent_file"] = f"latent/{name}.onnx"
        description["experts"].append(expert)
    calibration = None
    if world_model:
        networks.update(_world_model(rng, phi, n, latent, hidden))
        description["gate"] = {"file": "gate.onnx", "condition": len(_EXPERTS)}
        description["world_model"] = {
            "latent": latent,
            "simnorm": 8,
            "bins": 101,
            "vmin": -10.0,
            "vmax": 10.0,
            "condition": len(_EXPERTS),
            "discount": 0.99,
            "encoder": "wm/encoder.onnx",
            "dynamics": "wm/dynamics.onnx",
            "reward": "wm/reward.onnx",
            "q": ["wm/q0.onnx", "wm/q1.onnx"],
            "prior": "wm/prior.onnx",
            "termination": None,
        }
        description["planner"] = {
            "horizon": 3,
            "samples": 64,
            "iterations": 2,
            "elites": 16,
            "prior_trajectories": 4,
            "expert_trajectories": 2,
            "temperature": 0.5,
            "min_std": 0.05,
            "max_std": 0.5,
            "guidance": 0.3,
            "q_reduction": "mean",
            "precision": "fp32",
            "deadline_ms": 15,
            "action_tolerance": 0.02,
        }
        description["world_model"]["plan"] = "wm/plan.onnx"
        extra["wm/plan.onnx"] = plan_to_onnx(networks, description)
        states = rng.standard_normal((8, phi))
        calibration = np.concatenate([states, rng.dirichlet(np.ones(3), 8)], -1).astype(np.float32)
    if handover:
        networks["handover.onnx"] = random_mlp(
            rng, "handover", (("phi", phi),), (hidden,), len(_EXPERTS), output="logits"
        )
        description["handover"] = {"file": "handover.onnx", "ready": 0.5, "wait_ms": 300}
    return write_bundle(
        path, description, networks, extra=extra, calibration=calibration, seed=seed, overwrite=overwrite
    )


def _world_model(rng: np.random.Generator, phi: int, n: int, latent: int, hidden: int) -> dict[str, Mlp]:
    z, a, c = ("z", latent), ("a", n), ("c", len(_EXPERTS))
    wide = (hidden, hidden)

    def mlp(name, inputs, hidden, outputs, **settings) -> Mlp:
        return random_mlp(rng, name, inputs, hidden, outputs, activation="mish", norm=True, **settings)

    networks = {
        "gate.onnx": random_mlp(rng, "gate", (("phi", phi), c), (hidden,), len(_EXPERTS), output="logits"),
        "wm/encoder.onnx": mlp("encoder", (("phi", phi), c), (hidden,), latent, simnorm=8, output="z_next"),
        "wm/dynamics.onnx": mlp("dynamics", (z, a, c), wide, latent, simnorm=8, output="z_next"),
        "wm/reward.onnx": mlp("reward", (z, a, c), wide, 101, output="logits"),
        "wm/q0.onnx": mlp("q0", (z, a, c), wide, 101, output="logits"),
        "wm/q1.onnx": mlp("q1", (z, a, c), wide, 101, output="logits"),
        "wm/prior.onnx": mlp("prior", (z, c), wide, 2 * n, output="mean_log_std", log_std_range=(-10.0, 2.0)),
    }
    for name, _, _ in _EXPERTS:
        networks[f"latent/{name}.onnx"] = mlp(f"latent_{name}", (z,), (hidden,), n, gain=0.3, output="action")
    return networks
