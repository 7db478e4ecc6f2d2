"""A bundle that is there, with a part that was trained since; nothing else is trained or tried again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from metaworld_rt.errors import UserError
from metaworld_rt.export.assemble import handover_section
from metaworld_rt.export.bundle import read_bundle, revise_bundle
from metaworld_rt.train.gate.train import load_gate
from metaworld_rt.train.handover.train import load_handover
from metaworld_rt.train.kept import Kept, fingerprint
from metaworld_rt.train.pipeline import Progress, tried_handover
from metaworld_rt.train.world_model.config import TRIAL_EPISODES
from metaworld_rt.train.world_model.library import ExpertLibrary


def revise(
    library: ExpertLibrary,
    base: Path,
    bundle: Path,
    handover: Path,
    *,
    version: str,
    keep_gate: bool = True,
    gate: Path | None = None,
    trials: Path | None = None,
    episodes: int = TRIAL_EPISODES,
    threads: int = 2,
    progress: Progress | None = None,
) -> dict:
    """Give a bundle that is there a handover, tried as in `pipeline.write`.

    Args:
        library: the experts that it was exported from.
        base: the bundle.
        bundle: where the new one is written; a bundle there is replaced.
        handover: `handover.pt`.
        version: of the new one.
        keep_gate: whether it keeps its gate.
        gate: the `gate.pt` that the gate came from, for the trial.
        trials: a folder that keeps the trial's scores, as of `pipeline.write`.
        episodes: of the trial.
        threads: of its physics.
        progress: called with (phase, done, total, figures).

    Raises:
        CheckpointError: a checkpoint that does not fit.
        BundleError: a base that cannot be read.
        UserError: a base of other experts, or a gate to be kept without its checkpoint.
    """
    described, _ = read_bundle(base)
    names = [expert["name"] for expert in described["experts"]]
    if names != list(library.names):
        raise UserError(f"{base} has the experts {', '.join(names)}, not {', '.join(library.names)}")
    gated = described.get("gate") is not None
    if gated and keep_gate and gate is None:
        raise UserError(f"{base} has a gate: give its gate.pt for the trial, or leave it out")
    how = {"episodes": episodes, "threads": threads, "alpha": described["fusion"]["alpha"]}
    network = load_gate(gate, library)[0] if gated and keep_gate else None
    if network is not None:
        how["gate"] = network.probabilities
    turns, figures = load_handover(handover, library)
    kind = {"episodes": episodes, "alpha": how["alpha"], "handover": turns.config}
    how["kept"] = Kept(trials, fingerprint(library, kind, [network, turns]))
    turns, tried = tried_handover(library, turns, progress or (lambda *_: None), how)
    provenance = {**figures, **tried}
    revision = {"command": shlex.join(["metaworld-rt", *sys.argv[1:]]), "version": described["version"]}
    told = {**described["provenance"], "handover": provenance, "revised": revision}
    changes, networks = {"version": version, "provenance": told}, {}
    if gated and not keep_gate:
        changes["gate"], told["gate"] = None, {**told.get("gate", {}), "used": False}
    if turns is not None:
        changes["handover"], networks = handover_section(turns)
    revise_bundle(base, bundle, changes, networks, overwrite=True)
    return {"bundle": str(bundle), "handover": provenance}
