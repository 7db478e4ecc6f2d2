"""How the small networks are fitted that say who does best from where: AdamW on batches of rows, a tenth held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import nn


class Descent(Protocol):
    """The hyper-parameters: steps, rows in a batch, and learning rate, which falls to nothing along a cosine."""

    steps: int
    batch: int
    lr: float


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of n rows are held out, a tenth, and which are used."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 10], order[n // 10 :]


def descend(
    network: nn.Module,
    used: np.ndarray,
    config: Descent,
    weight_decay: float,
    loss: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Fit a network to the loss of batches of the used rows, and put it into evaluation mode."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in range(config.steps):
        rows = torch.as_tensor(used[torch.randint(len(used), (config.batch,)).numpy()])
        optimizer.zero_grad()
        loss(rows).backward()
        optimizer.step()
        schedule.step()
    network.eval()
