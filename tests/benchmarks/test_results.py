"""docs/results.md shows what was measured and nothing else."""

import importlib.util
import json
import sys

import pytest

import metaworld_rt


@pytest.fixture
def results(request):
    path = request.config.rootpath / "benchmarks" / "results.py"
    spec = importlib.util.spec_from_file_location("results_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(seed, returns, controller="full"):
    row = {"robot": "h1", "task": "walk", "disturbance": "calm", "controller": controller, "returns": returns,
           "return_mean": sum(returns) / len(returns), "action_rate": 0.001, "jerk": 1e5}  # fmt: skip
    training = {"experts": {"walk": {"decisions": 2_000_000, "minutes": 9.6}}}
    return {"bundle": "b", "suite": "builtin", "training_seed": seed, "training": training,
            "versions": {"mujoco": "4.0.0"}, "results": [row]}  # fmt: skip


def test_seeds_are_pooled_and_counted(results):
    text = results.render([document(0, [800.0, 820.0]), document(1, [840.0, 860.0])])
    row = next(line for line in text.splitlines() if line.startswith("| b |"))
    assert "830.0 ± 22.4 (800.0; 4/2)" in row
    assert "experts 2.0M, 10 min" in row
    assert row.count("| - ") == 4  # tasks without a measurement


def test_trainings_that_cost_differently_are_told_apart(results):
    other = document(1, [840.0])
    other["training"] = {"experts": {"walk": {"decisions": 1_000_000, "minutes": 5.0}}}
    [row] = results.rows_of([document(0, [800.0]), other])
    assert results.costs(row["training"], "full") == "seed 0: experts 2.0M, 10 min<br>seed 1: experts 1.0M, 5 min"


def test_published_rows_are_apart_and_the_impossible_one_is_marked(results):
    text = results.render([document(0, [1.0])])
    ours, published = text.split("## Published")
    assert "DreamerV3" in published
    assert "DreamerV3" not in ours
    assert "1689.9 (1.9M) [1]" in published
    assert "strict maximum" in published


def test_the_disturbance_suite_has_its_own_table(results):
    calm = document(0, [800.0, 820.0])
    rows = [
        {**calm["results"][0], "disturbance": trouble, "return_mean": mean, "length_mean": 900.0, "episodes": 2}
        for trouble, mean in (("calm", 800.0), ("pushes", 400.0))
    ]
    text = results.render([calm, {**calm, "results": rows}])
    assert "| walk | pushes | 400.0 (50 %, 900) |" in text
    assert "810.0 ± 10.0 (800.0; 2/1)" in text, "disturbed episodes are not pooled with the others"


def test_more_episodes_of_one_disturbance_replace_its_rows_alone(results):
    [row] = document(0, [800.0, 820.0])["results"]
    before = [{**row, "episodes": 2}, {**row, "disturbance": "pushes", "episodes": 2}]
    merged = results.merged(before, [{**row, "disturbance": "pushes", "episodes": 9}])
    assert [(r["disturbance"], r["episodes"]) for r in merged] == [("calm", 2), ("pushes", 9)]


def test_rows_of_another_bundle_are_not_lost_unasked(results, tmp_path, monkeypatch):
    """It says so before any episode is run."""
    bundle = results.ROOT / "models" / "h1-locomotion"
    path = tmp_path / "h1-locomotion-builtin-seed0.json"
    monkeypatch.setattr(results, "DATA", tmp_path)
    older = json.dumps({"bundle_digest": "older", "versions": {}, "first_seed": 0, "results": [{"task": "walk"}]})
    path.write_text(older)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit, match="another bundle_digest, versions, and its rows would be lost: give --replace"):
        results.main(["measure", "--bundle", str(bundle)])
    assert path.read_text() == older


def test_the_page_shows_the_measurements_that_are_kept(results):
    page = (results.ROOT / "docs" / "results.md").read_text()
    assert page == results.render(results.kept(results.DATA)), "run benchmarks/results.py write"


def test_the_measurements_are_of_the_bundles_that_are_shipped(results):
    for found in results.kept(results.DATA):
        digest = metaworld_rt.load(results.ROOT / found["folder"]).digest
        assert found["bundle_digest"] == digest, (found["folder"], found["suite"])


def test_a_task_may_have_a_training_seed_of_its_own(results):
    mixed = {**document(0, [840.0]), **results.training_seeds("0,walk=2")}
    text = results.render([document(0, [800.0]), mixed])
    assert "820.0 ± 20.0 (800.0; 2/2)" in text
    assert "| b | 2 | walk | full | 840.0 |" in text
    assert results.seed_label(mixed) == "0, walk 2"
    with pytest.raises(SystemExit, match="as in 0,door=2"):
        results.training_seeds("0,door")


def test_no_measurement_is_one_clear_line(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "DATA", tmp_path)
    assert results.main(["write", "--out", str(tmp_path / "r.md")]) == 1
    assert "run `measure` first" in capsys.readouterr().err
    (tmp_path / "a.json").write_text(json.dumps(document(0, [5.0])))
    assert results.main(["write", "--out", str(tmp_path / "r.md")]) == 0
    assert "5.0 ± 0.0" in (tmp_path / "r.md").read_text()


def test_a_baseline_says_how_long_it_was_trained(results, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "BASELINE", tmp_path)
    assert "from scratch" not in results.render([document(0, [1.0])])
    scores = {"return_mean": 123.4, "return_std": 5.0, "return_min": 99.0, "episodes": 10}
    run = {"skill": "walk", "size": "xs", "decisions": 30_000, "updates": 28_000, "minutes": 41.2}
    (tmp_path / "walk.json").write_text(json.dumps({**run, "versions": {"mujoco": "4.0.0"}, "scores": scores}))
    text = results.render([document(0, [1.0])])
    assert "| walk | xs | 30000 | 28000 | 41 | 4.0.0 | 123.4 ± 5.0 (99.0; 10/1) |" in text


def test_an_ablation_has_a_table_of_its_own(results, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ABLATION", tmp_path)
    assert "untried planner" not in results.render([document(0, [1.0])])
    rows = [*document(0, [90.0, 110.0])["results"], *document(0, [20.0, 30.0], "planner-only")["results"]]
    (tmp_path / "a.json").write_text(json.dumps({**document(0, [0.0]), "results": rows}))
    text = results.render([document(0, [1.0])])
    assert "| walk | planner-only | 25.0 ± 5.0 (20.0; 2) | 25 % |" in text
