"""Says intents in Chinese."""

from __future__ import annotations

import numpy as np

from . import words_zh as words
from .english import pick
from .labels import Intent
from .skills import EXTRAS

_EXTRAS = {extra.name: extra for extra in EXTRAS}


def clause(rng: np.random.Generator, intent: Intent, named: set[str]) -> str | None:
    """One intent; None where an extra skill has no Chinese."""
    quantity = _quantity(rng, *intent.quantity) if intent.quantity else ""
    speed = quantity if intent.quantity and intent.quantity[0] == "speed" else ""
    quantity = "" if speed else quantity
    thing = "door" if intent.act.startswith("door") else "ball"
    if intent.turn and intent.act == "walk" and not quantity and not intent.pace and not speed and rng.random() < 0.3:
        text = pick(rng, words.TURNS[intent.turn]["alone"])
    elif intent.turn:
        text = pick(rng, words.TURNS[intent.turn]["move"])
        if intent.act == "run":
            text = text.replace("走", "跑")
    elif intent.act in words.IT and thing in named and rng.random() < 0.4:
        text = pick(rng, words.IT[intent.act])
    elif intent.act in words.PHRASES:
        choices = words.PHRASES[intent.act]
        text = pick(rng, [c for c in choices if "{q}" in c] if quantity else choices)
    else:
        choices = _EXTRAS[intent.act].chinese
        if not choices:
            return None
        text = pick(rng, choices)
    text = text.replace("{q}", quantity).replace("{o}", pick(rng, words.OBJECTS))
    if intent.pace:
        table = words.SLOW if intent.pace == "slow" else words.FAST
        text = (
            pick(rng, table["before"]) + text
            if rng.random() < 0.6
            else text + pick(rng, ["", "", ","]) + pick(rng, table["after"])
        )
    if speed:
        text = pick(rng, ["以{s}的速度{t}", "用{s}的速度{t}", "{t},速度{s}"]).format(s=speed, t=text)
    named.add(thing if intent.act in words.IT or intent.act.startswith("door") else intent.act)
    return text


def _quantity(rng: np.random.Generator, kind: str, value: float) -> str:
    whole = value in words.DIGITS and rng.random() < 0.6
    number = words.DIGITS[int(value)] if whole else f"{value:g}"
    if kind == "speed":
        return pick(rng, [f"每秒{number}米", f"{value:g}m/s", f"{number}米每秒"])
    if kind == "distance":
        if rng.random() < 0.1 and value <= 10 and value * 2 > 2:
            steps = round(value * 2)
            return f"{words.DIGITS.get(steps, steps)}步"
        return number + pick(rng, words.METRES)
    if value == 60:
        return pick(rng, ["一分钟", "1分钟"])
    if value == 30 and rng.random() < 0.4:
        return "半分钟"
    return number + pick(rng, words.SECONDS)


def sentence(rng: np.random.Generator, clauses: list[str]) -> str:
    """Clauses in the order in which they are to be done."""
    if len(clauses) == 1:
        return clauses[0]
    if (len(clauses) == 2 and rng.random() < 0.8) or (len(clauses) == 3 and rng.random() < 0.15):
        text = pick(rng, words.PAIRS).format(a=clauses[0], b=clauses[1])
        return text if len(clauses) == 2 else f"{text}{pick(rng, words.LAST)}{clauses[2]}"
    if rng.random() < 0.08:
        return " ".join(f"{i}.{each}" for i, each in enumerate(clauses, 1))
    same = pick(rng, words.LINKS) if rng.random() < 0.5 else None
    text = pick(rng, words.FIRST) + clauses[0]
    for i, each in enumerate(clauses[1:], 2):
        text += (
            pick(rng, words.LAST) if i == len(clauses) and rng.random() < 0.6 else same or pick(rng, words.LINKS)
        ) + each
    return text


def negated(rng: np.random.Generator, good: str | None, bad: str) -> str:
    """What not to do, beside what to do (or alone)."""
    return pick(rng, words.ONLY_NOT).format(b=bad) if good is None else pick(rng, words.NEGATIVES).format(g=good, b=bad)


def polite(rng: np.random.Generator, text: str) -> str:
    """With something around it that means nothing."""
    if rng.random() < 0.35:
        text = pick(rng, words.BEFORE) + text
    if rng.random() < 0.2:
        text += pick(rng, words.AFTER)
    return text + pick(rng, ["", "", "", "。", "。", "!", "?", "~"])
