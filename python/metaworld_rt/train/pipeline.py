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
from metaworld_rt.train.expert.trainer import train_expert
from metaworld_rt.train.gate.train import GateConfig, load_gate, train_gate
from metaworld_rt.train.tune import CANDIDATES, Trial, choose
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.buffer import load_round
from metaworld_rt.train.world_model.library import ExpertLibrary, load_library
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.trainer import Schedule, WorldModelTrainer

Progress = Callable[[str, int, int, dict], None]

ROBOTS = {"h1": ("stand", "walk", "run")}
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
        experts: names; default: the robot's.
        expert_decisions: of each, None for the recipe's own.
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
    experts: Sequence[str] = ()
    expert_decisions: int | None = None
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
    names = tuple(plan.experts) or ROBOTS.get(plan.robot)
    if not names:
        raise UserError(f"unknown robot {plan.robot!r}; one of {', '.join(ROBOTS)}")
    for name in names:
        _expert(plan, name, progress)
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


def _expert(plan: Plan, name: str, progress: Progress) -> None:
    """Train one expert in `<out>/<name>` and put its best checkpoint into `<out>/experts`."""
    final = plan.out / "experts" / f"{name}.pt"
    if final.exists():
        return

    def step(figures: dict) -> None:
        progress(f"expert {name}", figures.get("decisions", 0), figures.get("total", 0), {})

    result = train_expert(name, plan.out / name, plan.seed, plan.expert_decisions, threads=plan.threads, progress=step)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_suffix(".part")
    shutil.copyfile(result.path, part)
    part.replace(final)
