"""Shows what is in a bundle or an ONNX file, what the native engine makes of it, and warnings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .. import bundles
from ..errors import UserError
from . import common

HELP = "what is in a bundle or an ONNX file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("path", metavar="BUNDLE_OR_ONNX", help="a bundle (path or shipped name) or an ONNX file")
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    common.check_writable(args.json, "the result")
    path = Path(args.path)
    document = _onnx(path) if path.suffix == ".onnx" else _bundle(args.path)
    common.write_json(args.json, "inspect", document)
    return 0


def _onnx(path: Path) -> dict[str, Any]:
    from .._core import Network

    if not path.is_file():
        raise UserError(f"there is no file {path}")
    network = Network.from_file(path)
    document = {
        "kind": "onnx",
        "path": str(path),
        "bytes": path.stat().st_size,
        "inputs": network.inputs,
        "outputs": network.outputs,
        "isa": network.isa,
        "operations": network.operations,
        "metadata": network.metadata,
        "warnings": [],
    }
    print(f"{path.name}: {document['bytes']} bytes, packed for {network.isa}")
    for word, items in (("input", network.inputs), ("output", network.outputs)):
        for name, size in items:
            print(f"  {word} {name} [{size}]")
    for operation in network.operations:
        print(f"  {operation}")
    for key, value in network.metadata.items():
        print(f"  {key}: {value[:100]}")
    return document


def _bundle(name: str) -> dict[str, Any]:
    from ..controller import load

    path = bundles.find(name)
    bundle = load(path)
    provenance = json.loads(bundle.provenance or "{}")
    document = {
        "kind": "bundle",
        "path": str(path),
        "name": bundle.name,
        "version": bundle.version,
        "licence": bundle.licence,
        "digest": bundle.digest,
        "robot": bundle.robot,
        "joints": bundle.joints,
        "observation": [list(term) for term in bundle.observation],
        "features": [list(term) for term in bundle.features],
        "tick_hz": bundle.tick_hz,
        "decision_hz": bundle.decision_hz,
        "between_decisions": "interpolate" if bundle.interpolate else "hold",
        "skills": bundle.descriptions,
        "phase_periods_s": bundle.phase_periods,
        "safe_skill": bundle.safe_skill,
        "gate": bundle.has_gate,
        "handover": bundle.has_handover,
        "alpha": bundle.alpha,
        "world_model": bundle.has_world_model,
        "planner": bundle.planner,
        "planned_skills": bundle.planned_skills,
        "files": bundle.files,
        "selftest_cases": bundle.selftest_cases,
        "provenance": provenance,
        "warnings": _warnings(bundle),
    }
    _print_bundle(bundle, document)
    return document


def _warnings(bundle) -> list[str]:
    found = []
    if not bundle.has_gate and len(bundle.skills) > 1:
        found.append(
            "no gate: the semantic weights alone choose the skills, and a stale command ends in the safe skill"
        )
    if not bundle.has_world_model:
        found.append("no world model: the expert mixture is the plan")
    if bundle.licence in ("", "unknown"):
        found.append("no licence is stated")
    return found


def _print_bundle(bundle, document: dict[str, Any]) -> None:
    total = sum(file["bytes"] for file in bundle.files.values())
    print(f"{bundle.name} {bundle.version} ({bundle.licence}), {len(bundle.files)} files, {total / 1e6:.2f} MB")
    rates = f"tick {bundle.tick_hz:g} Hz, decisions {bundle.decision_hz:g} Hz"
    print(f"robot {bundle.robot}: {len(bundle.joints)} joints; {rates}")
    for word, terms in (("observation", bundle.observation), ("features", bundle.features)):
        print(f"{word}: " + ", ".join(f"{name} {size}" for name, size in terms))
    print(f"self-test: {bundle.selftest_cases} cases replayed")
    print()
    periods = bundle.phase_periods
    rows = [[name, periods[name] or None, text] for name, text in bundle.descriptions.items()]
    print(common.table(rows, ["skill", "gait s", "what it does"]))
    has = ", ".join(
        f"{part} {'yes' if there else 'no'}"
        for part, there in (("gate", bundle.has_gate), ("handover", bundle.has_handover))
    )
    print(f"safe skill {bundle.safe_skill}; alpha {bundle.alpha:g}; {has}")
    if bundle.planner:
        shown = (
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in bundle.planner.items()
        )
        some = len(bundle.planned_skills) < len(bundle.skills)
        print("planner: " + ", ".join(shown) + (f"; for {', '.join(bundle.planned_skills)} alone" if some else ""))
    for warning in document["warnings"]:
        print(f"warning: {warning}")
