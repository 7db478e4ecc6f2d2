"""The frozen experts, evaluated together in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.tasks.features import Feature, size
from metaworld_rt.tasks.task import Task, get_task
from metaworld_rt.train.expert.checkpoint import load_expert, unpack_features
from metaworld_rt.train.expert.policy import widen
from metaworld_rt.train.files import CheckpointError


@dataclass(frozen=True)
class ExpertLibrary:
    """K experts that read one phi.

    Attributes:
        names, descriptions: K strings.
        periods: gait period of each, s; 0 for none.
        tasks: the task whose reward each is for.
        features: the layout of phi.
        networks: K modules, phi `[B, phi]` to normalised actions `[B, A]`.
        provenance: of each expert, as trained.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    periods: np.ndarray
    tasks: tuple[Task, ...]
    features: tuple[Feature, ...]
    networks: tuple[torch.nn.Module, ...]
    provenance: tuple[dict, ...]

    @torch.no_grad()
    def actions(self, phi: np.ndarray) -> np.ndarray:
        """Clamped actions `[B, K, A]` float32 of every expert for phi `[B, phi]`."""
        x = torch.from_numpy(phi)
        return torch.stack([network(x) for network in self.networks], 1).clamp(-1, 1).numpy()

    def index(self, name: str) -> int:
        """Position of an expert; raises ValueError for an unknown name."""
        if name not in self.names:
            raise ValueError(f"unknown skill {name!r}; one of {', '.join(self.names)}")
        return self.names.index(name)


def load_library(folder: str | Path, names: Sequence[str]) -> ExpertLibrary:
    """Load `<folder>/<name>.pt` for each name. Experts of a smaller layout are widened to the largest.

    Raises:
        CheckpointError: one is missing or damaged, or reads features that the largest layout lacks.
    """
    loaded = [load_expert(Path(folder) / f"{name}.pt") for name in names]
    layouts = [unpack_features(content["features"]) for _, content in loaded]
    largest = max(layouts, key=size)
    networks = []
    for name, (expert, _), layout in zip(names, loaded, layouts, strict=True):
        try:
            networks.append(expert if layout == largest else widen(expert, layout, largest))
        except ValueError as error:
            raise CheckpointError(f"expert {name} does not go with {', '.join(names)}: {error}") from error
    return ExpertLibrary(
        names=tuple(names),
        descriptions=tuple(content["description"] for _, content in loaded),
        periods=np.array([content["period"] for _, content in loaded], np.float64),
        tasks=tuple(get_task(content.get("task", name)) for name, (_, content) in zip(names, loaded, strict=True)),
        features=largest,
        networks=tuple(networks),
        provenance=tuple(content["provenance"] for _, content in loaded),
    )
