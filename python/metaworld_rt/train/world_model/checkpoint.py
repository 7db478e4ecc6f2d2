"""Checkpoints of the world model: whole files or none, with the shape they need."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from pathlib import Path

import torch

from metaworld_rt.train.expert.checkpoint import CheckpointError
from metaworld_rt.train.world_model.config import ModelConfig
from metaworld_rt.train.world_model.model import WorldModel

FORMAT = "metaworld_rt.world_model/1"


def save(path: Path, model: WorldModel, **more: object) -> None:
    """Write a checkpoint; raises CheckpointError if the disk is full or the folder cannot be written."""
    part = path.with_suffix(".part")
    content = {"format": FORMAT, "config": asdict(model.config), "model": model.state_dict(), **more}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise CheckpointError(f"cannot write the checkpoint {path}: {error}") from error


def load(path: str | Path) -> tuple[WorldModel, dict]:
    """Read a model and the rest of its checkpoint; raises CheckpointError if there is none, or another kind."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint {path}") from error
    except Exception as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of the format {FORMAT}")
    model = WorldModel(ModelConfig(**content["config"]))
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the world model it describes: {error}") from error
    return model.eval(), content
