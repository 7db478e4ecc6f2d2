"""Checkpoints of the world model: whole files or none, with the shape they need."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from metaworld_rt.train import files
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.world_model.config import ModelConfig
from metaworld_rt.train.world_model.model import WorldModel

FORMAT = "metaworld_rt.world_model/1"


def save(path: Path, model: WorldModel, **more: object) -> None:
    """Write a checkpoint; raises CheckpointError if the disk is full or the folder cannot be written."""
    files.write(path, FORMAT, {"config": asdict(model.config), "model": model.state_dict(), **more})


def load(path: str | Path) -> tuple[WorldModel, dict]:
    """Read a model and the rest of its checkpoint; raises CheckpointError if there is none, or another kind."""
    content = files.read(path, FORMAT)
    model = WorldModel(ModelConfig(**content["config"]))
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the world model it describes: {error}") from error
    return model.eval(), content
