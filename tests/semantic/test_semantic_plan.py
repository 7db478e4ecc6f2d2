"""`checked` is the only door: nothing but weights over the listed skills, within limits, comes out of it."""

import json
import math
import random

import pytest

from metaworld_rt.semantic import Goal, PlanError, SkillPlan, StagePlan, Until, checked

NAMES = ["stand", "walk", "run"]


def stage(**changes):
    return {"weights": {"walk": 2.0, "stand": 2.0}, **changes}


def test_round_trip():
    first = StagePlan({"walk": 1.0}, Goal(0.5, 1.0, (1.0, 0.0, 1.0)), Until.distance, 3.0, 20.0, 0.8)
    plan = checked(SkillPlan((first, StagePlan({"stand": 1.0})), 0.7, False, "ok", "words"), NAMES)
    assert SkillPlan.from_json(json.dumps(plan.to_json()), NAMES) == plan
    assert plan.skills == ["walk", "stand"]
    assert plan.stages[0].vector(NAMES) == [0.0, 1.0, 0.0]


def test_until_matches_the_core():
    from pathlib import Path

    header = Path(__file__).parents[2] / "cpp/include/metaworld_rt/types.hpp"
    body = header.read_text().split("enum class Until")[1].split("{")[1].split("}")[0]
    names = [line.split("=")[0].split(",")[0].strip() for line in body.splitlines() if line.strip()]
    assert names == [until.name for until in Until]


def test_weights_are_put_on_the_simplex_and_goals_clipped():
    goal = {"heading": 7.0, "speed": 99.0, "target": [1e9, -1e9, -5]}
    plan = checked(
        {"stages": [stage(goal=goal, until="distance", threshold=1e9, timeout_s=-3)], "confidence": 7}, NAMES
    )
    (only,) = plan.stages
    assert only.weights == {"walk": 0.5, "stand": 0.5}
    assert math.isclose(only.goal.heading, 7.0 - 2 * math.pi)
    assert only.goal.speed == 6.0
    assert only.goal.target == (20.0, -20.0, 0.0)
    assert (only.threshold, only.timeout_s, plan.confidence) == (100.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("garbage", "walk please"),
        ("garbage", "[" * 60000),
        ("garbage", '{"stages": "' + "x" * 10_000_000 + '"}'),
        ("garbage", b"\x00"),
        ("garbage", {"stages": "walk"}),
        ("garbage", {"stages": [1]}),
        ("garbage", {"stages": [stage(weights=[0.1, 0.2, 0.7])]}),
        ("garbage", {"stages": [stage(weights={"walk": "1"})]}),
        ("garbage", {"stages": [stage(weights={"walk": True})]}),
        ("garbage", {"stages": [stage(until="os.system")]}),
        ("garbage", {"stages": [stage(until=["never"])]}),
        ("garbage", {"stages": [stage(goal={"target": [0, 0]})]}),
        ("garbage", {"stages": [stage(goal=3)]}),
        ("garbage", {"stages": [stage()], "refused": "no"}),
        ("garbage", {"stages": [stage()], "text": "x" * 10_000_000}),
        ("garbage", {"stages": [stage()], "message": "x" * 10_000_000}),
        ("too_few", {"stages": []}),
        ("too_few", {"stages": [stage(weights={})]}),
        ("too_few", {"stages": [stage(weights={"walk": 0.0})]}),
        ("too_many", {"stages": [stage()] * 9}),
        ("too_many", {"stages": [stage(weights={f"skill{i}": 1.0 for i in range(4)})]}),
        ("unknown_skill", {"stages": [stage(weights={"fly": 1.0})]}),
        ("unknown_skill", {"stages": [stage(weights={3: 1.0})]}),
        ("non_finite", {"stages": [stage(weights={"walk": math.nan})]}),
        ("non_finite", '{"stages": [{"weights": {"walk": Infinity}}]}'),
        ("non_finite", {"stages": [stage(goal={"speed": math.nan})]}),
        ("non_finite", {"stages": [stage()], "confidence": math.nan}),
        ("negative", {"stages": [stage(weights={"walk": 1.0, "run": -0.1})]}),
    ],
)
def test_refused(kind, source):
    with pytest.raises(PlanError) as caught:
        SkillPlan.from_json(source, NAMES)
    assert caught.value.kind == kind
    assert len(str(caught.value)) < 300


def test_a_skill_plan_object_is_not_trusted_either():
    with pytest.raises(PlanError):
        checked(SkillPlan((StagePlan({"walk": math.nan}),)), NAMES)
    with pytest.raises(PlanError):
        checked(SkillPlan((StagePlan({"walk": 1.0}),) * 9), NAMES)
    with pytest.raises(PlanError):
        checked(SkillPlan("walk"), NAMES)


def test_text_is_cut():
    plan = checked({"stages": [stage()], "text": "x" * 60_000, "message": "a\x1b[31mb\n"}, NAMES)
    assert len(plan.text) == 4096
    assert "\x1b" not in plan.message


def test_random_objects_give_a_valid_plan_or_a_plan_error():
    rng = random.Random(0)
    atoms = [
        None,
        True,
        0,
        -1,
        1e308,
        10**400,
        math.nan,
        math.inf,
        "",
        "walk",
        "never",
        "stages",
        b"",
        (),
        object(),
        0.5,
        {},
        [],
    ]
    keys = [
        "stages",
        "weights",
        "goal",
        "until",
        "threshold",
        "timeout_s",
        "alpha",
        "confidence",
        "refused",
        "walk",
        "run",
        "speed",
        "target",
        "heading",
    ]

    def thing(depth):
        pick = rng.random()
        if depth == 0 or pick < 0.3:
            return rng.choice(atoms)
        if pick < 0.8:
            return {rng.choice(keys): thing(depth - 1) for _ in range(rng.randrange(5))}
        return [thing(depth - 1) for _ in range(rng.randrange(4))]

    valid = 0
    for _ in range(20000):
        source = {
            "stages": [{**stage(), rng.choice(keys): thing(2)} for _ in range(rng.randrange(4))],
            rng.choice(keys): thing(4),
        }
        try:
            plan = checked(source, NAMES)
        except PlanError:
            continue
        valid += 1
        for each in plan.stages:
            vector = each.vector(NAMES)
            assert all(0.0 <= value <= 1.0 for value in vector)
            assert math.isclose(sum(vector), 1.0, rel_tol=1e-6)
            assert all(math.isfinite(value) for value in (each.threshold, each.timeout_s, plan.confidence))
    assert valid > 100
