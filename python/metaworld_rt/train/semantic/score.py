"""Scores a backend on the hand-written test set (tests/data/semantic_set.jsonl)."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...semantic import BackendError, PlanError, SemanticBackend, SkillPlan, StateSummary
from ...semantic.heads import HOUSEHOLD
from ...semantic.pixels import read_image

TARGETS = {"top": 0.9, "sequence": 0.8, "refusal": 0.9, "image": 0.85}
REFUSED = "(refused)"
FAILED = "(failed)"
_HERE = StateSummary(base_pos=(0.0, 0.0, 0.98))


@dataclass(frozen=True)
class Case:
    """One line of the set, what the backend said, and how long it took (s)."""

    row: dict[str, Any]
    plan: SkillPlan | None
    seconds: float

    @property
    def wanted(self) -> list[str]:
        """The right skills in order."""
        return [REFUSED] if self.row["refused"] else self.row["skills"]

    @property
    def got(self) -> list[str]:
        """The skills that were answered."""
        return [FAILED] if self.plan is None else [REFUSED] if self.plan.refused else self.plan.skills

    @property
    def exact(self) -> bool:
        """All skills in order, or the refusal."""
        return self.wanted == self.got

    def goals(self) -> list[bool]:
        """Whether each goal that the set names is right."""
        wanted = self.row.get("goals", {})
        if not self.exact or self.plan is None:
            return [False for stage in wanted.values() for _ in stage]
        pairs = [(self.plan.stages[int(i)], key, value) for i, stage in wanted.items() for key, value in stage.items()]
        return [_goal_is(stage, key, value) for stage, key, value in pairs]


def _goal_is(stage: Any, key: str, value: Any) -> bool:
    goal = stage.goal
    if key == "until":
        return stage.until.name == value[0] and math.isclose(stage.threshold, value[1])
    if key == "speed":
        middle = 3.0 if "run" in stage.top else 1.0
        return goal.speed is not None and ((goal.speed < middle) if value == "slow" else (goal.speed > middle))
    angle = goal.heading if stage.top != "reach" else None if goal.target is None else math.atan2(*goal.target[1::-1])
    if angle is None:
        return False
    return abs(angle) > 2.5 if value == "back" else 0.08 < angle < 2.5 if value == "left" else -2.5 < angle < -0.08


def cases(backend: SemanticBackend, path: Path, split: str = "all", skills: Sequence = HOUSEHOLD) -> list[Case]:
    """Asks the backend every question of the set; `split` is all, dev or test."""
    out = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if split not in ("all", row["split"]):
            continue
        image = read_image(path.parent / "semantic_images" / f"{row['image']}.png") if row["image"] else None
        start = time.perf_counter()
        try:
            plan = backend.plan(row["text"], image, skills, _HERE)
        except (BackendError, PlanError):
            plan = None
        out.append(Case(row, plan, time.perf_counter() - start))
    return out


def scores(found: Sequence[Case]) -> dict[str, dict[str, float]]:
    """For each measure: its share of right answers, how many cases it has, and the target where there is one."""
    goals = [right for case in found for right in case.goals()]
    image_right = [c.exact and all(c.goals()) for c in found if "image" in c.row["kinds"]]
    parts: dict[str, Iterable[bool]] = {
        "top": [case.got[0] == case.wanted[0] for case in found if not case.row["refused"]],
        "exact": [case.exact for case in found],
        "sequence": [case.exact for case in found if "sequence" in case.row["kinds"]],
        "refusal": [case.exact for case in found if case.row["refused"]],
        "image": image_right,
        "goals": goals,
        "english": [case.exact for case in found if case.row["lang"] == "en"],
        "chinese": [case.exact for case in found if case.row["lang"] == "zh"],
    }
    out = {}
    for name, right in parts.items():
        right = list(right)
        out[name] = {"share": float(np.mean(right)) if right else math.nan, "cases": len(right)}
        if name in TARGETS:
            out[name]["target"] = TARGETS[name]
    return out


def confusion(found: Sequence[Case]) -> str:
    """A table: the right first skill down, the answered one across."""
    counts = Counter((case.wanted[0], case.got[0]) for case in found)
    names = [name for name, _ in HOUSEHOLD] + [REFUSED, FAILED]
    names = [name for name in names if any(name in pair for pair in counts)]
    width = max(map(len, names)) + 1
    lines = ["right \\ said".ljust(width) + "".join(name.rjust(width) for name in names)]
    for wanted in names:
        row = [counts[wanted, got] for got in names]
        if sum(row):
            lines.append(wanted.ljust(width) + "".join((str(n) if n else ".").rjust(width) for n in row))
    return "\n".join(lines)
