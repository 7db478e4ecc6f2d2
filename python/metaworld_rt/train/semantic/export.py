"""Checkpoints to models/semantic: two ONNX files and the card that goes with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...semantic.camera import SIZE
from ...semantic.embedded import SCHEMA
from ...semantic.text import GRAMS, MAX_TOKENS
from ..files import whole
from .network import Eye, Planner
from .scenes import NEAR

OPSET = 17
# How a stage ends; a bundle's own word for a skill counts more (see `Skills`).
ENDS = {
    "default": {"until": "elapsed", "threshold": 4.0, "timeout_s": 0.0},
    "door_hinge": {"until": "door_hinge", "threshold": 0.85, "timeout_s": 30.0},
    "hand_to_goal": {"until": "hand_to_goal", "threshold": 0.1, "timeout_s": 20.0},
    "base_to_goal": {"until": "base_to_goal", "threshold": 0.6, "timeout_s": 30.0},
    "passed_near": {"until": "passed_x", "threshold": -0.1, "timeout_s": 20.0},
    "passed_far": {"until": "passed_x", "threshold": 1.6, "timeout_s": 30.0},
}
PACES = {"walk": {"slow": 0.5, "fast": 1.5}, "run": {"slow": 2.0, "fast": 5.0}}


class _Sees(nn.Module):
    """The eye with its outputs as values: probabilities, and the ball's bearing, distance and height."""

    def __init__(self, eye: Eye):
        super().__init__()
        self.eye = eye

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        door, target, ball = self.eye(image)
        where = torch.cat([ball[:, :1], ball[:, 1:2].clamp(-3.0, 3.0).exp(), ball[:, 2:]], 1)
        return door.softmax(-1), target.softmax(-1), where


class _Plans(nn.Module):
    """One sentence, S skill texts, one scene."""

    def __init__(self, planner: Planner):
        super().__init__()
        self.planner = planner

    def forward(self, text: Tensor, skills: Tensor, door: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        known = self.planner.skills(skills).unsqueeze(0)
        return self.planner(text, known, torch.ones_like(known[:, :, 0]), door, target)


def export(eye: Eye, planner: Planner, folder: Path, provenance: dict[str, Any]) -> None:
    """Writes eye.onnx, planner.onnx and semantic.json, each checked against PyTorch first.

    Raises:
        RuntimeError: ONNX Runtime does not give what PyTorch gives (2e-4).
    """
    folder.mkdir(parents=True, exist_ok=True)
    eye_in = (torch.rand(1, 3, SIZE, SIZE),)
    _write(_Sees(eye).eval(), eye_in, folder / "eye.onnx", ["image"], ["door", "target", "ball"], {})
    texts = _codes(1, 17), _codes(9, 13), torch.full((1, 5), 0.2), torch.full((1, 4), 0.25)
    axes = {"text": {1: "words"}, "skills": {0: "skills", 1: "skill_words"}, "skill": {2: "choices"}}
    names = ["skill", "turn", "pace", "until", "refuse"]
    _write(_Plans(planner).eval(), texts, folder / "planner.onnx", ["text", "skills", "door", "target"], names, axes)
    _compare(
        _Plans(planner).eval(),
        folder / "planner.onnx",
        ["text", "skills", "door", "target"],
        (_codes(1, 40), _codes(3, 5), *texts[2:]),
    )
    write_card(folder, provenance)


def write_card(folder: Path, provenance: dict[str, Any]) -> None:
    """Writes semantic.json, whole or not at all, for the two ONNX files that stand in the folder.

    Raises:
        CheckpointError: it cannot be written.
    """
    files = {}
    for name in ("eye.onnx", "planner.onnx"):
        data = (folder / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    card = {
        "schema": SCHEMA,
        "image": SIZE,
        "near": NEAR,
        "words": MAX_TOKENS,
        "ends": ENDS,
        "paces": PACES,
        "provenance": provenance,
        "files": files,
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    whole(folder / "semantic.json", lambda part: part.write_text(text, encoding="utf-8"))


def _codes(rows: int, words: int) -> Tensor:
    made = np.random.default_rng(rows).integers(0, 8192, (rows, words, GRAMS))
    made[:, :, 0] = np.maximum(made[:, :, 0], 1)
    return torch.from_numpy(made)


def _write(
    module: nn.Module, example: tuple, path: Path, inputs: list[str], outputs: list[str], axes: dict[str, Any]
) -> None:
    import onnx

    with torch.no_grad():
        torch.onnx.export(
            module,
            example,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    for node in model.graph.node:
        node.doc_string = ""
    onnx.save(model, str(path))
    _compare(module, path, inputs, example)


def _compare(module: nn.Module, path: Path, inputs: list[str], example: tuple) -> None:
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(None, {name: value.numpy() for name, value in zip(inputs, example, strict=True)})
    with torch.no_grad():
        wanted = module(*example)
    worst = max(float(np.abs(a - b.numpy()).max()) for a, b in zip(got, wanted, strict=True))
    if not worst < 2e-4:
        raise RuntimeError(f"{path} differs from PyTorch by {worst:.2g}")
