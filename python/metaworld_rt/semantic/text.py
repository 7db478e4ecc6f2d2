"""From a sentence to numbers: quantities are taken out, the rest is split into words and hashed.

A word is the set of its hashed letter n-grams, so a misspelt word is close to the word that was meant, and a word
never seen still has a code. Chinese is split into characters, each with its neighbours. No vocabulary file.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache

import numpy as np

MAX_TOKENS = 96
GRAMS = 12  # hashed features of a token
BUCKETS = 8192  # rows of the embedding table; row 0 is padding

_TEENS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()  # noqa: SIM905
_EN = {word: float(i) for i, word in enumerate(_TEENS, 1)}
_EN |= {"half": 0.5, "a": 1, "an": 1, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100}
_ZH = {char: i for i, char in enumerate("零一二三四五六七八九")} | {"两": 2}
_WORD_NUMBER = "|".join(sorted(_EN, key=len, reverse=True))
_ZH_NUMBER = "[零一二两三四五六七八九十百]+(?:点[一二三四五六七八九])?"
_NUMBER = rf"(?:\d+(?:\.\d+)?|half\s+an?|(?:{_WORD_NUMBER})(?=[\s-])|半|{_ZH_NUMBER})"
_UNITS = (
    ("speed", 1.0, r"m/s|(?:meter|metre)s?\s*(?:per|a|/)\s*second|米每秒|米/秒"),
    ("distance", 0.01, r"cm\b|(?:centimeter|centimetre)s?\b|厘米"),
    ("distance", 1000.0, r"km\b|(?:kilometer|kilometre)s?\b|公里|千米"),
    ("distance", 1.0, r"m\b(?!/)|(?:meter|metre)s?\b|米|公尺"),
    ("distance", 0.3048, r"(?:feet|foot|ft)\b"),
    ("distance", 0.5, r"(?:steps?|paces?)\b|步"),
    ("elapsed", 60.0, r"min(?:ute)?s?\b|分钟"),
    ("elapsed", 1.0, r"s(?:ec(?:ond)?s?)?\b|秒钟|秒"),
)
_VAGUE = {5: ("a", "an", "一", "两"), 7: ("a", "an")}  # "take a step", "wait a second" name no quantity
_QUANTITY = re.compile(
    rf"(?P<zhspeed>每秒(?P<zhvalue>{_NUMBER})米)|(?<![a-z\d.第])(?P<value>{_NUMBER})\s*-?\s*(?:"
    + "|".join(f"(?P<u{i}>{pattern})" for i, (_, _, pattern) in enumerate(_UNITS))
    + ")"
)
_TOKEN = re.compile(r"<[a-z]+\d>|[a-z]+(?:'[a-z]+)?|\d+|[^\sa-z\d]")
_PLAIN = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "。": ".",
        "、": ",",
        "，": ",",
        "；": ";",
        "：": ":",
        "！": "!",
        "？": "?",
    }
)


def quantities(text: str) -> tuple[str, list[tuple[str, float]]]:
    """The text with each quantity replaced by a mark like `<distance1>`, and what they are, in order.

    Returns:
        The marked text and (kind, value) of each: "distance" in m, "elapsed" in s, "speed" in m/s. "a few steps" and
        one step or second are no quantity ("take a step", "wait a second").
    """
    found: list[tuple[str, float]] = []

    def mark(match: re.Match[str]) -> str:
        if match.group("zhspeed"):
            kind, value = "speed", _value(match.group("zhvalue"))
        else:
            unit = next(i for i in range(len(_UNITS)) if match.group(f"u{i}"))
            kind, scale, _ = _UNITS[unit]
            value = _value(match.group("value"))
            vague = match.group("value").strip() in _VAGUE.get(unit, ())
            if value is None or vague:
                return match.group()
            value *= scale
        count = 1 + sum(kind == other for other, _ in found)
        found.append((kind, value))
        return f" <{kind}{min(count, 9)}> "

    return _QUANTITY.sub(mark, text), found


def _value(word: str) -> float | None:
    word = " ".join(word.split())
    if word.startswith("half"):
        return 0.5
    if word in _EN:
        return float(_EN[word])
    if word == "半":
        return 0.5
    if word[0] in _ZH or word[0] in "十百":
        whole, _, tenths = word.partition("点")
        return _chinese(whole) + (_ZH[tenths] / 10 if tenths else 0.0)
    return float(word)


def _chinese(word: str) -> float:
    total, digit = 0, None
    for char in word:
        if char in _ZH:
            digit = _ZH[char] if digit is None else digit * 10 + _ZH[char]
        else:
            total += (1 if digit is None else digit) * (10 if char == "十" else 100)
            digit = None
    return float(total + (digit or 0))


def normalised(text: str) -> str:
    """Lower case, NFKC, plain punctuation."""
    return unicodedata.normalize("NFKC", text).translate(_PLAIN).lower()


def tokens(text: str) -> list[str]:
    """Words, marks, numbers, punctuation and Chinese characters of a normalised text."""
    return _TOKEN.findall(text.replace("_", " ").replace("-", " "))


def codes(text: str) -> np.ndarray:
    """A text as [tokens, GRAMS] int64 rows of the embedding table, 0 for none; 1 to MAX_TOKENS tokens."""
    words = tokens(text)[:MAX_TOKENS] or [""]
    out = np.zeros((len(words), GRAMS), np.int64)
    for i, word in enumerate(words):
        grams = list(_grams(word))
        if len(word) == 1 and ord(word) > 0x2E7F:
            before = words[i - 1] if i else "^"
            after = words[i + 1] if i + 1 < len(words) else "$"
            grams += [_hash(f"<{before}{word}"), _hash(f"{word}{after}>"), _hash(f"{before}{word}{after}")]
        out[i, : min(len(grams), GRAMS)] = grams[:GRAMS]
    return out


@lru_cache(maxsize=65536)
def _grams(word: str) -> tuple[int, ...]:
    whole = [_hash(f"={word}")]
    if len(word) < 3 or not word[0].isalpha() or not word.isascii():
        return tuple(whole)
    framed = f"<{word}>"
    threes = [framed[i : i + 3] for i in range(len(framed) - 2)]
    stem = [f"^{word[:3]}", f"^{word[:4]}", f"~{''.join(sorted(set(word)))}"]
    return tuple(whole + [_hash(gram) for gram in dict.fromkeys(stem + threes)])


def _hash(gram: str) -> int:
    return 1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)
