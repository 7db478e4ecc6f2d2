"""eval, plan, inspect and bench tick on the toy bundle, in this process."""

import json
from pathlib import Path

import pytest

from metaworld_rt import cli

TOY = Path(__file__).parent.parent / "data" / "toy_bundle"


def call(tmp_path, *arguments):
    path = tmp_path / "r.json"
    assert cli.main([*map(str, arguments), "--json", str(path)]) == 0
    return json.loads(path.read_text())


def failure(capsys, *arguments):
    assert cli.main([*map(str, arguments)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_eval_rows_and_repeatability(tmp_path):
    arguments = (
        "eval",
        "--bundle",
        TOY,
        "--tasks",
        "walk,stand",
        "--controllers",
        "experts,expert:walk",
        "--episodes",
        2,
    )
    result = call(tmp_path, *arguments)
    assert result["schema"] == "metaworld_rt.eval/1"
    assert result["suite"] == "builtin"
    assert "mujoco" in result["versions"]
    assert [(row["task"], row["controller"]) for row in result["results"]] == [
        ("walk", "experts"),
        ("walk", "expert:walk"),
        ("stand", "experts"),
        ("stand", "expert:walk"),
    ]
    for row in result["results"]:
        assert row["robot"] == "h1"
        assert row["episodes"] == 2 == len(row["returns"])
        assert row["return_min"] <= row["return_mean"]
        assert {"return_std", "length_mean"} <= row.keys()
    assert call(tmp_path, *arguments)["results"] == result["results"], "lockstep episodes repeat bit for bit"
    other = call(tmp_path, *arguments, "--seed", 7)["results"]
    assert other[0]["returns"] != result["results"][0]["returns"]


def test_eval_defaults_to_what_the_bundle_can_do(tmp_path):
    result = call(tmp_path, "eval", "--bundle", TOY, "--episodes", 1, "--controllers", "experts")
    assert [row["task"] for row in result["results"]] == ["stand", "walk", "run"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--tasks", "fly"), "no task 'fly'"),
        (("--tasks", "door"), "no skill for the task door"),
        (("--controllers", "best"), "no controller 'best'"),
        (("--controllers", "expert:fly"), "no expert 'fly'"),
        (("--robot", "g1"), "drives h1, not g1"),
        (("--suite", "humanoid_bench"), "humanoid_bench"),
    ],
)
def test_eval_refuses_what_it_cannot_do(capsys, monkeypatch, arguments, text):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    assert text in failure(capsys, "eval", "--bundle", TOY, "--episodes", 1, *arguments)


def test_plan(tmp_path):
    result = call(tmp_path, "plan", "walk for two seconds, then stop", "--bundle", TOY, "--semantic", "matcher")
    assert result["schema"] == "metaworld_rt.plan/1"
    assert [max(stage["weights"], key=stage["weights"].get) for stage in result["stages"]] == ["walk", "stand"]
    assert result["stages"][0]["until"] == "elapsed"
    assert {"backend", "instruction", "confidence", "refused", "message", "latency_ms"} <= result.keys()


def test_plan_refuses_what_is_no_image(tmp_path, capsys):
    (tmp_path / "x.png").write_bytes(b"not a picture")
    arguments = ("plan", "walk", "--bundle", TOY, "--semantic", "matcher", "--image")
    assert "not an image" in failure(capsys, *arguments, tmp_path / "x.png")
    assert "cannot read" in failure(capsys, *arguments, tmp_path / "no.png")


def test_inspect_bundle_and_onnx(tmp_path, capsys):
    result = call(tmp_path, "inspect", TOY)
    assert result["kind"] == "bundle"
    assert result["skills"].keys() == {"stand", "walk", "run"}
    result = call(tmp_path, "inspect", TOY / "experts" / "walk.onnx")
    assert result["kind"] == "onnx"
    assert result["inputs"] == [["phi", 71]] or result["inputs"][0][0] == "phi"
    assert any("dense" in operation for operation in result["operations"])
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07junk")
    assert "x.onnx" in failure(capsys, "inspect", tmp_path / "x.onnx")
    assert "no file" in failure(capsys, "inspect", tmp_path / "y.onnx")


def test_bench_tick(tmp_path):
    result = call(tmp_path, "bench", "tick", "--bundle", TOY, "--seconds", 0.3)
    assert [row["engine"] for row in result["rows"]] == ["native", "native decision", "onnxruntime networks"]
    for row in result["rows"]:
        assert 0 < row["p50_us"] <= row["p99_us"] <= row["p999_us"] <= row["max_us"]
        assert {"engine", "bundle", "mallocs", "locks", "samples"} <= row.keys()
    ratio = result["rows"][0]["samples"] / result["rows"][1]["samples"]
    assert ratio == pytest.approx(20, rel=0.01), "one tick in twenty decides"
