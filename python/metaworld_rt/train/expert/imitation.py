"""Dataset aggregation (Ross et al., arXiv 1011.0686): an expert that does what a teacher does, wherever it gets itself.

More and more of the robots act by the student; all are told what the teacher would do.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.skill import Skill
from metaworld_rt.train.expert.trainer import new_expert

STEPS = 80  # decisions of a round
_BATCH = 512
_SETTLED = 1000.0  # batches that the normaliser counts as seen: else practice's first one replaces what was learned on
_STD = 0.12  # of the student's exploration afterwards, in units of its output


def imitate(
    skill: Skill,
    env: SkillEnv,
    teach: Callable[[], np.ndarray],
    rounds: int,
    updates: int,
    seed: int,
    noise: float = 0.03,
) -> Expert:
    """Trains a student on a batch of the household layout, and closes the batch.

    Args:
        skill: says what the student sees.
        env: the batch.
        teach: the teacher's actions (count, 19) for the batch's present states.
        rounds: of collecting and learning; in the last one the learning rate falls to nothing.
        updates: gradient steps of each round.
        seed: of weights, noise and minibatches.
        noise: standard deviation of what is added to the actions, normalised.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    student = new_expert(skill, features.HOUSEHOLD)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
    gain = student.gain.double().numpy()
    phi, seen, told = env.observe(), [], []
    for turn in range(rounds):
        led = np.arange(env.count) < env.count * max(0.1, 1.0 - 0.2 * turn)
        for _ in range(STEPS):
            with torch.no_grad():
                own = student(torch.from_numpy(phi)).double().numpy()
            teacher = teach()
            seen.append(phi)
            told.append(teacher / gain)
            phi = env.step(np.where(led[:, None], teacher, own) + noise * rng.normal(size=teacher.shape)).phi
        x, y = torch.from_numpy(np.concatenate(seen)), torch.from_numpy(np.concatenate(told)).float()
        if turn == 0:
            student.normaliser.mean.copy_(x.mean(0))
            student.normaliser.variance.copy_(x.var(0))
            student.normaliser.count.fill_(_SETTLED)
        for step in range(updates):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 if turn < rounds - 1 else 1e-3 * (1.0 - step / updates)
            rows = torch.randint(0, len(x), (_BATCH,))
            loss = (student.mean(x[rows]) - y[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    env.close()
    with torch.no_grad():
        student.log_std.fill_(float(np.log(_STD)))
    return student


def save_start(path: Path, name: str, skill: Skill, period: float, student: Expert, provenance: dict) -> None:
    """Writes a student as a checkpoint of that name and gait period (s), for `train expert --start`."""
    checkpoint.save(
        path,
        {
            "name": name,
            "description": skill.description,
            "task": skill.task,
            "period": period,
            "hidden": list(student.hidden),
            "features": checkpoint.pack_features(features.HOUSEHOLD),
            "provenance": provenance,
            "actor": student.state_dict(),
        },
    )


def command_of(module: str, argv: Sequence[str] | None) -> str:
    """The command line of a module that makes starts."""
    return shlex.join(["python", "-m", f"metaworld_rt.train.expert.{module}", *(argv or sys.argv[1:])])


def provenance_of(command: str, seed: int, decisions: int, taught_by: Path) -> dict:
    """How a command makes a start from the checkpoint of its teacher; the caller fills in the minutes."""
    start = checkpoint.load(taught_by)["provenance"]
    return {"command": command, "seed": seed, "decisions": decisions, "minutes": 0.0, "start": start}
