"""Says intents in English."""

from __future__ import annotations

import numpy as np

from . import words_en as words
from .labels import Intent
from .skills import EXTRAS

Forms = tuple[str, str, str]  # base, -ing, past participle
_EXTRAS = {extra.name: extra for extra in EXTRAS}
_TURNING = {
    "turn": ("turning", "turned"),
    "go": ("going", "gone"),
    "make": ("making", "made"),
    "face": ("facing", "faced"),
    "do": ("doing", "done"),
    "spin": ("spinning", "spun"),
    "take": ("taking", "taken"),
    "veer": ("veering", "veered"),
    "come": ("coming", "come"),
}
_VAGUE = (
    "bit",
    "while",
    "little",
    "few",
    "some",
    "steps",
    "lap",
    "short",
    "moment",
    "second",
    "couple",
    "several",
    "step",
)


def pick(rng: np.random.Generator, items):
    """One of the items."""
    return items[int(rng.integers(len(items)))]


def clause(rng: np.random.Generator, intent: Intent, named: set[str]) -> Forms:
    """One intent in its three forms. `named` holds what was mentioned before ("door", "ball")."""
    (verb, rest), pronoun = _phrase(rng, intent, named)
    if intent.quantity and (any(word in rest.split() for word in _VAGUE) or "to walk" in rest):
        verb, rest = pick(rng, [p for p in words.PHRASES[intent.act] if p[1] in ("", "forward", "still", "there")])
    if intent.turn and intent.act == "walk" and not intent.quantity and not intent.pace and rng.random() < 0.35:
        return _inflected(pick(rng, words.TURNS[intent.turn]["alone"]))
    if "OBJ" in rest:
        rest = rest.replace("OBJ", pick(rng, words.OBJECTS))
    tail = []
    lead: Forms = ("", "", "")
    if intent.turn:
        if rng.random() < 0.4:
            lead = tuple(f"{form} " for form in _inflected(pick(rng, words.TURNS[intent.turn]["before"])))  # type: ignore[assignment]
        else:
            rest = ""
            tail.append(pick(rng, words.TURNS[intent.turn]["after"]))
    front = ""
    if intent.pace:
        adverb = pick(rng, words.SLOW if intent.pace == "slow" else words.FAST)
        if adverb.endswith("ly") and " " not in adverb and rng.random() < 0.25:
            front = adverb + " "
        else:
            tail.append(adverb)
    if intent.quantity:
        tail.append(_quantity(rng, *intent.quantity))
    if len(tail) > 1 and rng.random() < 0.4:
        tail.reverse()
    named.add("door" if intent.act.startswith("door") else "ball" if intent.act == "touch" else intent.act)
    end = " ".join(part for part in [rest, *tail] if part)
    del pronoun
    base, ing, past = ((f"{lead[i]}{front}{verb[i]} {end}").strip() for i in range(3))
    return base, ing, past


def _phrase(rng: np.random.Generator, intent: Intent, named: set[str]):
    thing = "door" if intent.act.startswith("door") else "ball"
    if intent.act in words.IT and thing in named and rng.random() < 0.5:
        return pick(rng, words.IT[intent.act]), True
    if intent.act in words.PHRASES:
        return pick(rng, words.PHRASES[intent.act]), False
    forms, _, rest = pick(rng, _EXTRAS[intent.act].english).partition(" ")
    return (tuple(forms.split("/")), rest), False


def _inflected(text: str) -> Forms:
    first, _, rest = text.partition(" ")
    ing, past = _TURNING[first]
    return text, f"{ing} {rest}", f"{past} {rest}"


def _quantity(rng: np.random.Generator, kind: str, value: float) -> str:
    number = f"{value:g}"
    if kind == "elapsed" and value % 60 == 0 and rng.random() < 0.7:
        minutes = int(value // 60)
        amount = pick(rng, ["a minute", "one minute", "1 minute", "1 min"]) if minutes == 1 else f"{minutes} minutes"
        return pick(rng, words.LONG).format(t=amount)
    if kind == "elapsed" and value == 30 and rng.random() < 0.3:
        return pick(rng, words.LONG).format(t="half a minute")
    word = value in words.NUMBERS and rng.random() < 0.45
    if word:
        number = words.NUMBERS[int(value)]
    units = {"distance": words.METRES, "elapsed": words.SECONDS, "speed": words.PER}[kind]
    unit = pick(rng, units)
    unit = (
        " " + unit.strip()
        if word and len(unit.strip()) > 1
        else " meters"
        if word and kind == "distance"
        else " seconds"
        if word and kind == "elapsed"
        else unit
    )
    if kind == "distance" and rng.random() < 0.12 and value <= 10:
        steps = round(value * 2)
        if steps > 2:
            return f"{words.NUMBERS.get(steps, str(steps))} steps"
    shape = {"distance": words.FAR, "elapsed": words.LONG, "speed": words.AT}[kind]
    key = {"distance": "d", "elapsed": "t", "speed": "v"}[kind]
    return pick(rng, shape).format(**{key: number + unit})


def sentence(rng: np.random.Generator, clauses: list[Forms]) -> str:
    """Clauses in the order in which they are to be done, as one sentence."""
    if len(clauses) == 1:
        return clauses[0][0]
    if (len(clauses) == 2 and rng.random() < 0.8) or (len(clauses) == 3 and rng.random() < 0.15):
        a, b = clauses[0], clauses[1]
        text = pick(rng, words.PAIRS).format(a=a[0], a_ing=a[1], a_past=a[2], b=b[0], b_ing=b[1], b_past=b[2])
        return text if len(clauses) == 2 else f"{text}{pick(rng, words.LAST)}{clauses[2][0]}"
    if rng.random() < 0.1:
        shape = pick(rng, ["{i}. {c}", "{i}) {c}", "step {i}: {c}", "{i}: {c},"])
        return " ".join(shape.format(i=i + 1, c=c[0]) for i, c in enumerate(clauses))
    same = pick(rng, words.LINKS) if rng.random() < 0.5 else None
    text = pick(rng, words.FIRST) + clauses[0][0]
    for i, each in enumerate(clauses[1:], 2):
        last = i == len(clauses)
        text += (pick(rng, words.LAST) if last and rng.random() < 0.6 else same or pick(rng, words.LINKS)) + each[0]
    return text


def negated(rng: np.random.Generator, good: Forms | None, bad: Forms) -> str:
    """What not to do, beside what to do (or alone)."""
    if good is None:
        return pick(rng, words.ONLY_NOT).format(b=bad[0], b_ing=bad[1])
    return pick(rng, words.NEGATIVES).format(g=good[0], g_ing=good[1], b=bad[0], b_ing=bad[1])


def polite(rng: np.random.Generator, text: str) -> str:
    """With something around it that means nothing."""
    if rng.random() < 0.35:
        text = f"{pick(rng, words.BEFORE)} {text}"
    if rng.random() < 0.2:
        text += pick(rng, [" ", ", "]) + pick(rng, words.AFTER)
    return text + pick(rng, ["", "", "", ".", ".", "!", "?", "!!", "..."])


def misspelt(rng: np.random.Generator, text: str) -> str:
    """One or two slips of the finger in words of three letters or more."""
    parts = text.split(" ")
    for _ in range(int(rng.integers(1, 3))):
        places = [i for i, part in enumerate(parts) if len(part) >= 3 and part.isalpha()]
        if not places:
            break
        i = pick(rng, places)
        word, at = parts[i], int(rng.integers(0, len(parts[i]) - 1))
        kind = rng.random()
        if kind < 0.45:
            word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif kind < 0.65:
            word = word[:at] + word[at + 1 :]
        elif kind < 0.8:
            word = word[:at] + word[at] + word[at:]
        else:
            word = word[:at] + pick(rng, "abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
        parts[i] = word
    return " ".join(parts)
