"""The training command: what can be refused is refused before any work."""

import json
import re

import pytest

from metaworld_rt.cli import main


def test_one_half_of_the_semantic_model_is_trained_alone(tmp_path, capsys):
    out, result = tmp_path / "model", tmp_path / "r.json"
    sizes = ["--sentences", "200", "--steps", "2"]
    args = ["train", "semantic", "--only", "planner", "--out", str(out), "--work", str(tmp_path / "w"), *sizes]
    assert main([*args, "--json", str(result)]) == 0
    written = json.loads(result.read_text())
    assert "planner" in written
    assert "eye" not in written
    assert not out.exists(), "one half alone exports nothing"
    assert "planner" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "expert", "fly", "--out", "x"], "no skill 'fly'|unknown expert 'fly'"),
        (["train", "expert", "walk", "--out", "x", "--start", "none.pt"], "no checkpoint none.pt"),
        (["train", "expert", "door_open", "--out", "x"], "give --bank models/checkpoints/door/door_open.npz"),
        (["train", "world-model", "--experts", "none", "--out", "x"], "no checkpoint none/stand.pt"),
        (["train", "gate", "--experts", "none", "--out", "x"], "no checkpoint none/stand.pt"),
        (["train", "all", "--robot", "g1", "--out", "x"], "unknown robot 'g1'; one of h1"),
        (
            ["train", "all", "--library", "kitchen", "--out", "x"],
            "unknown library 'kitchen'; one of locomotion, household",
        ),
        (["train", "all", "--library", "household", "--ways", "w", "--out", "x"], "no state bank in w/door_open.npz"),
        (["eval", "--tasks", "fly"], "no task 'fly'"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) != 0
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert re.search(message, said)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pt").write_text("hello")
    assert main(["train", "expert", "walk", "--out", "x", "--start", "text.pt"]) != 0
    said = capsys.readouterr().err.strip()
    assert said.startswith("metaworld-rt train: text.pt is damaged or no checkpoint")
    assert len(said) < 120


def test_the_defaults_shown_are_the_trainers_own():
    # The parser must not import torch to show its help, so the numbers stand in both places.
    from metaworld_rt.cli import parser
    from metaworld_rt.cli.train_stage2 import _made_schedule
    from metaworld_rt.train.gate.train import GateConfig
    from metaworld_rt.train.handover.train import HandoverConfig
    from metaworld_rt.train.world_model.trainer import Schedule

    gate = parser().parse_args(["train", "gate", "--experts", "e", "--out", "o"])
    config = GateConfig()
    assert (gate.states, gate.loyalty, gate.reads_command) == (config.states, config.loyalty, config.condition)
    handover = parser().parse_args(["train", "handover", "--experts", "e", "--out", "o"])
    assert (handover.states, handover.ready) == (HandoverConfig.states, HandoverConfig.ready)
    assert _made_schedule(parser().parse_args(["train", "all", "--out", "o"])) == Schedule()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--drop-gate"], "--drop-gate goes with --base"),
        (["--base", "b"], "--base goes with --handover"),
        (["--base", "b", "--handover", "h.pt", "--settings", "near"], "--base goes with --handover"),
    ],
)
def test_a_revision_changes_the_handover_alone(tmp_path, capsys, arguments, said):
    out = tmp_path / "bundle"
    assert main(["export", "--experts", str(tmp_path), "--out", str(out), *arguments]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_handover_without_experts_is_one_clear_error(tmp_path, capsys):
    assert main(["train", "handover", "--experts", str(tmp_path), "--out", str(tmp_path / "o")]) == 1
    assert "stand.pt" in capsys.readouterr().err
