"""The whole training: scenes, eye, sentences, planner, export; every step is cached or resumes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...run.gl import choose_gl
from .corpus import Corpus, excluded_from

CHECKED = 500  # scenes that the eye is scored on, and has not seen
_WRITES_ONLY = ("__init__", "__main__", "export", "pipeline", "score")  # of this folder: they change no weight


@dataclass(frozen=True)
class Settings:
    """What the training depends on.

    start: a checkpoint whose weights the planner begins with. exclude: a test set whose sentences are never trained on.
    """

    scenes: int = 14_000
    eye_epochs: int = 20
    sentences: int = 200_000
    steps: int = 5_400
    batch: int = 96
    seed: int = 1
    threads: int = 1
    start: str | None = None
    exclude: str | None = None


def train(out: Path, work: Path, settings: Settings | None = None) -> dict[str, Any]:
    """Trains the embedded model and writes it to `out` (models/semantic); checkpoints and caches go to `work`.

    About 40 minutes on one core. Needs the `train` extra, and a GL for the scenes.

    Returns:
        The provenance that stands in semantic.json: settings, minutes of CPU, scores on generated data, and on the
        hand-written set where `settings.exclude` names it.
    """
    choose_gl()  # before anything imports mujoco
    from ...semantic.embedded import Embedded
    from .export import export, write_card
    from .network import parameters_of
    from .score import cases, scores

    settings = settings or Settings()
    eye, eye_figures = train_eye_on_scenes(work, settings)
    planner, planner_figures = train_planner_on_sentences(work, settings)
    provenance = {
        "command": "metaworld-rt train semantic",
        "settings": asdict(settings),
        "machine": platform.processor() or platform.machine(),
        "versions": versions(),
        "sources_sha256": sources_sha256(),
        "weights": {"eye": parameters_of(eye), "planner": parameters_of(planner)},
        "eye": eye_figures,
        "planner": planner_figures,
    }
    export(eye, planner, out, provenance)
    if settings.exclude:  # the test set itself: what the exported files score on it, as they will be used
        backend, rows = Embedded(out), Path(settings.exclude)
        provenance["hand_written"] = {
            split: {
                name: round(row["share"], 4)
                for name, row in scores(cases(backend, rows, split)).items()
                if row["cases"]
            }
            for split in ("dev", "test", "all")
        }
        write_card(out, provenance)
    return provenance


def train_eye_on_scenes(work: Path, settings: Settings) -> tuple[Any, dict[str, float]]:
    """The eye, and its scores on scenes that were not trained on."""
    choose_gl()
    import torch

    from .album import album
    from .learn import eye_scores, train_eye

    torch.set_num_threads(settings.threads)
    seed = settings.seed
    path = work / "eye.pt"
    scenes = partial(album, settings.scenes, seed, work / f"album-{settings.scenes}-{seed}.npz")
    eye = train_eye(scenes, path, settings.eye_epochs, seed=seed)
    check = album(CHECKED, seed + 1000, work / f"album-check-{seed}.npz")
    return eye, {**_spent(path), **eye_scores(eye, check)}


def train_planner_on_sentences(work: Path, settings: Settings) -> tuple[Any, dict[str, float]]:
    """The planner, and its scores on sentences that were not trained on."""
    import torch

    from .learn import planner_scores, train_planner

    torch.set_num_threads(settings.threads)
    excluded = excluded_from(Path(settings.exclude) if settings.exclude else None)
    corpus = partial(Corpus, settings.sentences, settings.seed, excluded)
    check = Corpus(3000, settings.seed + 1000, excluded)
    path = work / "planner.pt"
    start = Path(settings.start) if settings.start else None
    planner = train_planner(corpus, check, path, settings.steps, settings.batch, settings.seed, start=start)
    figures = {**_spent(path), "excluded_sentences": len(excluded)}
    return planner, {**figures, **planner_scores(planner, check)}


def versions() -> dict[str, str]:
    """Of Python and the libraries that the weights depend on."""
    names = ("torch", "numpy", "mujoco", "onnx")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def sources_sha256() -> str:
    """A digest of the sources that the weights depend on: generators, scenes, networks, learning, how text is read."""
    here = Path(__file__).parent
    semantic = here.parents[1] / "semantic"
    files = [path for path in sorted(here.glob("*.py")) if path.stem not in _WRITES_ONLY]
    digest = hashlib.sha256()
    for path in [*files, semantic / "text.py", semantic / "heads.py", semantic / "camera.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _spent(path: Path) -> dict[str, Any]:
    """What a checkpoint says of its own training: steps or epochs, minutes of CPU, and a note if there is one."""
    import torch

    state = torch.load(path, weights_only=True)
    told = {key: state[key] for key in ("note", "epoch", "step") if key in state}
    if "cpu_s" in state:
        told["cpu_minutes"] = round(state["cpu_s"] / 60.0, 1)
    return told
