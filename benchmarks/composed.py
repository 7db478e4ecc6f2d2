"""A composed task: one sentence, several skills after one another, through the C++ controller in lockstep.

    python benchmarks/composed.py --bundle models/h1-locomotion --seeds 50 --json benchmarks/data/composed.json

The script is a list of (skill, seconds); each seed adds up to 0.8 s to each part but the last, so that the switches
come at every moment of the gait. In each part the reward is that of the part's task, as a share of its best;
a fall ends the episode. `full` and `experts` follow the script as a plan of stages; `no-semantic` is told nothing, so
that the gate weighs the experts, or all weigh the same where there is no gate: the paper's ablation of the VLM.
`no-guidance` searches without the pull to the experts, `planner-only` without them at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaworld_rt.cli.common import versions
from metaworld_rt.controller import load, skill_command
from metaworld_rt.evaluate.builtin import BuiltinTask
from metaworld_rt.evaluate.controllers import Driver
from metaworld_rt.evaluate.observation import Observer
from metaworld_rt.semantic import SkillPlan, StagePlan
from metaworld_rt.semantic.plan import Until
from metaworld_rt.tasks.task import get_task

SCRIPTS = {
    "run-stand": (("walk", 2), ("run", 5), ("stand", 6)),
    ("stand", "walk"): (("stand", 2), ("walk", 4), ("stand", 3), ("walk", 4), ("stand", 6)),
    ("stand", "walk", "reach"): (("stand", 1), ("reach", 7), ("walk", 4), ("stand", 3), ("walk", 3), ("stand", 6)),
    ("stand", "walk", "run", "reach"): (
        ("stand", 1),
        ("reach", 7),
        ("walk", 4),
        ("stand", 3),
        ("walk", 3),
        ("run", 4),
        ("walk", 4),
        ("stand", 6),
    ),
    ("stand", "walk", "run"): (("stand", 2), ("walk", 4), ("run", 5), ("walk", 4), ("stand", 7)),
}
CONTROLLERS = ("full", "experts", "no-semantic")
FALLEN = 0.4  # m of the pelvis: a task may go on where somebody lies (reach does), this one ends
TTL_NS = 3_600_000_000_000


def plan_of(script: Sequence[tuple[str, float]]) -> SkillPlan:
    """The script as stages."""
    last = len(script) - 1
    return SkillPlan(
        tuple(
            StagePlan({skill: 1.0}) if i == last else StagePlan({skill: 1.0}, until=Until.elapsed, threshold=float(s))
            for i, (skill, s) in enumerate(script)
        )
    )


def drawn(script: Sequence[tuple[str, float]], seed: int) -> list[tuple[str, float]]:
    """The script with its parts as long as this seed makes them, in whole decisions; the sum stays."""
    extra = np.random.default_rng(seed).integers(0, 41, len(script)) * 0.02
    extra[-1] = 0.0
    parts = [(skill, seconds + more) for (skill, seconds), more in zip(script, extra, strict=True)]
    skill, seconds = parts[-1]
    return [*parts[:-1], (skill, seconds - extra.sum())]


def fly(bundle, task: BuiltinTask, driver: Driver, script: Sequence[tuple[str, float]], told: bool, seed: int) -> dict:
    """One episode."""
    script = drawn(script, seed)
    controller, observer = driver.begin(), Observer(bundle.observation, task.observes)
    if told:
        controller.post_command(skill_command(bundle, plan_of(script), ttl_ns=TTL_NS))
    terms, total, decision = task.reset(seed), 0.0, 0
    period_ns = round(task.decision_s * 1e9)
    for skill, seconds in script:
        reward = get_task(skill)
        for _ in range(round(seconds / task.decision_s)):
            outcome = task.step(controller.step(decision * period_ns, observer.fill(terms)))
            terms, decision = outcome.terms, decision + 1
            total += float(reward.terms(task.env.signals(), task.env.goal)["reward"]) / reward.best_reward
            if outcome.terminated or terms["base_pos"][2] < FALLEN:
                return {"return": total, "decisions": decision, "fell_in": skill}
    return {"return": total, "decisions": decision, "fell_in": None}


def main() -> int:
    """Fly every controller over every seed and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="models/h1-locomotion")
    parser.add_argument("--controllers", default=",".join(CONTROLLERS))
    parser.add_argument("--script", default="", help="run-stand; default: the bundle's skills but a door's")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--training-seed", type=int, default=0, help="that the bundle was trained with")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    bundle = load(args.bundle)
    script = SCRIPTS.get(args.script or tuple(skill for skill in bundle.skills if not skill.startswith("door")))
    if script is None:
        print(f"no script for the skills {', '.join(bundle.skills)}", file=sys.stderr)
        return 1
    longest = round(sum(seconds for _, seconds in script) * 50)
    rows = []
    for name in args.controllers.split(","):
        task, driver = BuiltinTask("reach" if "reach" in dict(script) else "walk"), Driver(name, bundle, "walk")
        flights = [fly(bundle, task, driver, script, name != "no-semantic", seed) for seed in range(args.seeds)]
        task.close()
        returns = np.array([flight["return"] for flight in flights])
        rows.append(
            {
                "controller": name,
                "seeds": len(flights),
                "falls": sum(flight["fell_in"] is not None for flight in flights),
                "return_mean": float(returns.mean()),
                "return_std": float(returns.std()),
                "return_min": float(returns.min()),
                "most": longest,
                "flights": flights,
            }
        )
        row = rows[-1]
        print(f"{name:12} return {row['return_mean']:6.1f} +- {row['return_std']:.1f} of {longest} "
              f"(least {row['return_min']:.1f}), falls {row['falls']} of {row['seeds']}", flush=True)  # fmt: skip
    if args.json:
        document = {"schema": "metaworld_rt.composed/1", "bundle": bundle.name, "digest": bundle.digest}
        document |= {"training_seed": args.training_seed, "script": script, "versions": versions(), "rows": rows}
        args.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
