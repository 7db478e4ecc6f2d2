"""Draws training examples: what is meant, a bundle, a scene, the sentence, and the right answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...semantic.heads import DOORS, PACES, SLOTS, TARGETS, TURNS, UNTILS, Until
from ...semantic.text import normalised, quantities
from . import chinese, english, refusals
from .english import pick
from .labels import MAX_STEPS, UNKNOWN, Intent, Step, resolve
from .skills import CORE, DESCRIPTIONS, EXTRAS, HELD_OUT, NAMES

_TRAINED = [extra for extra in EXTRAS if extra.name not in HELD_OUT]
_KEYS = {extra.name: extra for extra in EXTRAS}
_DOOR = ("door_approach", "door_open", "door_pass")
_DOOR_SEQUENCES = [
    ("door_open", "door_pass"),
    ("door_approach", "door_open"),
    _DOOR,
    _DOOR,
    ("door_approach", "stand", "door_open"),
    ("door_open", "stand", "door_pass"),
    ("door_approach", "door_pass"),
]


@dataclass(frozen=True)
class Example:
    """One sentence with its answer.

    skills: keys of the bundle's skills; "!verb" for an invented one. door, target: indices into DOORS and TARGETS,
    one past the end for unknown. steps: the answer, or None for a refusal. untils, paces: indices for each step.
    """

    text: str
    skills: list[str]
    door: int
    target: int
    steps: list[Step] | None
    untils: list[int]
    paces: list[int]


def example(rng: np.random.Generator) -> Example:
    """A random example."""
    while True:
        made = _example(rng)
        if made is not None:
            return made


def _example(rng: np.random.Generator) -> Example | None:
    zh = rng.random() < 0.42
    skills, verb = _bundle(rng)
    has = set(skills)
    door = UNKNOWN if rng.random() < 0.45 else pick(rng, DOORS)
    target = UNKNOWN if door == UNKNOWN else pick(rng, TARGETS)
    kind = rng.random()
    intents: list[Intent] | None
    if kind < 0.13:
        intents, text = None, _refused(rng, zh, verb)
    elif kind < 0.25:
        intents, text = _with_negation(rng, zh, has, door)
    else:
        intents = _intents(rng, has)
        text = _say(rng, zh, intents)
        if text is not None and rng.random() < 0.04:  # a good request with a bad one beside it is refused whole
            extra = pick(rng, [refusals.harm, refusals.harm, refusals.foreign])(rng, zh)
            both = [text, extra] if rng.random() < 0.7 else [extra, text]
            text = pick(rng, [",然后", ",再", ",", "并且"] if zh else [" and ", " and then ", ", ", ", then "]).join(
                both
            )
            intents = None
    if text is None:
        return None
    plain = text
    text = (chinese if zh else english).polite(rng, text) if text else text
    if not zh and rng.random() < 0.13:
        text = english.misspelt(rng, text)
    steps = resolve(intents, door, target, has) if intents is not None else None
    if verb and intents is None and verb in plain:
        return None
    slots = _slots(text, steps or [])
    if slots is None:
        return None
    untils, paces = slots
    door_index = len(DOORS) if door == UNKNOWN else DOORS.index(door)
    target_index = len(TARGETS) if target == UNKNOWN else TARGETS.index(target)
    return Example(text, skills, door_index, target_index, steps, untils, paces)


def _bundle(rng: np.random.Generator) -> tuple[list[str], str]:
    """Keys of skills in random order, and the verb of an invented one ("" for none)."""
    keys = list(CORE)
    if rng.random() < 0.22:
        keep = rng.integers(1, len(CORE))
        keys = (
            ["stand", *rng.permutation(CORE[1:])[:keep]]
            if rng.random() < 0.93
            else list(rng.permutation(CORE[1:])[:keep])
        )
    if rng.random() < 0.5:
        keys += [_TRAINED[i].name for i in rng.permutation(len(_TRAINED))[: rng.integers(1, 6)]]
    verb = refusals.invented(rng) if rng.random() < 0.12 else ""
    if verb:
        keys.append(f"!{verb}")
    return [str(keys[i]) for i in rng.permutation(len(keys))], verb


def described(rng: np.random.Generator, key: str) -> str:
    """A skill as "name: description", in one of the ways in which a bundle may put it."""
    if key.startswith("!"):
        verb = key[1:]
        return f"{verb}: {pick(rng, ['', f'{verb}s', f'{verb}s around', f'does a {verb}', f'{verb}s the box'])}"
    if key in NAMES:
        name, description = pick(rng, NAMES[key]), pick(rng, DESCRIPTIONS[key])
    else:
        name, description = key, pick(rng, _KEYS[key].descriptions)
    style = rng.random()
    if style < 0.1:
        description = ""
    elif style < 0.2:
        name = f"skill {rng.integers(20)}"
    return f"{name}: {description}"


def _intents(rng: np.random.Generator, has: set[str]) -> list[Intent]:
    """What is meant: one act in half of the cases, else a sequence that makes sense."""
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.48, 0.31, 0.13, 0.06, 0.02]))
    if count > 1 and rng.random() < 0.35:
        acts = list(pick(rng, _DOOR_SEQUENCES))
        if rng.random() < 0.3:
            acts.append(pick(rng, ["walk", "run", "stand"]))
        if rng.random() < 0.2:
            acts.insert(0, pick(rng, ["walk", "stand", "run"]))
    elif count > 1 and rng.random() < 0.25:  # the gaits, over and over
        acts = [pick(rng, ["walk", "run", "stand"])]
        while len(acts) < count + (rng.random() < 0.4):
            acts.append(pick(rng, [act for act in ("walk", "run", "stand") if act != acts[-1]]))
    else:
        acts, stage = [], 0
        while len(acts) < count:
            act = pick(
                rng,
                ["walk", "walk", "walk", "run", "run", "stand", "stand", "reach", "touch", "touch", *_DOOR, "extra"],
            )
            if act == "extra":
                extras = [key for key in has if key not in CORE]
                act = pick(rng, sorted(extras)) if extras and rng.random() < 0.75 else pick(rng, _TRAINED).name
            if act in _DOOR:
                if _DOOR.index(act) < stage:
                    continue
                stage = _DOOR.index(act) + 1
            if acts and acts[-1] == act and act != "walk":
                continue
            acts.append(act)
    return [_detailed(rng, act) for act in acts]


def _detailed(rng: np.random.Generator, act: str) -> Intent:
    turn = pace = ""
    quantity = None
    if act in ("walk", "run"):
        if rng.random() < 0.2:
            turn = pick(rng, ["left", "right", "back"])
        if rng.random() < 0.2:
            pace = pick(rng, ["slow", "fast"])
        if rng.random() < 0.25:
            roll = rng.random()
            quantity = (
                ("distance", _distance(rng))
                if roll < 0.55
                else ("elapsed", _duration(rng))
                if roll < 0.9
                else ("speed", float(rng.integers(1, 10)) / 2)
            )
            if quantity[0] == "speed":
                pace = ""
    elif act == "stand" and rng.random() < 0.25:
        quantity = ("elapsed", _duration(rng))
    return Intent(act, turn, pace, quantity)


def _distance(rng: np.random.Generator) -> float:
    return float(pick(rng, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 1.5, 2.5, 0.5, 3.5, 50]))


def _duration(rng: np.random.Generator) -> float:
    return float(pick(rng, [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 60]))


def _say(rng: np.random.Generator, zh: bool, intents: list[Intent]) -> str | None:
    named: set[str] = set()
    seen: set[str] = set()
    parts = []
    for intent in intents:
        if intent.act.startswith("!"):
            verb = intent.act[1:]
            part = pick(rng, [verb, f"{verb}一下"]) if zh else (verb, f"{verb}ing", f"{verb}ed")
        else:
            part = (chinese if zh else english).clause(rng, intent, named)
        if part is None:
            return None
        if intent.act in seen and rng.random() < 0.4:
            part = f"再{part}" if zh else tuple(f"{form} again" for form in part)
        seen.add(intent.act)
        parts.append(part)
    return (chinese if zh else english).sentence(rng, parts)


def _with_negation(rng: np.random.Generator, zh: bool, has: set[str], door: str) -> tuple[list[Intent], str | None]:
    language = chinese if zh else english
    if rng.random() < 0.2:  # only what not to do: stand
        bad = pick(rng, ["walk", "run", "walk", "run", "door_open", "door_pass", "reach", pick(rng, _TRAINED).name])
        part = language.clause(rng, Intent(bad), set())
        return [], None if part is None else language.negated(rng, None, part)
    good = [
        _detailed(
            rng, pick(rng, ["walk", "run", "walk", "stand", *["door_approach"] * 2, "door_open", "reach", "touch"])
        )
    ]
    if good[0].act == "door_approach":
        bad = pick(rng, ["door_open", "door_open", "door_pass", "run"])
    elif good[0].act == "door_open":
        if door == "open":
            return [], None
        bad = pick(rng, ["door_pass", "door_pass", "run"])
    else:
        bad = pick(
            rng,
            [
                act
                for act in ("walk", "run", "run", "stand", "door_open", "reach", pick(rng, _TRAINED).name)
                if act != good[0].act
            ],
        )
    named = {"door"} if good[0].act.startswith("door") else set()
    first, second = language.clause(rng, good[0], set()), language.clause(rng, Intent(bad), named)
    if first is None or second is None:
        return [], None
    text = language.negated(rng, first, second)
    if rng.random() < 0.25:
        more = _detailed(rng, pick(rng, ["walk", "stand", "run"]))
        if more.act not in (good[0].act, bad):
            part = language.clause(rng, more, set())
            text += pick(rng, [",然后", "。然后", ",最后"] if zh else [", then ", ". then ", " and then "]) + (
                part if zh else part[0]
            )
            good.append(more)
    return good, text


def _refused(rng: np.random.Generator, zh: bool, verb: str) -> str:
    kind = rng.random()
    if kind < 0.3:
        return refusals.harm(rng, zh)
    if kind < 0.55:
        return refusals.foreign(rng, zh)
    if kind < 0.7:
        return refusals.chatter(rng, zh)
    if kind < 0.77:
        return refusals.injection(rng, zh)
    if kind < 0.82:
        return refusals.invented(rng) if not verb else refusals.noise(rng, zh)
    return refusals.noise(rng, zh)


def _slots(text: str, steps: list[Step]) -> tuple[list[int], list[int]] | None:
    """Which of the sentence's quantities each step means; None where the sentence lost one or has too many."""
    _, found = quantities(normalised(text))
    wanted = [step.quantity for step in steps if step.quantity]
    if steps and sorted(wanted) != sorted(found):
        return None
    untils, paces, used = [], [], set()
    for step in steps:
        until, pace = int(step.until or 0), PACES.index(step.pace)
        if step.quantity:
            kind = step.quantity[0]
            same = [value for other, value in found if other == kind]
            slot = next(
                (i for i, value in enumerate(same) if value == step.quantity[1] and (kind, i) not in used), None
            )
            if slot is None or slot >= (2 if kind == "speed" else SLOTS):
                return None
            used.add((kind, slot))
            if kind == "speed":
                pace = PACES.index("speed1") + slot
            else:
                until = int(Until.distance if kind == "distance" else Until.elapsed) + slot
        untils.append(until)
        paces.append(pace)
    return untils, paces


def turn_index(step: Step) -> int:
    """The index of a step's turn into TURNS."""
    return TURNS.index(step.turn)


__all__ = ["MAX_STEPS", "UNTILS", "Example", "example", "turn_index"]
