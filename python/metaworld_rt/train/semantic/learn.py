"""The two trainings: the eye on rendered scenes, the planner on generated sentences. Both resume from checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from .. import files
from .album import Album
from .corpus import IGNORED, Batch, Corpus
from .network import Eye, Planner


def save(path: Path, **state: object) -> None:
    """Writes a checkpoint whole or not at all; raises CheckpointError where it cannot be written."""
    files.whole(path, lambda part: torch.save(state, part))


def _schedule(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 300)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


# --- the eye


def _augmented(images: Tensor, ball: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirrored, shifted in colour and brightness, noisy; the bearing is mirrored with the image."""
    n = images.shape[0]
    x = images.float() / 255.0
    flip = torch.from_numpy(rng.random(n) < 0.5)
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    ball = ball * torch.where(flip[:, None], torch.tensor([-1.0, 1.0, 1.0]), torch.ones(3))
    draw = lambda low, high, *shape: torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))  # noqa: E731
    x = (x - 0.5) * draw(0.7, 1.3, n, 1, 1, 1) + 0.5 + draw(-0.15, 0.15, n, 1, 1, 1)
    x = x + draw(-0.04, 0.04, n, 3, 1, 1) + torch.randn_like(x) * draw(0.0, 0.04, n, 1, 1, 1)
    return x.clamp(0, 1), ball


def _eye_loss(eye: Eye, x: Tensor, door: Tensor, target: Tensor, ball: Tensor) -> Tensor:
    doors, targets, where = eye(x)
    goal = torch.stack([ball[:, 0], torch.log(ball[:, 1].clamp(min=0.1)), ball[:, 2]], 1)
    error = F.smooth_l1_loss(where, goal, reduction="none", beta=0.2).sum(1)
    seen = (target > 0).float()
    return (
        F.cross_entropy(doors, door)
        + F.cross_entropy(targets, target)
        + 2.0 * (error * seen).sum() / seen.sum().clamp(min=1)
    )


def train_eye(train: Callable[[], Album], path: Path, epochs: int = 20, batch: int = 64, seed: int = 0) -> Eye:
    """Trains the eye on the scenes that `train` makes, or finds it trained at `path`."""
    torch.manual_seed(seed)
    eye = Eye()
    optimiser = torch.optim.AdamW(eye.parameters(), lr=2e-3, weight_decay=1e-3)
    first, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        eye.load_state_dict(state["eye"])
        optimiser.load_state_dict(state["optimiser"])
        first, spent = state["epoch"], state.get("cpu_s", 0.0)
    if first >= epochs:
        return eye.eval()
    spent -= time.process_time()
    scenes = train()
    tensors = [torch.from_numpy(part) for part in (scenes.images, scenes.door, scenes.target, scenes.ball)]
    tensors[0] = tensors[0].permute(0, 3, 1, 2)
    steps = epochs * (len(scenes.images) // batch)
    for epoch in tqdm(range(first, epochs), desc="train eye", initial=first, total=epochs):
        rng = np.random.default_rng([seed, epoch])
        eye.train()
        order = torch.from_numpy(rng.permutation(len(scenes.images)))
        for i in range(len(order) // batch):
            for group in optimiser.param_groups:
                group["lr"] = _schedule(epoch * (len(order) // batch) + i, steps, 2e-3)
            images, door, target, ball = (part[order[i * batch : (i + 1) * batch]] for part in tensors)
            x, ball = _augmented(images, ball, rng)
            optimiser.zero_grad()
            _eye_loss(eye, x, door, target, ball).backward()
            optimiser.step()
        state = {"eye": eye.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch + 1}
        save(path, **state, cpu_s=spent + time.process_time())
    return eye.eval()


@torch.no_grad()
def eye_scores(eye: Eye, check: Album) -> dict[str, float]:
    """Accuracies, and the median error of the ball's bearing (rad) and distance (m)."""
    x = torch.from_numpy(check.images).permute(0, 3, 1, 2).float() / 255.0
    parts = [eye(part) for part in x.split(256)]
    doors, targets, where = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    seen = check.target > 0
    return {
        "door": float((doors.argmax(1) == check.door).mean()),
        "passable": float(((doors.argmax(1) == 3) == (check.door == 3)).mean()),
        "target": float((targets.argmax(1) == check.target).mean()),
        "bearing_error": float(np.median(np.abs(where[seen, 0] - check.ball[seen, 0]))),
        "distance_error": float(np.median(np.abs(np.exp(where[seen, 1]) - check.ball[seen, 1]))),
    }


# --- the planner


def _soft(index: np.ndarray, count: int, rng: np.random.Generator | None) -> Tensor:
    """Scene indices as probabilities; in training softened as the eye's are. The last place means: no image."""
    out = np.eye(count + 1, dtype=np.float32)[index]
    if rng is not None:
        blur = rng.uniform(0.0, 0.25, (len(index), 1)) * (rng.random((len(index), 1)) < 0.3) * (index < count)[:, None]
        noise = rng.dirichlet([0.3] * count, len(index))
        out[:, :count] = (1 - blur) * out[:, :count] + blur * noise
    return torch.from_numpy(out)


def forward(planner: Planner, batch: Batch, rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
    """The planner on a batch; `rng` adds training's noise to the scenes."""
    bundle = torch.from_numpy(batch.bundle)
    skills = planner.skills(torch.from_numpy(batch.skill_text))[bundle.clamp(min=0)]
    has = (bundle >= 0).float()
    return planner(torch.from_numpy(batch.text), skills, has, _soft(batch.door, 4, rng), _soft(batch.target, 3, rng))


def _planner_loss(outputs: tuple[Tensor, ...], batch: Batch) -> Tensor:
    skill, turn, pace, until, refuse = outputs
    loss = F.binary_cross_entropy_with_logits(refuse, torch.from_numpy(batch.refuse) * 0.98 + 0.01)
    for logits, labels, weight in (
        (skill, batch.skill, 3.0),
        (turn, batch.turn, 0.7),
        (pace, batch.pace, 0.5),
        (until, batch.until, 0.8),
    ):
        labels = torch.from_numpy(labels)
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
        loss = loss + weight * each / (labels != IGNORED).sum().clamp(min=1)
    return loss


@torch.no_grad()
def planner_scores(planner: Planner, corpus: Corpus, batches: int = 20) -> dict[str, float]:
    """Whole answers right, refusals right, on generated sentences that were not trained on."""
    planner.eval()
    sums = np.zeros(4)
    for _, batch in zip(range(batches), corpus.batches(128, np.random.default_rng(0)), strict=False):
        skill, turn, pace, until, refuse = (part.numpy() for part in forward(planner, batch))
        no = batch.refuse > 0.5
        said = refuse > 0
        right = ((skill.argmax(-1) == batch.skill) | (batch.skill == IGNORED)).all(1)
        full = right.copy()
        for logits, labels in ((turn, batch.turn), (pace, batch.pace), (until, batch.until)):
            full &= ((logits.argmax(-1) == labels) | (labels == IGNORED)).all(1)
        sums += [(said == no).sum(), (right & ~said & ~no).sum(), (full & ~said & ~no).sum(), 0]
        sums[3] += (~no).sum() * 1.0
    total = 128.0 * batches
    return {"refusal": sums[0] / total, "skills": sums[1] / sums[3], "whole": sums[2] / sums[3]}


def train_planner(
    train: Callable[[], Corpus],
    check: Corpus,
    path: Path,
    steps: int = 5400,
    batch: int = 96,
    seed: int = 0,
    peak: float = 1e-3,
    start: Path | None = None,
) -> Planner:
    """Trains the planner on the sentences that `train` makes, or goes on from `path`, or finds it trained there.

    `start` holds the weights to begin with, in place of random ones.
    """
    torch.manual_seed(seed)
    planner = Planner()
    decay = [p for p in planner.parameters() if p.ndim > 1]
    rest = [p for p in planner.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=peak, betas=(0.9, 0.98)
    )
    step, epoch, spent, note = 0, 0, 0.0, {}
    if start is not None:
        state = torch.load(start, weights_only=True)
        planner.load_state_dict(state["planner"])
        note = {"note": state["note"]} if "note" in state else {}
    if path.exists():
        state = torch.load(path, weights_only=True)
        planner.load_state_dict(state["planner"])
        optimiser.load_state_dict(state["optimiser"])
        step, epoch, spent = state["step"], state["epoch"], state.get("cpu_s", 0.0)
        note = {"note": state["note"]} if "note" in state else {}
    if step >= steps:
        return planner.eval()
    spent -= time.process_time()
    sentences = train()
    bar = tqdm(total=steps, initial=step, desc="train planner", mininterval=10.0)
    mean, saved = 0.0, time.monotonic()
    while step < steps:
        rng = np.random.default_rng([seed, 7, epoch])
        for part in sentences.batches(batch, rng):
            planner.train()
            for group in optimiser.param_groups:
                group["lr"] = _schedule(step, steps, peak)
            loss = _planner_loss(forward(planner, part, rng), part)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(planner.parameters(), 1.0)
            optimiser.step()
            mean += max(0.02, 1.0 / (step + 1)) * (float(loss.detach()) - mean)
            bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
            step += 1
            bar.update()
            if step % 1000 == 0 or step == steps:
                scores = planner_scores(planner, check)
                tqdm.write(
                    f"step {step}: loss {mean:.3f}, "
                    + ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
                )
            if time.monotonic() - saved > 60 or step == steps:
                state = {"planner": planner.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
                save(path, **state, **note, epoch=epoch + 1, cpu_s=spent + time.process_time())
                saved = time.monotonic()
            if step == steps:
                break
        epoch += 1
    planner.eval()
    return planner
