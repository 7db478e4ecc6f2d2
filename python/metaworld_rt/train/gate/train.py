"""Fits the gate to measured returns: p(i|s) = softmax(score_i / temperature), by cross entropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from metaworld_rt.export.network import Layer, Mlp
from metaworld_rt.tasks import features
from metaworld_rt.train import files
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate.returns import expert_returns, visit
from metaworld_rt.train.world_model.library import ExpertLibrary

FORMAT = "metaworld_rt.gate/1"


@dataclass(frozen=True)
class GateConfig:
    """Hyper-parameters.

    Attributes:
        states: visited, half of them at the door where a skill is for one; a tenth is held out.
        temperature: of the teacher; smaller is more decisive.
        loyalty: by how much another expert must score more than the one in charge. Without it a tie is a coin's throw:
            from a steady run walking scores as well as running, and a gate that says half and half slows the run.
        hidden: layer widths.
        steps, batch, lr: of Adam.
    """

    states: int = 6000
    temperature: float = 0.02
    loyalty: float = 0.4
    hidden: tuple[int, ...] = (64, 64)
    steps: int = 3000
    batch: int = 256
    lr: float = 1e-3


class Gate(nn.Module):
    """Phi `[B, phi]` to logits `[B, K]`."""

    def __init__(self, phi: int, skills: int, hidden: tuple[int, ...] = (64, 64)):
        super().__init__()
        sizes = [phi, *hidden]
        layers: list[nn.Module] = []
        for i in range(len(hidden)):
            layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ELU()]
        self.net = nn.Sequential(*layers, nn.Linear(sizes[-1], skills))
        self.phi, self.skills, self.hidden = phi, skills, tuple(hidden)

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.net(phi)

    @torch.no_grad()
    def probabilities(self, phi: np.ndarray) -> np.ndarray:
        """p(i|s) `[B, K]` for numpy phi."""
        return self(torch.from_numpy(phi)).softmax(-1).double().numpy()

    def exported(self) -> Mlp:
        """The gate as numbers."""
        linear = [m for m in self.net if isinstance(m, nn.Linear)]
        layers = tuple(
            Layer(
                m.weight.detach().numpy(), m.bias.detach().numpy(), activation="elu" if i < len(linear) - 1 else "none"
            )
            for i, m in enumerate(linear)
        )
        return Mlp("gate", (("phi", self.phi),), layers, output="logits")


def fit(phi: np.ndarray, scores: np.ndarray, config: GateConfig, seed: int = 0) -> tuple[Gate, dict[str, float]]:
    """Train a gate on scores `[n, K]`.

    Returns:
        The gate, and on the held-out states: `agreement` (its choice is the best expert, or within 1 % of it),
        `regret` (mean score lost by its choice), `regret_best_single` (by the best fixed expert).
    """
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(phi))
    held, used = order[: len(phi) // 10], order[len(phi) // 10 :]
    x, y = torch.from_numpy(phi), torch.from_numpy(scores / config.temperature).softmax(-1).float()
    gate = Gate(phi.shape[1], scores.shape[1], config.hidden)
    optimizer = torch.optim.AdamW(gate.parameters(), lr=config.lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in range(config.steps):
        rows = torch.as_tensor(used[torch.randint(len(used), (config.batch,)).numpy()])
        loss = functional.cross_entropy(gate(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    gate.eval()
    choice = gate.probabilities(phi[held]).argmax(-1)
    best = scores[held].max(-1)
    lost = best - scores[held][np.arange(len(held)), choice]
    fixed = (best[:, None] - scores[held]).mean(0).min()
    figures = {
        "agreement": float((lost < 0.01).mean()),
        "regret": float(lost.mean()),
        "regret_best_single": float(fixed),
    }
    return gate, figures


def train_gate(
    library: ExpertLibrary,
    folder: str | Path,
    config: GateConfig | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[str, int, int, dict], None] | None = None,
) -> tuple[Gate, dict[str, float]]:
    """Measure returns (kept in `<folder>/returns.npz`), fit, and write `<folder>/gate.pt`."""
    folder, config = Path(folder), config or GateConfig()
    cache = folder / "returns.npz"
    if cache.exists():
        with np.load(cache) as file:
            phi, scores, weights = file["phi"], file["scores"], file["weights"]
    else:
        scenes = ["floor", "door"] if any(task.scene == "door" for task in library.tasks) else ["floor"]
        share = config.states // len(scenes)
        visited = [visit(library, share, seed + 17, scene=scene, threads=threads) for scene in scenes]
        total, done = config.states * len(library.names), [0]

        def step(n: int) -> None:
            done[0] += n
            if progress:
                progress("gate: trials", done[0], total, {})

        measured = [expert_returns(library, states, threads=threads, progress=step) for states in visited]
        phi, scores = (np.concatenate(parts) for parts in zip(*measured, strict=True))
        weights = np.concatenate([states.weights for states in visited])
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(cache, phi=phi, scores=scores, weights=weights)
    gate, figures = fit(phi, scores + config.loyalty * weights, config, seed)
    figures["loyalty"] = config.loyalty
    content = {"phi": gate.phi, "skills": list(library.names), "hidden": list(gate.hidden)}
    files.write(folder / "gate.pt", FORMAT, {**content, "gate": gate.state_dict(), "figures": figures})
    return gate, figures


def load_gate(path: str | Path, library: ExpertLibrary) -> tuple[Gate, dict[str, float]]:
    """Read a gate; raises CheckpointError if it is none, or of other experts."""
    content = files.read(path, FORMAT)
    if content["skills"] != list(library.names) or content["phi"] != features.size(library.features):
        raise CheckpointError(f"{path} is a gate over other experts ({', '.join(content['skills'])}); train it again")
    gate = Gate(content["phi"], len(content["skills"]), tuple(content["hidden"]))
    gate.load_state_dict(content["gate"])
    return gate.eval(), content["figures"]
