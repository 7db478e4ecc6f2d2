"""One call that trains everything for a robot and writes its bundle. Stages that are done are skipped."""

from __future__ import annotations

import json
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
from metaworld_rt.train.gate.train import GateConfig, load_gate, train_gate
from metaworld_rt.train.tune import CANDIDATES, Trial, choose
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
    episodes: int = 8
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
    model = train_world_model(library, plan, progress) if plan.schedule else None
    result = write(library, plan, model, progress)
    result["minutes"] = round((time.monotonic() - began) / 60, 1)
    return result


def train_world_model(library: ExpertLibrary, plan: Plan, progress: Progress) -> WorldModel:
    """Stage 2, in `<out>/world_model`."""
    folder = plan.out / "world_model"
    return WorldModelTrainer(library, folder, plan.schedule, plan.seed, plan.threads, progress).run()


def write(library: ExpertLibrary, plan: Plan, model: WorldModel | None, progress: Progress) -> dict:
    """Choose planner settings (kept in `<out>/planner.json`) and write the bundle."""
    gate, gate_figures = load_gate(plan.out / "gate" / "gate.pt", library)
    planner, trials, calibration, state = None, [], None, {}
    if model is not None:

        def tried(trial: Trial) -> None:
            total = len(CANDIDATES) + 2
            progress("planner settings", len(trials) + 1, total, {w: trial.mean(w) for w in ("calm", "pushes")})
            trials.append(trial)

        planner, _ = choose(library, model, episodes=plan.episodes, progress=tried, threads=plan.threads)
        state = checkpoint.load(plan.out / "world_model" / "model.pt")[1]["progress"]
        calibration = visited(plan.out / "world_model", plan.seed)
    table = [
        {"controller": t.name, "situation": where, "skill": skill, **s.summary()}
        for t in trials
        for (where, skill), s in t.scores.items()
    ]
    (plan.out / "planner.json").write_text(json.dumps(table, indent=1) + "\n")
    provenance = {
        "command": shlex.join(["metaworld-rt", *sys.argv[1:]]),
        "seed": plan.seed,
        "mujoco": mujoco.__version__,
        "torch": torch.__version__,
        "gate": gate_figures,
    }
    if model is not None:
        provenance["world_model"] = {
            "size": plan.schedule.size,
            "updates": state["updates"],
            "decisions": state["decisions"],
            "minutes": round(state["seconds"] / 60, 1),
            "trials": table,
        }
    export_bundle(
        plan.bundle,
        library,
        name=plan.bundle.stem,
        gate=gate,
        world_model=model,
        planner=planner,
        alpha=plan.alpha,
        calibration=calibration,
        provenance=provenance,
        overwrite=True,
    )
    return {"bundle": str(plan.bundle), "planner": planner is not None, "trials": table, "gate": gate_figures}


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
