"""The network: an eye that names what it sees, a reader of hashed words, and a planner that points at skills.

The image speaks only through a description of the scene (door state, ball near or far, where): seven probabilities
and three numbers. So the two halves are trained apart, and whatever is written in an image, it cannot say more.
Skills are read from their names and descriptions by the same reader as the sentence; nothing knows their number.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...semantic.heads import DOORS, PACES, TARGETS, TURNS, UNTILS
from ...semantic.text import BUCKETS, GRAMS, MAX_TOKENS
from .labels import MAX_STEPS

WIDTH = 128
EMBEDDING = 64
HEADS = 4


class Eye(nn.Module):
    """[B, 3, 96, 96] in 0..1 -> door logits [B, 4], target logits [B, 3], ball [B, 3].

    The ball: bearing (rad), logarithm of the distance (m), height (m).
    """

    def __init__(self):
        super().__init__()
        channels = (3, 16, 32, 48, 64, 64)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 9, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        out = self.head(self.trunk(image - 0.5))
        return out[:, :4], out[:, 4:7], out[:, 7:]


class Attention(nn.Module):
    """Multi-head attention out of plain matrix products, so that it exports to few standard ops."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key_value, self.out = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )

    def forward(self, x: Tensor, memory: Tensor, present: Tensor) -> Tensor:
        """X [B, N, W] attends to memory [B, M, W] where present [B, M] is 1."""
        b, n, w = x.shape
        q = self.query(x).reshape(b, n, HEADS, w // HEADS).transpose(1, 2)
        k, v = self.key_value(memory).chunk(2, dim=-1)
        k = k.reshape(b, -1, HEADS, w // HEADS).permute(0, 2, 3, 1)
        v = v.reshape(b, -1, HEADS, w // HEADS).transpose(1, 2)
        scores = q @ k * (w // HEADS) ** -0.5 + (present[:, None, None, :] - 1.0) * 1e4
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, w))


class Block(nn.Module):
    """Pre-norm transformer block: over itself, then (optionally) over a memory, then two layers."""

    def __init__(self, width: int, across: bool, dropout: float):
        super().__init__()
        self.norm1, self.own = nn.LayerNorm(width), Attention(width)
        self.norm2, self.across = (nn.LayerNorm(width), Attention(width)) if across else (None, None)
        self.norm3 = nn.LayerNorm(width)
        self.two = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(approximate="tanh"), nn.Linear(2 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor, memory: Tensor | None = None, there: Tensor | None = None) -> Tensor:
        """X [B, N, W]; present [B, N]."""
        y = self.norm1(x)
        x = x + self.drop(self.own(y, y, present))
        if self.across is not None:
            x = x + self.drop(self.across(self.norm2(x), memory, there))
        return x + self.drop(self.two(self.norm3(x)))


class Reader(nn.Module):
    """Hashed tokens [B, T, GRAMS] -> [B, T, W] and which are there [B, T]."""

    def __init__(self, dropout: float):
        super().__init__()
        self.table = nn.Embedding(BUCKETS, EMBEDDING, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.3)
        self.widen = nn.Linear(EMBEDDING, WIDTH)
        self.place = nn.Parameter(torch.randn(MAX_TOKENS, WIDTH) * 0.1)
        self.blocks = nn.ModuleList([Block(WIDTH, False, dropout) for _ in range(2)])
        self.drop = nn.Dropout(dropout)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        used = (codes > 0).float()
        if torch.onnx.is_in_onnx_export():
            bag = (self.table(codes) * used.unsqueeze(-1)).sum(2)
        else:
            bag = functional.embedding_bag(codes.flatten(0, 1), self.table.weight, mode="sum", padding_idx=0)
            bag = bag.unflatten(0, codes.shape[:2])
        bag = bag / used.sum(2, keepdim=True).clamp(min=1.0).sqrt()
        present = used[:, :, 0]
        x = self.drop(self.widen(bag)) + self.place[: codes.shape[1]]
        for block in self.blocks:
            x = block(x, present)
        return x, present


class Planner(nn.Module):
    """Sentence, bundle and scene -> stages.

    Returns skill logits [B, MAX_STEPS, S + 1] (the last is the end), turn, pace and until logits
    [B, MAX_STEPS, ...], and the refusal's logit [B].
    """

    def __init__(self, dropout: float = 0.1):
        super().__init__()
        self.reader = Reader(dropout)
        self.skill_type, self.text_type = nn.Parameter(torch.zeros(WIDTH)), nn.Parameter(torch.zeros(WIDTH))
        self.door, self.target = nn.Linear(len(DOORS) + 1, WIDTH), nn.Linear(len(TARGETS) + 1, WIDTH)
        self.mix = nn.ModuleList([Block(WIDTH, False, dropout)])
        self.queries = nn.Parameter(torch.randn(MAX_STEPS + 1, WIDTH) * 0.3)
        self.blocks = nn.ModuleList([Block(WIDTH, True, dropout) for _ in range(2)])
        self.norm = nn.LayerNorm(WIDTH)
        self.point, self.name, self.end = (
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, WIDTH),
            nn.Parameter(torch.zeros(WIDTH)),
        )
        self.details = nn.Linear(WIDTH, len(TURNS) + len(PACES) + UNTILS)
        self.refuse = nn.Linear(WIDTH, 1)

    def skills(self, codes: Tensor) -> Tensor:
        """Skill texts [U, K, GRAMS] -> [U, W]."""
        x, present = self.reader(codes)
        return (x * present.unsqueeze(-1)).sum(1) / present.sum(1, keepdim=True).clamp(min=1.0)

    def forward(self, text: Tensor, skills: Tensor, has: Tensor, door: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """Text [B, T, GRAMS]; skills [B, S, W] from `skills`, has [B, S]; door [B, 5], target [B, 4] probabilities."""
        words, there = self.reader(text)
        scene = torch.stack([self.door(door), self.target(target)], 1)
        memory = torch.cat([words + self.text_type, skills + self.skill_type, scene], 1)
        present = torch.cat([there, has, torch.ones_like(scene[:, :, 0])], 1)
        for block in self.mix:
            memory = block(memory, present)
        x = self.queries.unsqueeze(0).expand(text.shape[0], -1, -1)
        everywhere = torch.ones_like(x[:, :, 0])
        for block in self.blocks:
            x = block(x, everywhere, memory, present)
        x = self.norm(x)
        stages, verdict = x[:, :MAX_STEPS], x[:, MAX_STEPS]
        known = memory[:, words.shape[1] : words.shape[1] + skills.shape[1]]
        names = torch.cat([self.name(known), self.end.expand(text.shape[0], 1, WIDTH)], 1)
        logits = self.point(stages) @ names.transpose(1, 2) * WIDTH**-0.5
        closed = torch.cat([has, torch.ones_like(has[:, :1])], 1)
        logits = logits + (closed[:, None, :] - 1.0) * 1e4
        turn, pace, until = self.details(stages).split([len(TURNS), len(PACES), UNTILS], -1)
        return logits, turn, pace, until, self.refuse(verdict).squeeze(-1)


def parameters_of(module: nn.Module) -> int:
    """The number of weights."""
    return sum(weight.numel() for weight in module.parameters())


__all__ = ["GRAMS", "Eye", "Planner", "parameters_of"]
