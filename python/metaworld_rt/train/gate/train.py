"""Fits the gate to measured returns, by cross entropy: p(i|s) = softmax((score_i + loyalty w_i) / temperature).

w are the weights that led to the state, so that the expert in charge is preferred; from the state alone the gate learns
who that usually is. A gate may read the command too: p(i|s, c), c being the command times the trust in it, where the
one in charge is preferred as long as it would stay on its feet, and without a command (c = 0) nobody is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from metaworld_rt.export.network import Mlp, elu_chain
from metaworld_rt.tasks import features
from metaworld_rt.train import files
from metaworld_rt.train.descent import descend, split
from metaworld_rt.train.expert.policy import mlp
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate.returns import VISITED, expert_returns, visit
from metaworld_rt.train.kept import Kept, fingerprint
from metaworld_rt.train.world_model.arena import AT_DOOR
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
        condition: whether the gate reads the command.
        blind: if so, the share of a batch without a command; as many again have a trust between none and all.
        hidden: layer widths.
        steps, batch, lr: of Adam.
    """

    states: int = 3000
    temperature: float = 0.02
    loyalty: float = 0.4
    condition: bool = False
    blind: float = 0.25
    hidden: tuple[int, ...] = (64, 64)
    steps: int = 3000
    batch: int = 256
    lr: float = 1e-3


class Gate(nn.Module):
    """Phi `[B, phi]`, and the command c `[B, K]` if `condition`, to logits `[B, K]`."""

    def __init__(self, phi: int, skills: int, hidden: tuple[int, ...] = (64, 64), condition: bool = False):
        super().__init__()
        self.condition = skills if condition else 0
        self.net = mlp([phi + self.condition, *hidden, skills])
        self.phi, self.skills, self.hidden = phi, skills, tuple(hidden)

    def forward(self, phi: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.net(torch.cat([phi, c], -1) if self.condition else phi)

    @torch.no_grad()
    def probabilities(self, phi: np.ndarray, c: np.ndarray) -> np.ndarray:
        """p(i|s, c) `[B, K]` for numpy phi and commands."""
        return self(torch.from_numpy(phi), torch.from_numpy(c).float()).softmax(-1).double().numpy()

    def exported(self) -> Mlp:
        """The gate as numbers."""
        inputs = (("phi", self.phi), *((("c", self.condition),) if self.condition else ()))
        return elu_chain("gate", inputs, self.net, output="logits")


@dataclass(frozen=True)
class Trials:
    """What was measured from n states: phi `[n, phi]`, scores and upright `[n, K]`, and who was in charge `[n, K]`."""

    phi: np.ndarray
    scores: np.ndarray
    upright: np.ndarray
    weights: np.ndarray


def fit(trials: Trials, config: GateConfig, seed: int = 0) -> tuple[Gate, dict[str, float]]:
    """Train a gate.

    Returns:
        The gate, and on the held-out states: `agreement` (its choice is the best expert, or within 1 % of it), `regret`
        (mean score lost by its choice), `regret_best_single` (by the best fixed expert), where one that reads the
        command is given none, and the scores for one that does not are with its loyalty; and with the command: `kept`
        (p of the expert in charge where it stays upright), `called` (p of the others where it falls and one of them
        would not; absent if there is no such state).
    """
    phi, scores = trials.phi, trials.scores
    torch.manual_seed(seed)
    held, used = split(len(phi), seed)
    x, y, w = torch.from_numpy(phi), torch.from_numpy(scores), torch.from_numpy(trials.weights)
    bonus = config.loyalty * torch.from_numpy(trials.upright if config.condition else np.ones_like(scores))
    gate = Gate(phi.shape[1], scores.shape[1], config.hidden, config.condition)
    blind = config.blind if config.condition else 0.0

    def loss(rows: torch.Tensor) -> torch.Tensor:
        c = ((torch.rand(config.batch, 1) / blind - 1.0).clamp(0.0, 1.0) if blind else 1.0) * w[rows]
        teacher = ((y[rows] + c * bonus[rows]) / config.temperature).softmax(-1)
        return functional.cross_entropy(gate(x[rows], c.float()), teacher.float())

    descend(gate, used, config, 1e-3, loss)
    if not config.condition:
        scores = scores + config.loyalty * trials.weights
    choice = gate.probabilities(phi[held], np.zeros_like(scores[held])).argmax(-1)
    best = scores[held].max(-1)
    lost = best - scores[held][np.arange(len(held)), choice]
    fixed = (best[:, None] - scores[held]).mean(0).min()
    figures = {
        "agreement": float((lost < 0.01).mean()),
        "regret": float(lost.mean()),
        "regret_best_single": float(fixed),
        **_loyal(gate, trials, held),
    }
    return gate, figures


def _loyal(gate: Gate, trials: Trials, rows: np.ndarray) -> dict[str, float]:
    w, upright = trials.weights[rows], trials.upright[rows]
    own = w.argmax(-1)
    single, stays = w.max(-1) > 0.99, upright[np.arange(len(rows)), own]
    p = gate.probabilities(trials.phi[rows], w)[np.arange(len(rows)), own]
    in_need = single & ~stays & upright.any(-1)
    called = {"called": float((1.0 - p[in_need]).mean())} if in_need.any() else {}
    return {"kept": float(p[single & stays].mean()) if (single & stays).any() else 0.0, **called}


def train_gate(
    library: ExpertLibrary,
    folder: str | Path,
    config: GateConfig | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[str, int, int, dict], None] | None = None,
) -> tuple[Gate, dict[str, float]]:
    """Measure returns, fit, and write `<folder>/gate.pt`.

    The returns are kept in `<folder>/returns.npz`, and until they are whole in batches: a call goes on where one was
    killed.
    """
    folder, config = Path(folder), config or GateConfig()
    cache = folder / "returns.npz"
    if cache.exists():
        with np.load(cache) as file:
            if set(file) != {f.name for f in fields(Trials)}:
                raise CheckpointError(f"{cache} is of another version; remove it, or train in another folder")
            trials = Trials(**file)
    else:
        scenes = ["floor", "door"] if any(task.scene == "door" for task in library.tasks) else ["floor"]
        share = config.states // len(scenes)
        settings = {"visited": [VISITED, AT_DOOR], "states": share, "seed": seed}
        kept = Kept(folder / "tries", fingerprint(library, settings))
        visited = [visit(library, share, seed + 17, scene=scene, threads=threads, kept=kept) for scene in scenes]
        total, done = config.states * len(library.names), [0]

        def step(n: int) -> None:
            done[0] += n
            if progress:
                progress("gate: trials", done[0], total, {})

        measured = [expert_returns(library, s, threads=threads, kept=kept, progress=step) for s in visited]
        parts = (np.concatenate(part) for part in zip(*measured, strict=True))
        trials = Trials(*parts, np.concatenate([states.weights for states in visited]))
        files.write_arrays(cache, vars(trials))
        kept.clear()
    gate, figures = fit(trials, config, seed)
    figures["loyalty"] = config.loyalty
    content = {
        "phi": gate.phi,
        "skills": list(library.names),
        "hidden": list(gate.hidden),
        "condition": config.condition,
        "gate": gate.state_dict(),
        "figures": figures,
    }
    files.write(folder / "gate.pt", FORMAT, content)
    return gate, figures


def load_gate(path: str | Path, library: ExpertLibrary) -> tuple[Gate, dict[str, float]]:
    """Read a gate; raises CheckpointError if it is none, or of other experts."""
    content = files.read(path, FORMAT)
    if content["skills"] != list(library.names) or content["phi"] != features.size(library.features):
        raise CheckpointError(f"{path} is a gate over other experts ({', '.join(content['skills'])}); train it again")
    condition = content.get("condition", False)
    gate = Gate(content["phi"], len(content["skills"]), tuple(content["hidden"]), condition)
    gate.load_state_dict(content["gate"])
    return gate.eval(), content["figures"]
