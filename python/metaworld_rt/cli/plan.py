"""Prints the skill plan for an instruction, without running it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from . import common

HELP = "print the skill plan for an instruction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("instruction", metavar="INSTRUCTION", help='what to do, e.g. "walk forward"')
    parser.add_argument("--image", type=Path, metavar="F", help="what the robot sees, a PNG or JPEG")
    common.add_bundle(parser)
    common.add_semantic(parser)
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    common.check_writable(args.json, "the result")
    from ..controller import load
    from ..semantic import Skills, make_backend

    bundle = load(args.bundle)
    backend = make_backend(common.semantic_spec(args.semantic))
    image = common.read_image(args.image)
    skills = Skills.of(list(bundle.descriptions.items()), bundle.safe_skill)
    began = time.perf_counter()
    plan = backend.plan(args.instruction, image, skills)
    latency_ms = 1e3 * (time.perf_counter() - began)

    document = {"backend": backend.name, "instruction": args.instruction, **plan.to_json(), "latency_ms": latency_ms}
    common.write_json(args.json, "plan", document)
    rows = []
    for i, stage in enumerate(plan.to_json()["stages"]):
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in stage["weights"].items())
        until = stage["until"] + (f" {stage['threshold']:g}" if stage["until"] != "never" else "")
        goal = ", ".join(f"{key} {value}" for key, value in stage["goal"].items())
        rows.append([i + 1, weights, goal or "-", until])
    print(common.table(rows, ["stage", "weights", "goal", "until"]))
    print(f"confidence {plan.confidence:.2f}, {latency_ms:.1f} ms by {backend.name}" + (", refused" * plan.refused))
    if plan.message:
        print(plan.message)
    return 0
