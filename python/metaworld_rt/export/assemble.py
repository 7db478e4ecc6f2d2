"""Checkpoints to a bundle: the last step of training, and the `export` command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metaworld_rt.export.bundle import write_bundle
from metaworld_rt.export.network import Mlp, elu_chain
from metaworld_rt.export.plan import plan_to_onnx
from metaworld_rt.export.robot import expert_metadata, limits_section, observation_section, robot_section
from metaworld_rt.export.schema import SCHEMA
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.features import observation_terms

if TYPE_CHECKING:  # torch comes with the train extra
    from metaworld_rt.train.gate.train import Gate
    from metaworld_rt.train.handover.train import Handover
    from metaworld_rt.train.world_model.config import PlannerConfig
    from metaworld_rt.train.world_model.library import ExpertLibrary
    from metaworld_rt.train.world_model.model import WorldModel

#: What a host adds to the planner's mathematics.
RUNTIME_PLANNER = {"precision": "fp32", "deadline_ms": 15, "action_tolerance": 0.02}


def export_bundle(
    path: str | os.PathLike,
    library: ExpertLibrary,
    *,
    name: str = "h1-locomotion",
    version: str = "0.1.0",
    gate: Gate | None = None,
    handover: Handover | None = None,
    world_model: WorldModel | None = None,
    planner: PlannerConfig | None = None,
    planned_skills: Sequence[str] | None = None,
    alpha: float = 0.7,
    calibration: np.ndarray | None = None,
    provenance: Mapping | None = None,
    extra: Mapping[str, bytes] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a bundle from trained networks.

    Args:
        path: folder or `.zip`.
        library: the experts; the first one called `stand` is the safe skill, else the first.
        name: of the bundle.
        version: of the bundle.
        gate: p(i|s, c); without one the command alone decides.
        handover: which expert can take over; without one each does at once.
        world_model: with its latent heads; without one the expert mixture is the plan.
        planner: settings that go with the world model; without them it is shipped but not used.
        planned_skills: the skills that it plans for, elsewhere the expert mixture is the plan; None: all.
        alpha: trust in the command against the gate.
        calibration: `[k, phi + skills]` visited states.
        provenance: added to what the experts carry.
        extra: further files, such as a README.
        overwrite: replace what is there.
    """
    description, networks = describe(library, name=name, version=version, alpha=alpha)
    description["provenance"] = {
        "experts": dict(zip(library.names, library.provenance, strict=True)),
        **(provenance or {}),
    }
    files = dict(extra or {})
    if gate is not None:
        networks["gate.onnx"] = gate.exported()
        description["gate"] = {"file": "gate.onnx", "condition": gate.condition}
    if handover is not None:
        description["handover"], more = handover_section(handover)
        networks |= more
    if world_model is not None:
        add_world_model(description, networks, files, world_model, planner)
    if planner is not None and planned_skills is not None and set(planned_skills) != set(library.names):
        description["planner"]["skills"] = list(planned_skills)
    return write_bundle(path, description, networks, extra=files, calibration=calibration, overwrite=overwrite)


def describe(library: ExpertLibrary, *, name: str, version: str, alpha: float) -> tuple[dict, dict[str, Mlp]]:
    """bundle.json and the networks of a bundle with experts alone."""
    features = [{"name": f.name, "size": f.size, "scale": f.scale} for f in library.features]
    metadata = expert_metadata(H1, features)
    experts, networks = [], {}
    for i, expert in enumerate(library.names):
        entry = {"name": expert, "description": library.descriptions[i], "file": f"experts/{expert}.onnx"}
        if library.periods[i] > 0:
            entry["phase_period_s"] = float(library.periods[i])
        experts.append(entry)
        networks[entry["file"]] = expert_network(expert, library.networks[i], metadata)
    description = {
        "schema": SCHEMA,
        "name": name,
        "version": version,
        "licence": "MIT",
        "robot": robot_section(H1),
        "observation": observation_section(H1, observation_terms(library.features)),
        "action": {"scale": H1.action_scale.tolist(), "between_decisions": "hold"},
        "rates": {"tick_hz": 1000, "decision_hz": 50},
        "limits": limits_section(H1),
        "features": features,
        "experts": experts,
        "safe_skill": "stand" if "stand" in library.names else library.names[0],
        "fusion": {"alpha": alpha, "semantic_ttl_ms": 5000, "fade_ms": 1000},
        "selftest": "selftest.bin",
    }
    return description, networks


def handover_section(handover: Handover) -> tuple[dict, dict[str, Mlp]]:
    """A handover in bundle.json, and its network."""
    config = handover.config
    section = {"file": "handover.onnx", "ready": config.ready, "wait_ms": config.wait_ms}
    return section, {section["file"]: handover.exported()}


def expert_network(name: str, expert, metadata: dict[str, str]) -> Mlp:
    """An expert's PyTorch module as numbers."""
    from metaworld_rt.train.expert.policy import deployed

    return elu_chain(name, (("phi", expert.phi_size),), deployed(expert), output="action", metadata=metadata)


def add_world_model(
    description: dict,
    networks: dict[str, Mlp],
    files: dict[str, bytes],
    model: WorldModel,
    planner: PlannerConfig | None,
) -> None:
    """Add the world model, the latent heads, and with planner settings plan.onnx, in place."""
    k = model.config
    names = [expert["name"] for expert in description["experts"]]
    exported = model.exported(names)
    networks.update(exported)
    for expert in description["experts"]:
        if f"latent/{expert['name']}.onnx" in exported:
            expert["latent_file"] = f"latent/{expert['name']}.onnx"
    numbers = ("latent", "simnorm", "bins", "vmin", "vmax", "condition", "discount")
    description["world_model"] = {
        **{key: getattr(k, key) for key in numbers},
        **{role: f"wm/{role}.onnx" for role in ("encoder", "dynamics", "reward", "prior")},
        "q": sorted(key for key in exported if key.startswith("wm/q")),
        "termination": "wm/termination.onnx" if "wm/termination.onnx" in exported else None,
    }
    if planner is not None:
        description["planner"] = {**asdict(planner), **RUNTIME_PLANNER}
        files["wm/plan.onnx"] = plan_to_onnx(networks, description)
        description["world_model"]["plan"] = "wm/plan.onnx"
