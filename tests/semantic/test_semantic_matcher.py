"""The keyword matcher: obvious sentences, honest refusals."""

import math
import time

import pytest

from metaworld_rt.semantic import BackendError, InstructionError, StateSummary, Until, checked, make_backend

LOCOMOTION = [("stand", "stands still"), ("walk", "walks forward at about 1 m/s")]
HOUSEHOLD = [(name, "") for name in ("stand", "walk", "run", "reach", "door_approach", "door_open", "door_pass")]


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("walk forward", ["walk"]),
        ("Please walk forward.", ["walk"]),
        ("stand still", ["stand"]),
        ("向前走", ["walk"]),
        ("站着别动", ["stand"]),
        ("run!", ["run"]),
        ("don't run, walk", ["walk"]),
        ("不要跑,走", ["walk"]),
        ("walk forward, then stop", ["walk", "stand"]),
        ("先走三米然后停下", ["walk", "stand"]),
        ("walk to the door, open it and go through", ["door_approach", "door_open", "door_pass"]),
        ("走到门口,打开门,然后穿过去", ["door_approach", "door_open", "door_pass"]),
        ("don't move", ["stand"]),
    ],
)
def test_obvious_sentences(text, skills):
    plan = make_backend("matcher").plan(text, None, HOUSEHOLD)
    assert plan.skills == skills
    assert not plan.refused
    assert plan.confidence >= 0.5
    assert checked(plan, [name for name, _ in HOUSEHOLD]).skills == skills


@pytest.mark.parametrize(
    "text", ["fly to the moon", "hit him", "asdf", "", "  ", "walk and hit him", "飞起来", "打他", "\x00", "42"]
)
def test_unknown_text_gives_the_safe_skill_and_says_so(text):
    plan = make_backend("matcher").plan(text, None, HOUSEHOLD)
    assert plan.refused
    assert plan.skills == ["stand"]
    assert plan.confidence < 0.2
    assert "stand" in plan.message


def test_a_skill_that_the_bundle_lacks_is_refused():
    assert make_backend("matcher").plan("open the door", None, LOCOMOTION).refused
    assert make_backend("matcher").plan("run", None, LOCOMOTION).refused


def test_a_new_skill_needs_no_code():
    assert make_backend("matcher").plan("please wave", None, [*LOCOMOTION, ("wave", "waves a hand")]).skills == ["wave"]


def test_goals():
    stage = (
        make_backend("matcher")
        .plan("walk slowly to the left for 3 meters", None, LOCOMOTION, StateSummary(heading=math.pi))
        .stages[0]
    )
    assert stage.goal.speed == 0.5
    assert math.isclose(stage.goal.heading, -math.pi / 2)
    assert (stage.until, stage.threshold) == (Until.distance, 3.0)


def test_a_megabyte_is_refused_at_once():
    start = time.perf_counter()
    with pytest.raises(InstructionError, match="4096"):
        make_backend("matcher").plan("x" * 1_000_000, None, LOCOMOTION)
    assert time.perf_counter() - start < 0.05
    with pytest.raises(InstructionError, match="text"):
        make_backend("matcher").plan(b"walk", None, LOCOMOTION)


def test_unknown_backend():
    with pytest.raises(BackendError, match="embedded"):
        make_backend("oracle")
    with pytest.raises(BackendError, match="argument"):
        make_backend("openai")
