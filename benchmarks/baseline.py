"""TD-MPC2 from scratch: what our own code reaches as published, without experts.

    metaworld-rt train world-model --experts models/checkpoints --published walk --size xs --decisions 60000 --out W
    python benchmarks/baseline.py --run W

Scores a run of `--published SKILL`, however far it has come, with TD-MPC2's own planner settings in the trainer's
arena, and keeps that in benchmarks/data/baseline/SKILL.json, which benchmarks/results.py shows. The experts are loaded
for the names of the skills and the layout of phi; none of them acts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from metaworld_rt.cli.common import versions
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.library import load_library
from metaworld_rt.train.world_model.native import planner_policy
from metaworld_rt.train.world_model.trainer import evaluate

DATA = Path(__file__).parent / "data" / "baseline"


def main() -> int:
    """Score one run and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of train world-model --published")
    parser.add_argument("--experts", type=Path, default=Path("models/checkpoints"))
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, content = checkpoint.load(args.run / "model.pt")
    schedule, progress = content["schedule"], content["progress"]
    if not schedule["published"]:
        parser.error(f"{args.run} was not trained with --published")
    library, skill = load_library(args.experts, content["skills"]), schedule["skill"]
    model.eval()
    scores = evaluate(
        library,
        lambda: planner_policy(model, PlannerConfig(), args.seed, guided=False),
        skill,
        args.episodes,
        args.seed,
    )
    document = {
        "skill": skill,
        "size": schedule["size"],
        "decisions": progress["decisions"],
        "updates": progress["updates"],
        "minutes": round(progress["seconds"] / 60, 1),
        "training_seed": progress["seed"],
        "versions": versions(),
        "scores": scores,
    }
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / f"{skill}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document["scores"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
