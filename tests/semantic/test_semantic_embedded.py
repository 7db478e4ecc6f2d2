"""The shipped embedded model: what it must score, what it says of what it cannot do, and files that are not it."""

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from metaworld_rt.cli import common
from metaworld_rt.semantic import BackendError, Skills, StateSummary, make_backend
from metaworld_rt.semantic.heads import HOUSEHOLD
from metaworld_rt.semantic.pixels import read_image
from metaworld_rt.train.semantic.score import TARGETS, cases, scores

DATA = Path(__file__).parents[1] / "data"
IMAGES = DATA / "semantic_images"
SKILLS = Skills.of(HOUSEHOLD)
LOCOMOTION = Skills.of(
    [
        ("stand", "stands still, upright and relaxed, and catches itself when pushed"),
        ("walk", "walks at about 1 m/s along the commanded heading"),
    ]
)


@pytest.fixture(scope="module")
def backend():
    return make_backend("embedded")


def test_it_meets_its_targets_on_the_hand_written_set(backend):
    found = scores(cases(backend, DATA / "semantic_set.jsonl"))
    assert {name: row["share"] for name, row in found.items() if row["share"] < TARGETS.get(name, 0.0)} == {}
    assert found["sequence"]["cases"] >= 30
    assert found["refusal"]["cases"] >= 20
    assert found["image"]["cases"] >= 30


def test_it_is_small_and_quick(backend):
    assert sum(path.stat().st_size for path in backend.folder.iterdir()) <= 30e6
    image = read_image(IMAGES / "door_closed_1.png")
    times = []
    for _ in range(20):
        start = time.perf_counter()
        backend.plan("please walk to the door, open it and go through, then stop", image, SKILLS)
        times.append(time.perf_counter() - start)
    assert sorted(times)[5] < 0.1, "100 ms on one core; docs/semantic.md has the figures of a quiet machine"


def test_its_card_says_where_it_comes_from(backend):
    provenance = backend.card["provenance"]
    assert provenance
    assert re.search(r"(?<!\w)/(?:home|work|root|tmp|Users)/", json.dumps(backend.card)) is None


@pytest.mark.parametrize("text", ["walk forward", "please walk forward", "向前走", "walk"])
def test_plain_walk(backend, text):
    plan = backend.plan(text, None, LOCOMOTION, StateSummary(base_pos=(0.0, 0.0, 0.98), heading=0.3))
    assert (plan.skills, plan.refused) == (["walk"], False)
    assert plan.stages[0].weights["walk"] > 0.97
    assert plan.stages[0].goal.heading == pytest.approx(0.3)
    assert plan.stages[0].until.name == "never"


def test_a_description_counts_by_its_first_clause(backend):
    short = [("stand", "stands still"), ("walk", "walks forward")]
    long = [("stand", "stands still, upright and relaxed; it catches itself"), ("walk", "walks forward, ready to fly")]
    for text in ("stand still", "walk two meters, then stop", "fly"):
        one, other = (backend.plan(text, None, Skills.of(skills), StateSummary()) for skills in (short, long))
        assert one == other


@pytest.mark.parametrize("text", ["stand still", "stop", "站着别动"])
def test_plain_stand(backend, text):
    plan = backend.plan(text, None, LOCOMOTION, StateSummary())
    assert (plan.skills, plan.refused) == (["stand"], False)
    assert plan.stages[0].weights["stand"] > 0.97


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("run fast", ["runs along the heading"]),
        ("walk for 5 seconds and then run", ["runs along the heading"]),
        ("打开门", ["pulls the door open"]),
        ("open the door and go through", ["pulls the door open", "to the other side"]),
    ],
)
def test_a_skill_that_the_bundle_lacks_is_named(backend, text, lacking):
    """The model knows the household; this bundle only stands and walks."""
    assert not backend.plan(text, None, SKILLS).refused
    plan = backend.plan(text, None, LOCOMOTION)
    assert plan.refused
    assert plan.skills == ["stand"]
    assert plan.confidence < 0.5
    assert plan.message.startswith("this bundle has no skill that ")
    assert all(part in plan.message for part in lacking)
    assert "it has stand, walk: stand instead" in plan.message
    nowhere = backend.plan(text, None, LOCOMOTION, StateSummary(door_present=False))
    assert nowhere.message.startswith("this bundle has no skill that ")


@pytest.mark.parametrize("text", ["fly", "hit him", "asdf", "", "打他"])
def test_what_no_bundle_can_do_is_called_that(backend, text):
    plan = backend.plan(text, None, LOCOMOTION)
    assert plan.refused
    assert plan.confidence < 0.5
    assert plan.message
    assert "this bundle has no skill" not in plan.message


def test_the_door_in_the_image_and_the_measured_one(backend):
    closed, opened = (read_image(IMAGES / f"door_{state}_1.png") for state in ("closed", "open"))
    assert backend.plan("open the door", closed, SKILLS).skills == ["door_approach", "door_open"]
    assert backend.plan("open the door", opened, SKILLS).skills == ["door_pass"]
    assert "door_open" in backend.plan("get to the other side", closed, SKILLS).skills
    measured = StateSummary(door_present=True, door_hinge=1.2)
    assert backend.plan("open the door", closed, SKILLS, measured).skills == ["door_pass"]


def test_the_order_of_the_skills_changes_nothing(backend):
    turned = Skills(tuple(reversed(HOUSEHOLD)), "stand")
    for text in ("run for ten seconds, then stop", "walk to the door and open it", "fly away"):
        plans = [backend.plan(text, None, skills) for skills in (SKILLS, turned)]
        assert plans[0].skills == plans[1].skills
        assert plans[0].confidence == pytest.approx(plans[1].confidence, abs=1e-3)


@pytest.mark.parametrize("name", ["eye.onnx", "planner.onnx", "semantic.json"])
@pytest.mark.parametrize("damage", ["cut", "absent"])
def test_damaged_files_are_refused(tmp_path, backend, name, damage):
    folder = tmp_path / "semantic"
    shutil.copytree(backend.folder, folder)
    if damage == "cut":
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    else:
        (folder / name).unlink()
    with pytest.raises(BackendError) as caught:
        make_backend(f"embedded:{folder}")
    assert "\n" not in str(caught.value)


def test_without_its_files_the_matcher_steps_in_and_says_so(tmp_path, monkeypatch, capsys):
    assert common.semantic_spec(None) == "embedded"
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(common.bundles, "places", lambda: [tmp_path])
    assert common.semantic_spec(None) == "matcher"
    assert capsys.readouterr().err.count("\n") == 1
    assert common.semantic_spec("openai:http://x") == "openai:http://x"


def test_images_of_any_size(backend):
    image = read_image(IMAGES / "door_closed_2.png")
    plans = {
        tuple(backend.plan("open the door", np.kron(image, np.ones((k, k, 1), np.uint8)), SKILLS).skills)
        for k in (1, 3)
    }
    assert plans == {("door_approach", "door_open")}
