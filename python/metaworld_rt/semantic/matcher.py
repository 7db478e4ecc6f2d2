"""The matcher: keywords, no learning, no image. Honest about what it does not know.

It answers the obvious sentences in English and Chinese so that the loop can be run where no model is wanted. A word
it does not know makes it less sure; a clause without a skill, or with one that the bundle lacks, is refused whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from .backend import Skills, StateSummary, checked_instruction
from .plan import Goal, SkillPlan, StagePlan, Until, checked, refusal, wrapped

# Skill name -> what people say for it. A skill that is not listed is found by its own name.
_WORDS: dict[str, str] = {
    "run": r"\b(run|runs|running|jog|jogging|sprint|sprinting|dash|rush)\b|跑|奔|冲刺",
    "walk": r"\b(walk|walks|walking|stroll|strolling|stride|move|go|march|step|advance|head)\b|走|前进|步行|散步",
    "stand": r"\b(stand|standing|stay|stop|halt|wait|freeze|hold|pause|still|rest|balance)\b|站|停|别动|等|保持|立正",
    "reach": r"\b(reach|touch|grab|point|hand|stretch)\b|伸手|够|触|碰|摸|拿",
    "door_open": r"\bopen\b|开门|打开|拉开|把门",
    "door_pass": r"\b(through|doorway|other side|enter|exit)\b|穿过|通过|进门|出门|过门|另一边|对面|门外",
    "door_approach": r"\b(to|towards?|approach|near|reach|at) (the |a )?door\b|(走到|靠近|去|走向|来到|到)门",
}
_SPLIT = re.compile(
    r"\bthen\b|\bafter that\b|\bafterwards\b|[,;.!?，。；、！？]|然后|接着|之后|随后|再(?!见)|\band\b|并且|并"
)
_NOT = re.compile(
    r"(\bdo not|\bdon'?t|\bdont|\bnever|\bwithout|\bno\b|\bnot|\binstead of|不要|不许|不准|不用|别|勿|不)\s*$"
)
_KNOWN = re.compile(
    r"\b(please|could|can|would|will|you|the|a|an|to|for|and|just|now|robot|h1|hey|ok|okay|me|your|up|still|in|place|on|"
    r"at|forward|forwards|ahead|straight|slowly|slow|quickly|quick|fast|faster|slower|left|right|turn|around|back|"
    r"first|finally|next|it|be|keep|here|there|don'?t|not|do|never|with|of|target|goal|ball|door|room|"
    r"meters?|metres?|m|seconds?|s|\d+(\.\d+)?|one|two|three|four|five|ten|moving|start|begin|i|want|need|let'?s)\b"
    r"|请|麻烦|你|向|往|前|左|右|边|转|一|下|慢|快|点|地|的|先|最后|米|秒|到|去|门|不|要|别|动|原|直|稳|手|目标|球|吧|把|来|着|"
    r"给|我|能|可以|一直|机器人|[两三四五六十]|[\s'’\"-]"
)
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?|one|two|three|four|five|ten|[一两二三四五六十])\s*(meters?|metres?|m\b|米)")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?|one|two|three|four|five|ten|[一两二三四五六十])\s*(seconds?|secs?|s\b|秒)")
_NUMBERS = dict(
    zip(
        ["one", "two", "three", "four", "five", "ten", "一", "二", "两", "三", "四", "五", "六", "十"],
        (1, 2, 3, 4, 5, 10, 1, 2, 2, 3, 4, 5, 6, 10),
        strict=True,
    )
)
_LEFT, _RIGHT = re.compile(r"\bleft\b|左"), re.compile(r"\bright\b|右")
_SLOW, _FAST = re.compile(r"\bslow(ly|er)?\b|慢"), re.compile(r"\b(fast(er)?|quick(ly)?)\b|快")

EXAMPLES = 'try "walk forward", "stand still" or "走到门口"'


class Matcher:
    """The `matcher` backend. Stateless, thread-safe, well under a millisecond."""

    name = "matcher"

    def plan(
        self,
        instruction: str,
        image: np.ndarray | None,
        skills: Sequence[tuple[str, str]],
        state_summary: StateSummary | None = None,
    ) -> SkillPlan:
        """See `SemanticBackend.plan`. The image is not read."""
        skills = Skills.of(skills)
        text = checked_instruction(instruction).lower().replace("’", "'")
        if not text:
            return refusal(skills.safe, f"no instruction: {skills.safe}; {EXAMPLES}")
        stages: list[StagePlan] = []
        known = 0.0
        negated = False
        for clause in filter(None, (part.strip(" '\"") for part in _SPLIT.split(text))):
            found, refused = _skill(clause, skills.names)
            share = _understood(clause)
            if found is None and refused:
                negated = True
                continue
            if found is None and share > 0.99 and (_LEFT.search(clause) or _RIGHT.search(clause) or len(clause) < 12):
                continue  # "please", "ok", "slowly": nothing to do, nothing unknown
            if found is None or share < 0.5:
                return refusal(skills.safe, f"not understood: {clause[:60]!r}; {skills.safe} instead; {EXAMPLES}")
            known += share
            stages.append(_stage(clause, found, state_summary or StateSummary()))
        if not stages and not negated:
            return refusal(skills.safe, f"nothing to do in {text[:60]!r}; {skills.safe} instead; {EXAMPLES}")
        if not stages:
            return SkillPlan((StagePlan({skills.safe: 1.0}),), 0.6, False, f"told what not to do: {skills.safe}")
        plan = SkillPlan(_chained(stages), 0.9 * known / len(stages), False, " > ".join(s.top for s in stages))
        return checked(plan, skills.names)


def _skill(clause: str, names: Sequence[str]) -> tuple[str | None, bool]:
    """The skill a clause asks for, and whether one was named only to be forbidden.

    The skill whose longest phrase is found wins: "walk to the door" is door_approach, not walk.
    """
    best, length, forbidden = None, 0, False
    for name in {**dict.fromkeys(_WORDS), **dict.fromkeys(names)}:
        pattern = _WORDS.get(name, rf"\b{re.escape(name.replace('_', ' ').lower())}\b")
        for match in re.finditer(pattern, clause):
            if _NOT.search(clause[: match.start()]) and match.group() != "别动":
                forbidden = True
            elif match.end() - match.start() > length:
                best, length = name, match.end() - match.start()
    return (best if best in names else None), forbidden


def _understood(clause: str) -> float:
    """The share of a clause's letters that are in the matcher's vocabulary."""
    rest = clause
    for pattern in _WORDS.values():
        rest = re.sub(pattern, "", rest)
    rest = _KNOWN.sub("", rest)
    return 1.0 - len(rest) / max(len(clause), 1)


def _stage(clause: str, skill: str, state: StateSummary) -> StagePlan:
    turn = 0.5 * math.pi * (bool(_LEFT.search(clause)) - bool(_RIGHT.search(clause)))
    heading = wrapped(state.forward + turn) if turn and skill in ("walk", "run") else None
    speed = {"walk": (0.5, 1.5), "run": (2.5, 5.0)}.get(skill, (None, None))
    chosen = speed[0] if _SLOW.search(clause) else speed[1] if _FAST.search(clause) else None
    until, threshold = Until.never, 0.0
    if match := _DISTANCE.search(clause):
        until, threshold = Until.distance, _value(match.group(1))
    elif match := _SECONDS.search(clause):
        until, threshold = Until.elapsed, _value(match.group(1))
    return StagePlan({skill: 1.0}, Goal(heading, chosen), until, threshold)


def _value(word: str) -> float:
    return float(_NUMBERS[word]) if word in _NUMBERS else float(word)


# How a stage ends when another follows and the sentence does not say: (condition, threshold, timeout in s).
_ENDS: dict[str, tuple[Until, float, float]] = {
    "door_approach": (Until.passed_x, -0.1, 20.0),  # the hatch is within reach
    "door_open": (Until.door_hinge, 0.85, 30.0),
    "door_pass": (Until.passed_x, 1.8, 20.0),
    "reach": (Until.hand_to_goal, 0.08, 15.0),
    "stand": (Until.elapsed, 3.0, 0.0),
}


def _chained(stages: list[StagePlan]) -> tuple[StagePlan, ...]:
    """At most 8 stages, each but the last with an end."""
    out = []
    for stage in stages[:8]:
        if stage.until is Until.never and len(out) + 1 < min(len(stages), 8):
            until, threshold, timeout = _ENDS.get(stage.top, (Until.elapsed, 5.0, 0.0))
            stage = StagePlan(stage.weights, stage.goal, until, threshold, timeout)
        out.append(stage)
    return tuple(out)
