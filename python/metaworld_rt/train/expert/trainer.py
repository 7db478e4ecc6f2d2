"""Trains one locomotion expert: PPO on the vectorised task, resumable, with progress, logs and scores."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np
import torch

from metaworld_rt.plants.robot import mirror_permutation
from metaworld_rt.tasks import features
from metaworld_rt.tasks.mirror import feature_mirror
from metaworld_rt.train.expert import bank, checkpoint
from metaworld_rt.train.expert.clip import load_clip
from metaworld_rt.train.expert.door import DoorEnv
from metaworld_rt.train.expert.footwork import FootworkEnv, free_arms, from_stand
from metaworld_rt.train.expert.locomotion import LocomotionEnv
from metaworld_rt.train.expert.policy import Expert, widen
from metaworld_rt.train.expert.ppo import Ppo, PpoConfig, Rollout
from metaworld_rt.train.expert.reaching import ReachEnv, from_walk
from metaworld_rt.train.expert.skill import Skill, get_skill
from metaworld_rt.train.expert.tracking import ClipEnv, tracking_skill

SAVE_EVERY_S = 60.0
# Disturbances grow while falls are rare and shrink while they are common (falls per decision).
FALLS_RARE, FALLS_COMMON = 0.002, 0.005
POLISH_SPAN = (0.45, 0.65)  # of the training, over which the late reward factors come in


@dataclass
class Result:
    """What a training gave: the best checkpoint's path, its scores, how much it took."""

    path: Path
    scores: dict[str, float]
    decisions: int
    minutes: float


def train_expert(
    name: str,
    out: str | Path,
    seed: int = 0,
    decisions: int | None = None,
    minutes: float | None = None,
    *,
    resume: bool = True,
    start: str | Path | None = None,
    banks: Sequence[Path] = (),
    bank_share: float | None = None,
    envs: int = 256,
    threads: int = 2,
    collisions: str = "fast",
    timestep: float | None = None,
    kl: float | None = None,
    eval_every: int | None = None,
    device: str = "cpu",
    config: PpoConfig | None = None,
    skill: Skill | None = None,
    motion: str | Path | None = None,
    progress: Callable[[dict], None] | None = None,
) -> Result:
    """Trains the expert `name` (stand, walk, run) and writes ``best.pt``, ``last.pt`` and ``states.npz`` into `out`.

    ``states.npz`` holds states of its motion, for other skills to start from.

    A second call with the same folder goes on where the first was stopped (at most a minute is lost).

    Args:
        name: the expert.
        out: folder for checkpoints, ``log.jsonl`` and TensorBoard events (where tensorboard is installed).
        seed: of weights and environments.
        decisions: train this many in all; default: the skill's own number.
        minutes: stop after this much wall time of this call, whichever comes first.
        resume: go on from ``last.pt`` if it is there; otherwise begin anew.
        start: a checkpoint whose weights to begin from (fine-tuning).
        banks: files with states of other skills to start some episodes from.
        bank_share: of the episodes; default: the skill's own.
        envs: robots stepped together.
        threads: of the physics and, between, of the networks' updates.
        collisions: training physics, "fast" or "full".
        timestep: of the training physics at the door, s; None: the task's, at which experts are scored in any case.
        kl: divergence of the policy that PPO's learning rate aims at in an update; None: the skill's own. Large to
            learn a skill, small to make it sure: the door's policies move much between two scores otherwise.
        eval_every: decisions between evaluations on the full task; None: a quarter of the training, a million at most:
            to keep the last policy whatever it is would be a matter of luck.
        device: of the networks.
        config: PPO's hyperparameters; default: the skill's own.
        skill: the skill's settings; default: by name.
        motion: a motion clip to repeat (see `metaworld_rt.train.expert.clip`); the name is then free.
        progress: called after each iteration with its figures.

    Raises:
        ValueError: an unknown expert, a timestep for another than the door's, or a motion clip that cannot be used
            (`ClipError`).
        CheckpointError: a checkpoint that does not fit, or cannot be written.
    """
    clip = load_clip(motion) if motion is not None else None
    skill = skill or (get_skill(name) if clip is None else tracking_skill(name, clip))
    if bank_share is not None:
        skill = replace(skill, bank_share=bank_share)
    if timestep is not None and skill.learns != "door":
        raise ValueError(f"{name} has a timestep of its own: only the door's experts take another")
    physics = {} if timestep is None else {"timestep": timestep}
    out, config = Path(out), config or PpoConfig(**skill.ppo)
    config = config if kl is None else replace(config, target_kl=kl)
    total = decisions or skill.decisions
    eval_every = eval_every or max(1, min(total // 4, 1_000_000))
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # while robots move: the batch is too small for more, and they would starve the physics
    stock = [bank.load(path) for path in banks]
    if clip is None:
        env = BATCHES[skill.learns](skill, envs, seed, threads, collisions, stock, **physics)
    else:
        env = ClipEnv(skill, clip, envs, seed, threads, collisions)
    skill = env.skill  # the door's takes its period from the way that it follows
    phi_size = features.size(env.features)
    ppo = Ppo(new_expert(skill, env.features), config, _mirror_maps(skill, env.features), device)
    state = {"decisions": 0, "seconds": 0.0, "best": -np.inf, "next_eval": eval_every, "difficulty": 0.0}
    last = out / "last.pt"
    begin = None
    if start is not None:
        begin = _begin_from(ppo, skill, env.features, Path(start))
        state["difficulty"] = begin.get("state", {}).get("difficulty", 0.0) if begin["name"] == name else 0.0
    if skill.learns == "footwork":
        free_arms(ppo.actor)
    if resume and last.exists():
        saved = checkpoint.load(last)
        _restore(ppo, saved, last)
        state = saved["state"]
        state["next_eval"] = min(state["next_eval"], state["decisions"] + eval_every)
    log = _Log(out)
    rollout = Rollout(config.steps, envs, phi_size, ppo.actor.log_std.numel())
    phi = env.observe()
    began, last_save = time.monotonic(), time.monotonic()
    earlier = state["seconds"]

    def content(scores: dict | None = None) -> dict:
        return {
            "name": skill.name,
            "description": skill.description,
            "task": skill.task,
            "period": skill.period,
            "hidden": list(ppo.actor.hidden),
            "features": checkpoint.pack_features(env.features),
            "actor": ppo.actor.state_dict(),
            "critic": ppo.critic.state_dict(),
            "optimizer": ppo.optimizer.state_dict(),
            "lr": ppo.lr,
            "state": dict(state),
            "provenance": {
                "command": shlex.join(["metaworld-rt", *sys.argv[1:]]),
                "seed": seed,
                "decisions": state["decisions"],
                "minutes": round(state["seconds"] / 60.0, 1),
                "mujoco": mujoco.__version__,
                "collisions": collisions,
                "scores": scores or {},
                **({"start": begin["provenance"]} if begin else {}),
            },
        }

    scores: dict[str, float] = {}
    while state["decisions"] < total and (minutes is None or time.monotonic() - began < 60.0 * minutes):
        env.difficulty = state["difficulty"]
        env.polish = float(np.interp(state["decisions"] / total, POLISH_SPAN, (0.0, 1.0)))
        if begin is not None and begin["name"] == name:
            env.polish = 1.0  # fine-tuning
        tick = time.monotonic()
        sums: dict[str, float] = {}
        ends = 0
        for t in range(config.steps):
            outcome = env.step(ppo.act(phi, rollout, t))
            done = outcome.terminated | outcome.truncated
            ppo.note(rollout, t, outcome.reward, outcome.terminated, done, outcome.final_phi)
            phi = outcome.phi
            ends += int(outcome.terminated.sum())
            for key, value in outcome.terms.items():
                sums[key] = sums.get(key, 0.0) + value / config.steps
        torch.set_num_threads(threads)
        losses = ppo.update(rollout)
        torch.set_num_threads(1)
        state["difficulty"] = _adapt(state["difficulty"], ends / (config.steps * envs), skill.harder)
        state["decisions"] += config.steps * envs
        state["seconds"] = earlier + time.monotonic() - began
        rate = config.steps * envs / (time.monotonic() - tick)
        figures = {
            "decisions": state["decisions"],
            "total": total,
            "rate": rate,
            "falls": ends,
            "difficulty": env.difficulty,
            **sums,
            **losses,
        }
        log.write(figures)
        if progress:
            progress(figures)
        if state["decisions"] >= state["next_eval"] or state["decisions"] >= total:
            state["next_eval"] = state["decisions"] + eval_every
            scores, states = env.score(ppo.actor, threads)
            log.write({"decisions": state["decisions"], "seconds": state["seconds"], "eval": scores})
            if progress:
                progress({**figures, "eval": scores})
            # A polished policy beats any that is not. Among those within 2 % of the best return the newest is kept:
            # what training goes on to teach, pushes and other skills' states, the undisturbed return does not show.
            rank = scores["return_mean"] + (1e6 if env.polish >= 1.0 else 0.0)
            if rank >= state["best"] - 0.02 * abs(scores["return_mean"]):
                state["best"] = max(rank, state["best"])
                checkpoint.save(out / "best.pt", content(scores))
                states.save(out / "states.npz")
        if time.monotonic() - last_save > SAVE_EVERY_S:
            checkpoint.save(last, content())
            last_save = time.monotonic()
    checkpoint.save(last, content(scores))
    if not (out / "best.pt").exists():
        checkpoint.save(out / "best.pt", content(scores))
    env.close()
    log.close()
    scores = checkpoint.load(out / "best.pt")["provenance"]["scores"]
    return Result(out / "best.pt", scores, state["decisions"], state["seconds"] / 60.0)


def _adapt(difficulty: float, falls: float, step: float) -> float:
    if falls < FALLS_RARE:
        return min(1.0, difficulty + step)
    if falls > FALLS_COMMON:
        return max(0.0, difficulty - step)
    return difficulty


BATCHES = {"locomotion": LocomotionEnv, "reach": ReachEnv, "footwork": FootworkEnv, "door": DoorEnv}
# Features that an expert sees only if its skill names them; the robot's own state it always sees.
_OPTIONAL = {
    *("heading", "phase", "speed", "hand_to_goal", "base_to_goal", "base_xy", "door", "door_present"),
    *("left_hand", "right_hand"),
}


def new_expert(skill: Skill, layout: tuple[features.Feature, ...]) -> Expert:
    """An untrained expert that is blind to what its skill does not read."""
    expert = Expert(features.size(layout))
    for feature, where in zip(layout, features.slices(layout).values(), strict=True):
        if feature.name in _OPTIONAL and feature.name not in skill.reads:
            expert.normaliser.mask[where] = 0.0
    return expert


def _mirror_maps(skill: Skill, layout: tuple[features.Feature, ...]) -> tuple[np.ndarray, ...] | None:
    if not skill.symmetric:
        return None
    phi_perm, phi_sign = feature_mirror(layout)
    return phi_perm, phi_sign, *mirror_permutation()


def _begin_from(ppo: Ppo, skill: Skill, layout: tuple[features.Feature, ...], path: Path) -> dict:
    """Takes over the networks of a checkpoint as far as they fit: of the same skill, or of another to learn from."""
    other, content = checkpoint.load_expert(path)
    mask = ppo.actor.normaliser.mask.clone()
    same = checkpoint.unpack_features(content["features"]) == layout
    if same:
        ppo.actor.load_state_dict(other.state_dict())
        ppo.lr = ppo.config.lr_min  # a fresh Adam's first steps are long: at more the actor is lost in one update
    else:
        grow = {"reach": from_walk, "footwork": from_stand}.get(
            skill.learns, lambda e: widen(e, features.LOCOMOTION, layout)
        )
        ppo.actor.load_state_dict(grow(other).state_dict())
    ppo.actor.normaliser.mask.copy_(mask)
    if same and content["name"] == skill.name and "critic" in content:
        ppo.critic.load_state_dict(content["critic"])
    else:
        ppo.hold_actor = 10
    return content


def _restore(ppo: Ppo, saved: dict, path: Path) -> None:
    try:
        ppo.actor.load_state_dict(saved["actor"])
        ppo.critic.load_state_dict(saved["critic"])
        ppo.optimizer.load_state_dict(saved["optimizer"])
        ppo.lr = saved["lr"]
    except (RuntimeError, KeyError, ValueError) as error:
        raise checkpoint.CheckpointError(f"{path} does not fit this training; begin in another folder") from error


class _Log:
    """``log.jsonl``, and TensorBoard events if tensorboard is there."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._file = (out / "log.jsonl").open("a", encoding="utf-8")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(str(out))

    def write(self, figures: dict) -> None:
        self._file.write(json.dumps(figures) + "\n")
        self._file.flush()
        if self._board is None:
            return
        for key, value in figures.items():
            if isinstance(value, dict):
                for inner, number in value.items():
                    self._board.add_scalar(f"{key}/{inner}", number, figures["decisions"])
            elif key not in ("decisions", "total"):
                self._board.add_scalar(key, value, figures["decisions"])

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()
