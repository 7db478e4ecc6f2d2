"""One call that trains everything for a robot and writes its bundle. Stages that are done are skipped."""

from __future__ import annotations

import json
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np
import torch

from metaworld_rt.errors import UserError
from metaworld_rt.export.assemble import export_bundle
from metaworld_rt.train.curriculum import CURRICULA, Lesson, skills_of
from metaworld_rt.train.expert.trainer import train_expert
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate.train import GateConfig, load_gate, train_gate
from metaworld_rt.train.tune import CANDIDATES, SITUATIONS, Trial, choose
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.buffer import load_round
from metaworld_rt.train.world_model.library import ExpertLibrary, load_library
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.trainer import Schedule, WorldModelTrainer

Progress = Callable[[str, int, int, dict], None]

CALIBRATION_STATES = 256


@dataclass
class Plan:
    """What `train_all` does.

    Attributes:
        robot: "h1".
        out: folder of all checkpoints and logs.
        bundle: where the bundle is written.
        seed: of everything.
        threads: of physics and torch.
        lessons: of the experts; default: the robot's curriculum.
        schedule: of the world model; None: experts and gate alone.
        gate: of the gate.
        episodes: of every trial of planner settings.
        alpha: trust in the command against the gate, in the bundle.
    """

    robot: str
    out: Path
    bundle: Path
    seed: int = 0
    threads: int = 2
    lessons: Sequence[Lesson] = ()
    schedule: Schedule | None = field(default_factory=Schedule)
    gate: GateConfig = field(default_factory=GateConfig)
    episodes: int = 24
    alpha: float = 0.7


def train_all(plan: Plan, progress: Progress | None = None) -> dict:
    """Train experts, gate and world model, choose planner settings, write the bundle.

    Returns:
        What was done: paths, scores, minutes.

    Raises:
        UserError: an unknown robot, or a folder that cannot be written.
        CheckpointError: a checkpoint in the folder that does not fit.
    """
    began, progress = time.monotonic(), progress or (lambda *_: None)
    lessons = tuple(plan.lessons) or CURRICULA.get(plan.robot)
    if not lessons:
        raise UserError(f"unknown robot {plan.robot!r}; one of {', '.join(CURRICULA)}")
    for lesson in lessons:
        _learn(plan, lesson, progress)
    names = skills_of(lessons)
    _gather(plan, lessons)
    library = load_library(plan.out / "experts", names)
    gate_file = plan.out / "gate" / "gate.pt"
    if not gate_file.exists():
        train_gate(library, gate_file.parent, plan.gate, plan.seed, plan.threads, progress)
    if plan.schedule:
        train_world_model(library, plan, progress)
    result = write(
        library,
        plan.bundle,
        gate=gate_file,
        world_model=plan.out / "world_model" if plan.schedule else None,
        trials=plan.out / "planner.json",
        seed=plan.seed,
        episodes=plan.episodes,
        threads=plan.threads,
        progress=progress,
        alpha=plan.alpha,
    )
    result["minutes"] = round((time.monotonic() - began) / 60, 1)
    return result


def train_world_model(library: ExpertLibrary, plan: Plan, progress: Progress) -> WorldModel:
    """Stage 2, in `<out>/world_model`."""
    folder = plan.out / "world_model"
    return WorldModelTrainer(library, folder, plan.schedule, plan.seed, plan.threads, progress).run()


def write(
    library: ExpertLibrary,
    bundle: Path,
    *,
    gate: Path | None = None,
    world_model: Path | None = None,
    settings: Sequence[str] | None = None,
    trials: Path | None = None,
    seed: int = 0,
    episodes: int = 24,
    threads: int = 2,
    progress: Progress | None = None,
    alpha: float = 0.7,
    **more,
) -> dict:
    """Choose planner settings by trial and write the bundle.

    Args:
        library: the experts.
        bundle: where it is written; a bundle there is replaced.
        gate: `gate.pt`, or None.
        world_model: the folder of its training, or None.
        settings: names of `tune.CANDIDATES` to try; None: all.
        trials: a JSON file for the trials' table.
        seed: of the calibration states.
        episodes: of every trial.
        threads: of every trial's physics.
        progress: called with (phase, done, total, figures).
        alpha: trust in the command against the gate, in the trials and in the bundle.
        **more: of `export_bundle`.

    Raises:
        CheckpointError: a checkpoint that does not fit.
        UserError: a world model without recorded rounds, or unknown settings.
    """
    progress = progress or (lambda *_: None)
    unknown = [name for name in settings or () if name not in CANDIDATES]
    if unknown:
        raise UserError(f"no planner settings {unknown[0]!r}: some of {', '.join(CANDIDATES)}")
    candidates = {name: CANDIDATES[name] for name in settings or CANDIDATES}
    network, figures = (None, {}) if gate is None else load_gate(gate, library)
    provenance = {
        "command": shlex.join(["metaworld-rt", *sys.argv[1:]]),
        "seed": seed,
        "mujoco": mujoco.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        **({"gate": figures} if gate else {}),
    }
    model, planner, calibration, table = None, None, None, []
    if world_model is not None:
        model, content = checkpoint.load(world_model / "model.pt")
        if content["skills"] != list(library.names):
            raise CheckpointError(f"{world_model} is of {content['skills']}, not of {list(library.names)}")
        tried: list[Trial] = []

        def on(trial: Trial) -> None:
            tried.append(trial)
            means = {where: trial.mean(where) for where in SITUATIONS}
            progress("planner settings", len(tried), len(candidates) + 2, means)

        how = {"episodes": episodes, "threads": threads, "alpha": alpha}
        if network is not None:
            how["gate"] = network.probabilities
        planner, _ = choose(library, model, candidates, progress=on, **how)
        calibration = visited(world_model, seed)
        table = [
            {"controller": t.name, "situation": where, "skill": skill, **s.summary()}
            for t in tried
            for (where, skill), s in t.scores.items()
        ]
        state = content["progress"]
        provenance["world_model"] = {
            "schedule": content["schedule"],
            "updates": state["updates"],
            "decisions": state["decisions"],
            "minutes": round(state["seconds"] / 60, 1),
            "trials": table,
        }
    if trials is not None:
        trials.write_text(json.dumps(table, indent=1) + "\n")
    export_bundle(
        bundle,
        library,
        **{"name": bundle.stem, "alpha": alpha, **more},
        gate=network,
        world_model=model,
        planner=planner,
        calibration=calibration,
        provenance=provenance,
        overwrite=True,
    )
    return {"bundle": str(bundle), "planner": planner is not None, "trials": table, "gate": figures}


def visited(folder: Path, seed: int) -> np.ndarray:
    """States that the planner meets, `[k, phi + skills]`: from the newest recorded round."""
    rounds = sorted((folder / "rounds").glob("[0-9]*.npz"))
    if not rounds:
        raise UserError(f"{folder} holds no recorded rounds; train the world model first")
    data = load_round(rounds[-1])
    rows = np.random.default_rng(seed).choice(np.flatnonzero(~data["dead"]), CALIBRATION_STATES)
    return np.concatenate([data["phi"][rows], data["c"][rows]], -1)


def _learn(plan: Plan, lesson: Lesson, progress: Progress) -> None:
    """Train one lesson in `<out>/lessons/<folder>`; the file `done` in it says that it is whole."""
    folder = plan.out / "lessons" / lesson.folder
    done = folder / "done"
    if done.exists():
        return

    def step(figures: dict) -> None:
        progress(f"expert {lesson.folder}", figures.get("decisions", 0), figures.get("total", 0), {})

    before = folder.parent
    result = train_expert(
        lesson.skill,
        folder,
        plan.seed,
        lesson.decisions,
        threads=plan.threads,
        start=before / lesson.start / "best.pt" if lesson.start else None,
        banks=[before / bank / "states.npz" for bank in lesson.banks],
        bank_share=lesson.bank_share,
        collisions=lesson.collisions,
        progress=step,
    )
    done.write_text(json.dumps(result.scores) + "\n")


def _gather(plan: Plan, lessons: Sequence[Lesson]) -> None:
    """Put the checkpoint of each skill's last lesson into `<out>/experts`."""
    folder = plan.out / "experts"
    folder.mkdir(parents=True, exist_ok=True)
    for skill, last in {lesson.skill: lesson.folder for lesson in lessons}.items():
        part = folder / f"{skill}.part"
        shutil.copyfile(plan.out / "lessons" / last / "best.pt", part)
        part.replace(folder / f"{skill}.pt")
