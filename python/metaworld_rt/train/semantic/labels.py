"""From what is meant to what is to be done: intents, a scene and a bundle give the stages, or a refusal.

These rules are the conventions that the network learns (docs/semantic.md lists them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...semantic.heads import Until

UNKNOWN = "unknown"  # of a scene: no image


@dataclass(frozen=True)
class Intent:
    """One thing that is asked for.

    act: a core skill, "touch" (reach for the ball) or the name of an extra skill. turn: left, right, back or "".
    pace: slow, fast or "". quantity: ("distance" in m | "elapsed" in s | "speed" in m/s, value) or None.
    """

    act: str
    turn: str = ""
    pace: str = ""
    quantity: tuple[str, float] | None = None


@dataclass(frozen=True)
class Step:
    """One stage of the answer: a skill key, and the network's other heads for it."""

    skill: str
    turn: str = ""
    pace: str = ""
    until: Until | None = None
    quantity: tuple[str, float] | None = None
    explicit: bool = True


_ENDS = {
    "door_approach": Until.passed_near,
    "door_open": Until.door_hinge,
    "door_pass": Until.passed_far,
    "reach": Until.hand_to_goal,
}
MAX_STEPS = 6


def resolve(intents: list[Intent], door: str, target: str, has: set[str]) -> list[Step] | None:
    """The steps for what is meant, or None where it must be refused.

    Args:
        intents: in the order in which they are to be done.
        door: none, closed, ajar, open, or unknown (no image).
        target: none, near, far, or unknown.
        has: keys of the skills in the bundle.
    """
    steps: list[Step] = []
    at_door, door_open, passed = False, door == "open", False
    for intent in intents:
        if intent.act in ("door_approach", "door_open", "door_pass"):
            if door == "none":
                return None
            wanted = []
            if intent.act == "door_approach":
                wanted = ["door_approach"]
            elif not passed and not door_open:
                wanted = ["door_open"] if at_door else ["door_approach", "door_open"]
            if (intent.act == "door_pass" or (intent.act == "door_open" and door == "open")) and not passed:
                wanted = [*wanted, "door_pass"]
                passed = True
            if "door_approach" in wanted and "door_approach" not in has and intent.act != "door_approach":
                wanted.remove("door_approach")
            at_door = at_door or "door_approach" in wanted
            door_open = door_open or "door_open" in wanted
            steps += [_step(skill, intent if skill == intent.act else Intent(skill)) for skill in wanted]
        elif intent.act == "touch":
            if target == "none":
                return None
            if target == "far" and "walk" in has:
                walked = bool(steps) and steps[-1].skill == "walk" and steps[-1].quantity is None and not steps[-1].turn
                if walked:
                    steps[-1] = replace(steps[-1], turn="target", until=Until.base_to_goal)
                else:
                    steps.append(Step("walk", "target", until=Until.base_to_goal))
            steps.append(Step("reach", "target", until=Until.hand_to_goal))
        else:
            steps.append(_step(intent.act, intent))
    if not steps:
        steps = [Step("stand", until=Until.never)]
    if len(steps) > MAX_STEPS or any(step.skill not in has for step in steps):
        return None
    return steps


def _step(skill: str, intent: Intent) -> Step:
    quantity = intent.quantity
    until = _ENDS.get(skill, Until.never)
    if quantity and quantity[0] != "speed":
        until = Until.distance if quantity[0] == "distance" else Until.elapsed
    return Step(skill, intent.turn, intent.pace, until, quantity)
