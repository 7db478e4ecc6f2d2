"""Fits the handover to switches that were tried: sigmoid(f(phi)_i) is how likely expert i manages from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from metaworld_rt.export.network import Mlp, elu_chain
from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.tasks import features
from metaworld_rt.train import files
from metaworld_rt.train.descent import descend, split
from metaworld_rt.train.expert.policy import mlp
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.handover.trials import SCENES, awaiting, take_over
from metaworld_rt.train.kept import Kept, fingerprint
from metaworld_rt.train.world_model.library import ExpertLibrary

FORMAT = "metaworld_rt.handover/1"
_CERTAIN = 10.0  # logit of an expert of which nothing was tried: nobody waits for it


@dataclass(frozen=True)
class HandoverConfig:
    """Hyper-parameters.

    Attributes:
        states: on the floor, from which a switch is tried, and a share of that in other scenes; a tenth is held out.
        ready: how likely an expert must manage for a switch to it.
        wait_ms: how long one is waited for at the longest: two strides.
        hidden: layer widths.
        steps, batch, lr: of AdamW.
    """

    states: int = 4000
    ready: float = 0.9
    wait_ms: float = 1000.0
    hidden: tuple[int, ...] = (64, 64)
    steps: int = 4000
    batch: int = 256
    lr: float = 1e-3


class Handover(nn.Module):
    """Phi `[B, phi]` to logits `[B, K]`, and from when on they say that an expert is ready."""

    def __init__(self, phi: int, skills: int, config: HandoverConfig | None = None):
        super().__init__()
        self.config = config or HandoverConfig()
        self.phi, self.skills = phi, skills
        self.net = mlp([phi, *self.config.hidden, skills])

    @property
    def wait(self) -> int:
        """Decisions that an expert is waited for at the longest."""
        return round(self.config.wait_ms / 1000.0 / DECISION_DT)

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.net(phi)

    @torch.no_grad()
    def ready(self, phi: np.ndarray) -> np.ndarray:
        """Who can take over, `[B, K]` bool."""
        return (self(torch.from_numpy(phi)).sigmoid() >= self.config.ready).numpy()

    def exported(self) -> Mlp:
        """The network as numbers."""
        return elu_chain("handover", (("phi", self.phi),), self.net, output="logits")


@dataclass(frozen=True)
class Switches:
    """N switches that were tried: phi `[n, phi]`, to which expert `[n]`, and whether it managed `[n]`."""

    phi: np.ndarray
    awaited: np.ndarray
    managed: np.ndarray


def fit(switches: Switches, skills: int, config: HandoverConfig, seed: int = 0) -> tuple[Handover, dict]:
    """Train a handover between so many experts. Nobody waits for one to which no switch was tried.

    Returns:
        The handover, and of the held-out switches: `managed`, the share that went well, `ready`, the share that it
        would make at once, and `managed_ready`, of these the share that went well (absent if it would make none).
    """
    torch.manual_seed(seed)
    held, used = split(len(switches.phi), seed)
    net = Handover(switches.phi.shape[1], skills, config)
    x, to = torch.from_numpy(switches.phi), torch.from_numpy(switches.awaited)
    y = torch.from_numpy(switches.managed).float()

    def loss(rows: torch.Tensor) -> torch.Tensor:
        logit = net(x[rows]).gather(1, to[rows, None])[:, 0]
        return functional.binary_cross_entropy_with_logits(logit, y[rows])

    descend(net, used, config, 1e-2, loss)
    untried = np.setdiff1d(np.arange(skills), switches.awaited)
    with torch.no_grad():
        net.net[-1].weight[untried], net.net[-1].bias[untried] = 0.0, _CERTAIN
    ready = net.ready(switches.phi[held])[np.arange(len(held)), switches.awaited[held]]
    managed = switches.managed[held]
    shares = {"managed": managed, "ready": ready, "managed_ready": managed[ready]}
    return net, {name: float(np.mean(share)) for name, share in shares.items() if len(share)}


def train_handover(
    library: ExpertLibrary,
    folder: str | Path,
    config: HandoverConfig | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[str, int, int, dict], None] | None = None,
) -> tuple[Handover, dict]:
    """Try switches, fit, and write `<folder>/handover.pt`.

    The switches are kept in `<folder>/switches.npz`, and until they are whole in batches: a call goes on where one was
    killed.
    """
    folder, config = Path(folder), config or HandoverConfig()
    cache = folder / "switches.npz"
    if cache.exists():
        with np.load(cache) as file:
            skills = file["skills"].tolist()
            switches = Switches(file["phi"], file["awaited"], file["managed"])
        if skills != list(library.names) or switches.phi.shape[1] != features.size(library.features):
            raise CheckpointError(f"{cache} is of other experts; remove it, or train in another folder")
    else:
        scenes = [scene for scene in SCENES if any(task.scene == scene.visited.scene for task in library.tasks)]
        counts = [round(scene.share * config.states) for scene in scenes]
        total, done = sum(counts), [0]

        def step(n: int) -> None:
            done[0] += n
            if progress:
                progress("handover: switches", done[0], total, {})

        kept = Kept(folder / "tries", fingerprint(library, {"scenes": scenes, "counts": counts, "seed": seed}))
        parts = []
        for scene, count in zip(scenes, counts, strict=True):
            states, awaited = awaiting(library, scene, count, seed + 29, threads=threads, kept=kept)
            phi, managed = take_over(library, scene, states, awaited, threads=threads, kept=kept, progress=step)
            parts.append((phi, awaited, managed))
        switches = Switches(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        files.write_arrays(cache, {"skills": np.array(library.names), **vars(switches)})
        kept.clear()
    net, figures = fit(switches, len(library.names), config, seed)
    content = {
        "phi": net.phi,
        "skills": list(library.names),
        "config": {**asdict(config), "hidden": list(config.hidden)},
        "handover": net.state_dict(),
        "figures": figures,
    }
    files.write(folder / "handover.pt", FORMAT, content)
    return net, figures


def load_handover(path: str | Path, library: ExpertLibrary) -> tuple[Handover, dict]:
    """Read a handover; raises CheckpointError if it is none, or of other experts."""
    content = files.read(path, FORMAT)
    if content["skills"] != list(library.names) or content["phi"] != features.size(library.features):
        raise CheckpointError(
            f"{path} is a handover between other experts ({', '.join(content['skills'])}); train it again"
        )
    config = HandoverConfig(**{**content["config"], "hidden": tuple(content["config"]["hidden"])})
    net = Handover(content["phi"], len(content["skills"]), config)
    net.load_state_dict(content["handover"])
    return net.eval(), content["figures"]
