"""`train expert --motion` on a clip that is recorded from one of our own experts.

    python benchmarks/motion.py --expert models/checkpoints/walk.pt --out runs/motion --decisions 1500000

Records some gait cycles of the expert as a retargeting tool would write them (30 Hz, root pose and joints, an .npz),
trains a new expert on that clip alone, and says how well it repeats the motion. Resumable. Writes
benchmarks/data/motion.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from metaworld_rt.cli.common import versions
from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.train.expert.trainer import train_expert
from metaworld_rt.train.world_model.arena import Arena
from metaworld_rt.train.world_model.library import load_library

DATA = Path(__file__).parent / "data" / "motion.json"
SETTLE_S, CYCLES, RATE = 5.0, 5, 30.0


def record(expert_path: Path, clip_path: Path) -> None:
    """Some cycles of an expert's steady motion, at `RATE` Hz."""
    library = load_library(expert_path.parent, [expert_path.stem])
    arena, rows = Arena(library, 1, skills=[0]), []
    for _ in range(round((SETTLE_S + CYCLES * library.periods[0]) / DECISION_DT)):
        arena.step(arena.view().reference)
        rows.append(arena.physics.qpos[0].copy())
    arena.close()
    qpos = np.array(rows[round(SETTLE_S / DECISION_DT) :])
    have = np.arange(len(qpos)) * DECISION_DT
    want = np.arange(0.0, have[-1], 1.0 / RATE)
    poses = np.stack([np.interp(want, have, column) for column in qpos.T], axis=-1)
    np.savez(
        clip_path,
        fps=RATE,
        joint_names=np.array(H1.joints),
        joint_pos=poses[:, 7:],
        root_pos=poses[:, :3],
        root_quat=poses[:, 3:7] / np.linalg.norm(poses[:, 3:7], axis=-1, keepdims=True),
    )


def main() -> int:
    """Record, train, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--expert", type=Path, default=Path("models/checkpoints/walk.pt"))
    parser.add_argument("--out", type=Path, default=Path("runs/motion"))
    parser.add_argument("--decisions", type=int, default=1_500_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    clip = args.out / "clip.npz"
    if not clip.exists():
        record(args.expert, clip)

    def show(figures: dict) -> None:
        if "eval" in figures:
            print(figures["decisions"], figures["eval"], flush=True)

    result = train_expert(
        "imitated",
        args.out,
        args.seed,
        args.decisions,
        motion=clip,
        threads=args.threads,
        eval_every=250_000,
        progress=show,
    )
    document = {
        "schema": "metaworld_rt.motion/1",
        "expert": str(args.expert),
        "clip": {"cycles": CYCLES, "rate_hz": RATE},
        "seed": args.seed,
        "decisions": result.decisions,
        "minutes": round(result.minutes, 1),
        "scores": result.scores,
        "versions": versions(),
    }
    DATA.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document["scores"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
