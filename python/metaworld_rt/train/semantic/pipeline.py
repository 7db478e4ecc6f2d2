"""The whole training: scenes, eye, sentences, planner, export; every step is cached or resumes."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from .corpus import Corpus, excluded_from


@dataclass(frozen=True)
class Settings:
    """What the training depends on. `exclude`: a test set whose sentences are never trained on."""

    scenes: int = 14000
    eye_epochs: int = 20
    sentences: int = 200_000
    steps: int = 12_000
    batch: int = 96
    seed: int = 1
    threads: int = 1
    exclude: str | None = None


def train(out: Path, work: Path, settings: Settings | None = None) -> Path:
    """Trains the embedded model and writes it to `out` (models/semantic); checkpoints and caches go to `work`.

    About 35 minutes on one core. Needs the `train` extra, and a GL for the scenes (MUJOCO_GL=egl without a display).
    """
    import torch

    from .album import album
    from .export import export
    from .learn import eye_scores, planner_scores, train_eye, train_planner
    from .network import parameters_of

    settings = settings or Settings()
    torch.set_num_threads(settings.threads)
    os.environ.setdefault("MUJOCO_GL", "egl")
    started = time.time()
    seed = settings.seed
    check_scenes = album(1500, seed + 1000, work / f"album-check-{seed}.npz")
    scenes = album(settings.scenes, seed, work / f"album-{settings.scenes}-{seed}.npz")
    eye = train_eye(scenes, check_scenes, work / "eye.pt", settings.eye_epochs, seed=seed)
    excluded = excluded_from(Path(settings.exclude) if settings.exclude else None)
    corpus, check = Corpus(settings.sentences, seed, excluded), Corpus(3000, seed + 1000, excluded)
    planner = train_planner(corpus, check, work / "planner.pt", settings.steps, settings.batch, seed)
    provenance = {
        "command": "metaworld-rt train semantic",
        "settings": asdict(settings),
        "minutes": round((time.time() - started) / 60, 1),
        "machine": platform.processor() or platform.machine(),
        "weights": {"eye": parameters_of(eye), "planner": parameters_of(planner)},
        "eye": eye_scores(eye, check_scenes),
        "planner": planner_scores(planner, check),
        "excluded_sentences": len(excluded),
    }
    export(eye, planner, out, provenance)
    return out
