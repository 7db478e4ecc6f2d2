"""Checkpoints of expert training: atomic files that hold all that a resumed run needs."""

from __future__ import annotations

from pathlib import Path

import torch

from metaworld_rt.tasks.features import Feature, feature
from metaworld_rt.train import files
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.files import CheckpointError

FORMAT = "metaworld_rt.expert/1"


def save(path: Path, content: dict) -> None:
    """Writes a checkpoint whole or not at all.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written.
    """
    files.write(path, FORMAT, content)


def load(path: Path) -> dict:
    """Reads a checkpoint.

    Raises:
        CheckpointError: no such file, or not one of ours.
    """
    content = files.read(path, FORMAT)
    if "actor" in content and "normaliser.mean" in content["actor"]:  # written before experts had a mask
        content["actor"].setdefault("normaliser.mask", torch.ones_like(content["actor"]["normaliser.mean"]))
    return content


def pack_features(features: tuple[Feature, ...]) -> list[list]:
    """Features as plain lists for a checkpoint."""
    return [[f.name, f.size, f.scale] for f in features]


def load_expert(path: str | Path) -> tuple[Expert, dict]:
    """An expert's network and its checkpoint's content (name, features, period, provenance, ...).

    Raises:
        CheckpointError: no such file, not one of ours, or of another shape.
    """
    content = load(Path(path))
    expert = Expert(sum(row[1] for row in content["features"]), content["hidden"])
    try:
        expert.load_state_dict(content["actor"])
    except (RuntimeError, KeyError) as error:
        raise CheckpointError(f"{path} does not fit the expert's network: {error}") from error
    return expert.eval(), content


def unpack_features(rows: list[list]) -> tuple[Feature, ...]:
    """The inverse of `pack_features`."""
    return tuple(feature(name, scale) for name, _, scale in rows)


def publish(source: str | Path, target: str | Path) -> dict:
    """Copies what an expert is, without what only training needs, and gives its provenance.

    Raises:
        CheckpointError: the source cannot be used or the target not written.
    """
    expert, content = load_expert(source)
    kept = {key: content[key] for key in ("name", "description", "period", "hidden", "features", "provenance")}
    save(Path(target), {**kept, "task": content.get("task", content["name"]), "actor": expert.state_dict()})
    return content["provenance"]
