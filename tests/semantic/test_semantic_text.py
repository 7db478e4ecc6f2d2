"""Sentences to numbers: quantities, tokens, hashed n-grams."""

import numpy as np
import pytest

from metaworld_rt.semantic.text import BUCKETS, GRAMS, MAX_TOKENS, codes, normalised, quantities, tokens


@pytest.mark.parametrize(
    ("text", "marked", "found"),
    [
        ("walk 3 m", "walk <distance1>", [("distance", 3.0)]),
        ("walk 2.5m, run ten seconds", "walk <distance1>, run <elapsed1>", [("distance", 2.5), ("elapsed", 10.0)]),
        ("Half a minute, then two minutes", "<elapsed1>, then <elapsed2>", [("elapsed", 30.0), ("elapsed", 120.0)]),
        ("走三米,站两秒", "走 <distance1>,站 <elapsed1>", [("distance", 3.0), ("elapsed", 2.0)]),
        ("跑十二米,跑三十米", "跑 <distance1>,跑 <distance2>", [("distance", 12.0), ("distance", 30.0)]),
        ("一百二十米", "<distance1>", [("distance", 120.0)]),
        ("三点五米", "<distance1>", [("distance", 3.5)]),
        ("每秒两米", "<speed1>", [("speed", 2.0)]),
        ("at 1.5 m/s", "at <speed1>", [("speed", 1.5)]),
        ("four steps", "<distance1>", [("distance", 2.0)]),
        ("10 feet", "<distance1>", [("distance", 3.048)]),
        ("take a step, wait a second, 走两步, 第二步", "take a step, wait a second, 走两步, 第二步", []),
        ("room 12, 180 degrees", "room 12, 180 degrees", []),
    ],
)  # fmt: skip
def test_quantities(text, marked, found):
    got, values = quantities(normalised(text))
    assert got.replace(" ", "") == normalised(marked).replace(" ", "")
    assert [(kind, pytest.approx(value)) for kind, value in found] == values


def test_tokens():
    assert tokens(normalised("Don’t walk_up，走到门！")) == ["don't", "walk", "up", ",", "走", "到", "门", "!"]


def test_codes():
    rows = codes("walk wlak run 走")
    assert rows.shape == (4, GRAMS)
    assert rows.dtype == np.int64
    assert rows.max() < BUCKETS
    assert (rows[:, 0] > 0).all()
    shared = [len(set(rows[0][rows[0] > 0]) & set(row)) for row in rows[1:3]]
    assert shared[0] >= 1 > shared[1]  # a misspelt word shares grams with what was meant, another word does not
    assert codes("").shape == (1, GRAMS)
    assert codes("x " * 1000).shape == (MAX_TOKENS, GRAMS)
    assert (codes("走到门")[0] != codes("走出门")[0]).any()  # a character's code has its neighbours in it
