"""What the semantic layer may say: skill weights in stages, each with a goal and a done-condition.

Nothing else reaches the controller. `checked` is the only door: it takes any object that claims to be a plan and
returns a valid `SkillPlan` over the listed skills within the limits, or raises `PlanError` with one reason.
All values are plain and immutable, so a plan may be shared between threads. None of this is real-time code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

SCHEMA = "metaworld_rt.plan/1"
MAX_STAGES = 8  # kMaxStages of the C++ core
MAX_TEXT = 4096  # characters of a model's own words that are kept
MAX_JSON = 65536  # characters of a plan in JSON, or of a text in it, that are looked at


class Until(IntEnum):
    """When a stage is done; the same names, values and units as `metaworld_rt::Until` in C++."""

    never = 0
    elapsed = 1  # s since the stage began
    distance = 2  # m travelled horizontally since the stage began
    door_hinge = 3  # hinge angle >= threshold, rad
    door_latch = 4  # latch angle >= threshold, rad
    hand_to_goal = 5  # left hand within threshold of the goal, m
    base_to_goal = 6  # base horizontally within threshold of the goal, m
    passed_x = 7  # base x >= threshold, world, m
    upright = 8  # base up-axis z >= threshold for 0.5 s


# The range a threshold is clipped to.
THRESHOLDS: dict[Until, tuple[float, float]] = {
    Until.never: (0.0, 0.0),
    Until.elapsed: (0.1, 600.0),
    Until.distance: (0.05, 100.0),
    Until.door_hinge: (0.05, 1.4),
    Until.door_latch: (0.05, 2.0),
    Until.hand_to_goal: (0.02, 2.0),
    Until.base_to_goal: (0.1, 10.0),
    Until.passed_x: (-20.0, 20.0),
    Until.upright: (0.0, 1.0),
}


class PlanError(ValueError):
    """A plan that may not be used. `kind` is a short word for the counters in the run report."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Limits:
    """What goals are clipped to: m/s, m (world box around the origin), s."""

    speed: float = 6.0
    target_low: tuple[float, float, float] = (-20.0, -20.0, 0.0)
    target_high: tuple[float, float, float] = (20.0, 20.0, 2.5)
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Goal:
    """What a skill should aim at; `None` leaves it to the skill.

    heading: world yaw to face and move along, rad, in (-pi, pi]. speed: m/s along it, >= 0.
    target: world position for a hand, m, (x, y, z).
    """

    heading: float | None = None
    speed: float | None = None
    target: tuple[float, float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The goal's set fields as JSON values."""
        fields = {"heading": self.heading, "speed": self.speed, "target": self.target and list(self.target)}
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True)
class StagePlan:
    """One stage: weights over named skills (on the simplex), and when to go on.

    alpha: trust in these weights against the gate, 0..1, or None for the bundle's value.
    threshold: in the unit of `until`. timeout_s: go on after this long whatever the condition says, 0 = none.
    """

    weights: Mapping[str, float]
    goal: Goal = field(default_factory=Goal)
    until: Until = Until.never
    threshold: float = 0.0
    timeout_s: float = 0.0
    alpha: float | None = None

    @property
    def top(self) -> str:
        """The name of the skill with the largest weight."""
        return max(self.weights, key=lambda name: self.weights[name])

    def vector(self, names: Sequence[str]) -> list[float]:
        """The weights in the order of `names` (the bundle's experts); 0 for a skill that is not mentioned."""
        return [float(self.weights.get(name, 0.0)) for name in names]

    def to_json(self) -> dict[str, Any]:
        """The stage as JSON values (keys as in the `plan` command's contract)."""
        stage: dict[str, Any] = {
            "weights": dict(self.weights),
            "goal": self.goal.to_json(),
            "until": self.until.name,
            "threshold": self.threshold,
            "timeout_s": self.timeout_s,
        }
        if self.alpha is not None:
            stage["alpha"] = self.alpha
        return stage


@dataclass(frozen=True)
class SkillPlan:
    """The answer to one instruction: 1..8 stages, and how far to trust them.

    confidence: 0..1. refused: the request was unknown, impossible or unsafe; the only stage is then the safe skill.
    message: one line for the person. text: what the model itself wrote, cut to 4096 characters, never interpreted.
    """

    stages: tuple[StagePlan, ...]
    confidence: float = 1.0
    refused: bool = False
    message: str = ""
    text: str = ""

    @property
    def skills(self) -> list[str]:
        """The top skill of each stage, in order."""
        return [stage.top for stage in self.stages]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "stages": [stage.to_json() for stage in self.stages],
            "confidence": self.confidence,
            "refused": self.refused,
            "message": self.message,
            "text": self.text,
        }

    @classmethod
    def from_json(
        cls, source: str | Mapping[str, Any], names: Sequence[str], limits: Limits | None = None
    ) -> SkillPlan:
        """A valid plan from JSON text or an already parsed object.

        Args:
            source: JSON text of at most 65536 characters, or a mapping.
            names: the bundle's skill names.
            limits: what goals are clipped to.

        Raises:
            PlanError: not a plan, or not one over these skills.
        """
        return checked(_parse(source) if isinstance(source, str) else source, names, limits)


def refusal(safe_skill: str, message: str, confidence: float = 0.0, text: str = "") -> SkillPlan:
    """The plan for a request that is not followed: the safe skill until something else is asked."""
    return SkillPlan((StagePlan({safe_skill: 1.0}),), confidence, True, message, text[:MAX_TEXT])


def checked(source: Any, names: Sequence[str], limits: Limits | None = None) -> SkillPlan:
    """A valid `SkillPlan` from a `SkillPlan` or a JSON mapping that nobody has checked.

    Weights must be finite, non-negative, over `names` only and not all zero; they come back on the simplex, without
    the zero ones. Goals and thresholds are clipped to `limits` and `THRESHOLDS`, headings wrapped. Everything else
    that is wrong is refused, not repaired.

    Raises:
        PlanError: kinds garbage, too_few, too_many, unknown_skill, non_finite, negative.
    """
    limits = limits or Limits()
    if isinstance(source, SkillPlan):
        source = _plain(source)
    if not isinstance(source, Mapping):
        raise PlanError("garbage", f"a plan must be a mapping with stages, not {type(source).__name__}")
    stages = source.get("stages")
    if not isinstance(stages, Sequence) or isinstance(stages, str | bytes):
        raise PlanError("garbage", "a plan needs a list of stages")
    if not stages:
        raise PlanError("too_few", "a plan needs at least one stage")
    if len(stages) > MAX_STAGES:
        raise PlanError("too_many", f"a plan has at most {MAX_STAGES} stages, this one has {len(stages)}")
    confidence = _number(source.get("confidence", 1.0), "confidence", 0.0, 1.0)
    refused = source.get("refused", False)
    if not isinstance(refused, bool):
        raise PlanError("garbage", "refused must be true or false")
    return SkillPlan(
        tuple(_stage(stage, names, limits) for stage in stages),
        confidence,
        refused,
        _text(source.get("message", ""), 500),
        _text(source.get("text", ""), MAX_TEXT),
    )


def _parse(text: str) -> Any:
    if len(text) > MAX_JSON:
        raise PlanError("garbage", f"a plan in JSON has at most {MAX_JSON} characters, this one has {len(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError("garbage", f"not JSON: {type(error).__name__}") from error


def _plain(plan: SkillPlan) -> dict[str, Any]:
    """The fields of a plan that may hold anything, without trusting its own methods."""
    stages = plan.stages
    if isinstance(stages, Sequence) and not isinstance(stages, str | bytes):
        stages = [_plain_stage(stage) if isinstance(stage, StagePlan) else stage for stage in stages[: MAX_STAGES + 1]]
    return {
        "stages": stages,
        "confidence": plan.confidence,
        "refused": plan.refused,
        "message": plan.message,
        "text": plan.text,
    }


def _plain_stage(stage: StagePlan) -> dict[str, Any]:
    goal = stage.goal
    if isinstance(goal, Goal):
        goal = {"heading": goal.heading, "speed": goal.speed, "target": goal.target}
    return {
        "weights": stage.weights,
        "goal": goal,
        "until": stage.until,
        "threshold": stage.threshold,
        "timeout_s": stage.timeout_s,
        "alpha": stage.alpha,
    }


def _stage(source: Any, names: Sequence[str], limits: Limits) -> StagePlan:
    if not isinstance(source, Mapping):
        raise PlanError("garbage", "a stage must be a mapping with weights")
    until = _until(source.get("until", "never"))
    threshold = _number(source.get("threshold", 0.0), "threshold", *THRESHOLDS[until])
    timeout = _number(source.get("timeout_s", 0.0), "timeout_s", 0.0, limits.timeout_s)
    alpha = source.get("alpha")
    if alpha is not None:
        alpha = _number(alpha, "alpha", 0.0, 1.0)
    weights = _weights(source.get("weights"), names)
    return StagePlan(weights, _goal(source.get("goal"), limits), until, threshold, timeout, alpha)


def _weights(source: Any, names: Sequence[str]) -> dict[str, float]:
    if not isinstance(source, Mapping):
        raise PlanError("garbage", "weights must be a mapping from skill name to number")
    if not source:
        raise PlanError("too_few", "a stage needs at least one weight")
    if len(source) > len(names):
        raise PlanError("too_many", f"{len(source)} weights for {len(names)} skills")
    weights = {}
    for name, value in source.items():
        if name not in names:
            raise PlanError("unknown_skill", f"no skill named {str(name)[:40]!r}; there are: {', '.join(names)}")
        number = _finite(value, f"weight of {name}")
        if number < 0.0:
            raise PlanError("negative", f"weight of {name} is negative")
        weights[name] = min(number, 1e6)
    total = sum(weights.values())
    if total <= 1e-9:
        raise PlanError("too_few", "all weights are zero")
    return {name: value / total for name, value in weights.items() if value > 0.0}


def _goal(source: Any, limits: Limits) -> Goal:
    if source is None:
        return Goal()
    if not isinstance(source, Mapping):
        raise PlanError("garbage", "a goal must be a mapping")
    heading, speed, target = source.get("heading"), source.get("speed"), source.get("target")
    if heading is not None:
        heading = wrapped(_finite(heading, "heading"))
    if speed is not None:
        speed = _number(speed, "speed", 0.0, limits.speed)
    if target is not None:
        if not isinstance(target, Sequence) or isinstance(target, str | bytes) or len(target) != 3:
            raise PlanError("garbage", "target must be three numbers")
        box = zip(target, limits.target_low, limits.target_high, strict=True)
        x, y, z = (_number(value, "target", low, high) for value, low, high in box)
        target = (x, y, z)
    return Goal(heading, speed, target)


def _until(source: Any) -> Until:
    if isinstance(source, Until):
        return source
    try:
        return Until[source]
    except (KeyError, TypeError):
        raise PlanError("garbage", f"unknown done-condition {str(source)[:40]!r}") from None


def _finite(value: Any, what: str) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise PlanError("garbage", f"{what} must be a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise PlanError("garbage", f"{what} must be a number") from None
    if not math.isfinite(number):
        raise PlanError("non_finite", f"{what} is not finite")
    return number


def _number(value: Any, what: str, low: float, high: float) -> float:
    return min(max(_finite(value, what), low), high)


def _text(value: Any, limit: int) -> str:
    if isinstance(value, str) and len(value) > MAX_JSON:
        raise PlanError("garbage", f"a plan with a text of {len(value)} characters; at most {MAX_JSON} are looked at")
    return "".join(char if char.isprintable() else " " for char in value[:limit]) if isinstance(value, str) else ""


def wrapped(angle: float) -> float:
    """The angle in (-pi, pi], rad."""
    return math.atan2(math.sin(angle), math.cos(angle))
