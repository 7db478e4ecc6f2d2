"""One expert that does the mean of what several do. Each errs elsewhere, and the mean less than any.

    python -m metaworld_rt.train.expert.ensemble one.pt other.pt --out door_pass.pt

The networks stand side by side in one, a block each, so that whoever runs it sees a single, wider MLP.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from metaworld_rt.train.expert import checkpoint
from metaworld_rt.train.expert.imitation import command_of
from metaworld_rt.train.expert.policy import Expert, deployed

_ALIKE = ("name", "period", "features")  # what the experts must share


def mean_of(experts: Sequence[Expert]) -> Expert:
    """The expert whose action is the mean of theirs before it is clamped; normalisers are folded into its weights.

    Args:
        experts: at least one, of one phi and as many layers; they may differ in width.

    Raises:
        ValueError: none, or experts of another phi or depth.
    """
    shapes = {(expert.phi_size, len(expert.hidden)) for expert in experts}
    if len(shapes) != 1:
        raise ValueError("the mean needs experts that read the same phi with as many layers")
    chains = [[layer for layer in deployed(expert) if hasattr(layer, "weight")] for expert in experts]
    widths = zip(*(expert.hidden for expert in experts), strict=True)
    mean = Expert(experts[0].phi_size, [sum(width) for width in widths])
    first, *between, last = (layer for layer in mean.net if hasattr(layer, "weight"))
    ends = [chain[-1] for chain in chains]
    with torch.no_grad():
        first.weight.copy_(torch.cat([chain[0].weight for chain in chains]))
        for at, layer in enumerate(between, 1):
            layer.weight.copy_(torch.block_diag(*(chain[at].weight for chain in chains)))
        for at, layer in enumerate((first, *between)):
            layer.bias.copy_(torch.cat([chain[at].bias for chain in chains]))
        share = 1.0 / (len(ends) * mean.gain)  # the gain is folded into the chains, and comes again in the mean
        last.weight.copy_(share[:, None] * torch.cat([end.weight for end in ends], 1))
        last.bias.copy_(share * torch.stack([end.bias for end in ends]).sum(0))
    return mean.eval()


def make(files: Sequence[Path], out: Path, command: str = "") -> None:
    """Writes the mean of some experts as a checkpoint; what it is called and for is the first one's.

    Raises:
        CheckpointError: a checkpoint that cannot be used or is of another skill, gait or layout than the first, or a
            file that cannot be written.
    """
    loaded = [checkpoint.load_expert(path) for path in files]
    about = loaded[0][1]
    for path, (_, content) in zip(files, loaded, strict=True):
        differ = [key for key in _ALIKE if content[key] != about[key]]
        if differ:
            raise checkpoint.CheckpointError(
                f"{path} has another {differ[0]} than {files[0]}: there is no mean of them"
            )
    try:
        mean = mean_of([expert for expert, _ in loaded])
    except ValueError as error:
        raise checkpoint.CheckpointError(f"{', '.join(map(str, files))}: {error}") from error
    members = [content["provenance"] for _, content in loaded]
    kept = {key: about[key] for key in ("name", "description", "period", "features")}
    provenance = {"command": command, "decisions": 0, "minutes": 0.0, "members": members}
    task = about.get("task", about["name"])
    mean_state = {"hidden": list(mean.hidden), "actor": mean.state_dict()}
    checkpoint.save(out, {**kept, "task": task, **mean_state, "provenance": provenance})


def main(argv: Sequence[str] | None = None) -> int:
    """The command of `make`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experts", type=Path, nargs="+", metavar="FILE", help="checkpoints of one skill")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    args = parser.parse_args(argv)
    make(args.experts, args.out, command_of("ensemble", argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
