"""One call that trains everything for a robot and writes its bundle. Stages that are done are skipped."""

from __future__ import annotations

import itertools
import json
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import mujoco
import numpy as np
import torch

from metaworld_rt.errors import UserError
from metaworld_rt.export.assemble import export_bundle
from metaworld_rt.train import files
from metaworld_rt.train.curriculum import CURRICULA, Lesson, skills_of
from metaworld_rt.train.expert import bank, door_clone, door_search, reach_clone
from metaworld_rt.train.expert.trainer import train_expert
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate.train import Gate, GateConfig, load_gate, train_gate
from metaworld_rt.train.handover.train import Handover, HandoverConfig, load_handover, train_handover
from metaworld_rt.train.kept import Kept, fingerprint
from metaworld_rt.train.tune import CANDIDATES, SITUATIONS, Choice, Trial, choose, earns_place, waits_well
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.buffer import load_round
from metaworld_rt.train.world_model.config import TRIAL_EPISODES, PlannerConfig
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
        library: "locomotion" or "household".
        ways: folder of the ways through the door, `door_open.npz` and `door_pass.npz`; None: they are searched for.
        seed: of everything.
        threads: of physics and torch.
        lessons: of the experts; default: the library's curriculum.
        schedule: of the world model; None: experts, gate and handover alone.
        gate: of the gate; None: by the library, see `gate_config`.
        handover: of the handover.
        episodes: of every trial of gate and planner settings.
        alpha: trust in the command against the gate, in the bundle.
    """

    robot: str
    out: Path
    bundle: Path
    library: str = "locomotion"
    ways: Path | None = None
    seed: int = 0
    threads: int = 2
    lessons: Sequence[Lesson] = ()
    schedule: Schedule | None = field(default_factory=Schedule)
    gate: GateConfig | None = None
    handover: HandoverConfig = field(default_factory=HandoverConfig)
    episodes: int = TRIAL_EPISODES
    alpha: float = 0.7


def train_all(plan: Plan, progress: Progress | None = None) -> dict:
    """Train experts, gate, handover and world model, choose planner settings, write the bundle.

    Returns:
        What was done: paths, scores, minutes.

    Raises:
        UserError: an unknown robot or library, or a folder that cannot be written.
        CheckpointError: a checkpoint in the folder that does not fit.
    """
    began, progress = time.monotonic(), progress or (lambda *_: None)
    lessons = tuple(plan.lessons) or CURRICULA.get((plan.robot, plan.library))
    if not lessons:
        libraries = [library for robot, library in CURRICULA if robot == plan.robot]
        if not libraries:
            raise UserError(f"unknown robot {plan.robot!r}; one of {', '.join(sorted({key[0] for key in CURRICULA}))}")
        raise UserError(f"unknown library {plan.library!r}; one of {', '.join(libraries)}")
    if plan.ways is not None:
        for lesson in lessons:
            if _follows(lesson):
                bank.load(plan.ways / f"{lesson.skill}.npz")  # better now than after hours
    for lesson in lessons:
        _learn(plan, lesson, progress)
    names = skills_of(lessons)
    _gather(plan, lessons)
    library = load_library(plan.out / "experts", names)
    gate_file = plan.out / "gate" / "gate.pt"
    if not gate_file.exists():
        train_gate(library, gate_file.parent, plan.gate or gate_config(library), plan.seed, plan.threads, progress)
    handover_file = plan.out / "handover" / "handover.pt"
    if not handover_file.exists():
        train_handover(library, handover_file.parent, plan.handover, plan.seed, plan.threads, progress)
    if plan.schedule:
        train_world_model(library, plan, progress)
    result = write(
        library,
        plan.bundle,
        gate=gate_file,
        handover=handover_file,
        world_model=plan.out / "world_model" if plan.schedule else None,
        trials=plan.out / "trials",
        seed=plan.seed,
        episodes=plan.episodes,
        threads=plan.threads,
        progress=progress,
        alpha=plan.alpha,
    )
    result["minutes"] = round((time.monotonic() - began) / 60, 1)
    return result


def gate_config(library: ExpertLibrary) -> GateConfig:
    """What pays late looks like trouble, as a goal that is far off: where there are goals, more loyalty."""
    return GateConfig(loyalty=1.0) if any(task.has_goal for task in library.tasks) else GateConfig()


def train_world_model(library: ExpertLibrary, plan: Plan, progress: Progress) -> WorldModel:
    """Stage 2, in `<out>/world_model`."""
    folder = plan.out / "world_model"
    return WorldModelTrainer(library, folder, plan.schedule, plan.seed, plan.threads, progress).run()


def write(
    library: ExpertLibrary,
    bundle: Path,
    *,
    gate: Path | None = None,
    handover: Path | None = None,
    world_model: Path | None = None,
    settings: Sequence[str] | None = None,
    untried: str | None = None,
    trials: Path | None = None,
    seed: int = 0,
    episodes: int = TRIAL_EPISODES,
    threads: int = 2,
    progress: Progress | None = None,
    alpha: float = 0.7,
    **more,
) -> dict:
    """Try gate and handover, choose planner settings by trial, and write the bundle.

    A gate that does not earn its place, see `tune.earns_place`, is left out, and so is a handover, see
    `tune.waits_well`; the bundle's provenance says so.

    Args:
        library: the experts.
        bundle: where it is written; a bundle there is replaced.
        gate: `gate.pt`, or None.
        handover: `handover.pt`, or None.
        world_model: the folder of its training, or None.
        settings: names of `tune.CANDIDATES` to try; None: all.
        untried: the one of them that the bundle has without any trial, as it has the gate and the handover: for
            ablations of what the trials refuse.
        trials: a folder that keeps each of their scores: the same call goes on there, and flies none twice.
        seed: of the calibration states.
        episodes: of every trial.
        threads: of every trial's physics.
        progress: called with (phase, done, total, figures).
        alpha: trust in the command against the gate, in the trials and in the bundle.
        **more: of `export_bundle`.

    Raises:
        CheckpointError: a checkpoint that does not fit.
        UserError: a world model without recorded rounds, unknown settings, or trials that cannot be kept.
    """
    progress = progress or (lambda *_: None)
    unknown = [name for name in (*(settings or ()), *([untried] if untried else ())) if name not in CANDIDATES]
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
    }
    model, content = (None, {}) if world_model is None else checkpoint.load(world_model / "model.pt")
    if content and content["skills"] != list(library.names):
        raise CheckpointError(f"{world_model} is of {content['skills']}, not of {list(library.names)}")
    turns, of_turns = (None, {}) if handover is None else load_handover(handover, library)
    kind = {"episodes": episodes, "alpha": alpha, "planner settings": CANDIDATES, "handover": turns and turns.config}
    how = {"episodes": episodes, "threads": threads, "alpha": alpha}
    how["kept"] = Kept(trials, fingerprint(library, kind, [network, turns, model]))
    calibration = None
    if untried is None:
        network, turns, chosen, told = _tried(library, network, turns, model, candidates, progress, how)
    else:
        provenance["untried"] = untried
        given = {"gate": network, "handover": turns}
        told = {key: {"used": True} for key, part in given.items() if part is not None}
        chosen = Choice(CANDIDATES[untried], library.names)
    table = told.pop("planner", [])
    provenance |= {key: {**{"gate": figures, "handover": of_turns}[key], **verdict} for key, verdict in told.items()}
    if model is not None:
        calibration = visited(world_model, seed)
        state = content["progress"]
        provenance["world_model"] = {
            "schedule": content["schedule"],
            "updates": state["updates"],
            "decisions": state["decisions"],
            "minutes": round(state["seconds"] / 60, 1),
            "trials": table,
        }
    export_bundle(
        bundle,
        library,
        **{"name": bundle.stem, "alpha": alpha, **more},
        gate=network,
        handover=turns,
        world_model=model,
        planner=chosen and chosen.planner,
        planned_skills=chosen and chosen.skills,
        calibration=calibration,
        provenance=provenance,
        overwrite=True,
    )
    return {
        "bundle": str(bundle),
        "planner": chosen is not None,
        "trials": table,
        "gate": provenance.get("gate", {}),
        "handover": provenance.get("handover", {}),
    }


def _tried(
    library: ExpertLibrary,
    network: Gate | None,
    turns: Handover | None,
    model: WorldModel | None,
    candidates: Mapping[str, PlannerConfig],
    progress: Progress,
    how: dict,
) -> tuple[Gate | None, Handover | None, Choice | None, dict]:
    """What earns its place of gate, handover and planner settings, each beside those before it, and the verdicts."""
    how, flown, told = dict(how), None, {}
    if network is not None:
        used, tried = earns_place(library, network.probabilities, progress=_shown(progress, "gate", 2), **how)
        told["gate"] = {"used": used, "trials": _table(tried)}
        network = network if used else None
        known = tried[used].scores.items()  # without the gate, with it
        flown = Trial("experts", {key: score for key, score in known if key[0] in SITUATIONS})
        if used:
            how["gate"] = network.probabilities
    if turns is not None:
        turns, told["handover"] = tried_handover(library, turns, progress, how)
        if turns is not None:
            how["handover"] = turns
            # What was flown without it is the same where the command stays; on the way through a door it does not.
            flown = None if any(task.scene == "door" for task in library.tasks) else flown
    chosen = None
    if model is not None:
        on = _shown(progress, "planner settings", len(candidates) + 2)
        chosen, tried = choose(library, model, candidates, experts=flown, progress=on, **how)
        told["planner"] = _table(tried)
    return network, turns, chosen, told


def tried_handover(
    library: ExpertLibrary, handover: Handover, progress: Progress, how: dict
) -> tuple[Handover | None, dict]:
    """The handover, or None if it gains nothing, and what is to be said about its trials."""
    used, tried = waits_well(library, handover, progress=_shown(progress, "handover", 2), **how)
    return handover if used else None, {"used": used, "trials": _table(tried)}


def _shown(progress: Progress, phase: str, total: int) -> Callable[[Trial], None]:
    """Reports each trial of a phase."""
    count = itertools.count(1)
    return lambda trial: progress(phase, next(count), total, {where: trial.mean(where) for where in trial.situations})


def _table(trials: Sequence[Trial]) -> list[dict]:
    return [
        {"controller": trial.name, "situation": where, "skill": skill, **score.summary()}
        for trial in trials
        for (where, skill), score in trial.scores.items()
    ]


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
    before = plan.out / "lessons"
    folder = before / lesson.folder
    done = folder / "done"
    if done.exists():
        return
    start = before / lesson.start / "best.pt" if lesson.start else None
    ways = [_ways(plan, progress) / f"{lesson.skill}.npz"] if _follows(lesson) else []

    def step(figures: dict) -> None:
        progress(f"expert {lesson.folder}", figures.get("decisions", 0), figures.get("total", 0), {})

    scores = {}
    if lesson.clone:
        progress(f"expert {lesson.folder}", 0, 1, {})
        command = shlex.join(["metaworld-rt", *sys.argv[1:]])
        if lesson.skill == "reach":
            reach_clone.make(folder / "best.pt", start, plan.seed, command)
        else:
            door_clone.make(lesson.skill, folder / "best.pt", start, *(ways or [None]), plan.seed, command)
    else:
        scores = train_expert(
            lesson.skill,
            folder,
            plan.seed,
            lesson.decisions,
            envs=lesson.envs,
            threads=plan.threads,
            start=start,
            banks=ways + [before / name / "states.npz" for name in lesson.banks],
            bank_share=lesson.bank_share,
            collisions=lesson.collisions,
            timestep=lesson.timestep,
            kl=lesson.kl,
            progress=step,
        ).scores
    done.write_text(json.dumps(scores) + "\n")


def _follows(lesson: Lesson) -> bool:
    """Whether it follows a way through the door."""
    return lesson.skill in ("door_open", "door_pass")


def _ways(plan: Plan, progress: Progress) -> Path:
    """The folder of the ways through the door: given, or searched for with the legs of footwork."""
    if plan.ways is not None:
        return plan.ways
    folder = plan.out / "lessons" / "ways"
    done = folder / "done"
    if not done.exists():
        progress("ways through the door", 0, 1, {})
        door_search.search_ways(plan.out / "lessons" / "footwork-1" / "best.pt", folder)
        done.touch()
    return folder


def _gather(plan: Plan, lessons: Sequence[Lesson]) -> None:
    """Put the checkpoint of each skill's last lesson into `<out>/experts`."""
    for skill, last in {lesson.skill: lesson.folder for lesson in lessons}.items():
        best = plan.out / "lessons" / last / "best.pt"
        files.whole(plan.out / "experts" / f"{skill}.pt", partial(shutil.copyfile, best))
