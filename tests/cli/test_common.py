"""What the commands share: exit codes, one line an error, JSON that JSON readers accept."""

import argparse
import json
import os

import numpy as np
import pytest

from metaworld_rt import cli
from metaworld_rt.cli import common
from metaworld_rt.errors import UserError


def test_json_has_the_schema_first_and_no_nan(tmp_path):
    path = tmp_path / "r.json"
    common.write_json(path, "run", {"a": np.float64(1.5), "b": [np.nan, np.int64(3)], "c": {"d": float("inf")}})
    assert path.read_text().index('"schema"') < path.read_text().index('"a"')
    assert json.loads(path.read_text()) == {
        "schema": "metaworld_rt.run/1",
        "a": 1.5,
        "b": [None, 3],
        "c": {"d": None},
    }
    assert os.listdir(tmp_path) == ["r.json"], "no partial file is left"


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        common.write_json(path, "run", {"a": object()})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["r.json"]


def test_outputs_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        common.check_writable(tmp_path / "no" / "r.json", "the result")
    with pytest.raises(UserError, match="it is a folder"):
        common.check_writable(tmp_path, "the result")
    common.check_writable(tmp_path / "r.json", "the result")
    assert not (tmp_path / "r.json").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        common.check_writable(tmp_path / "r.json", "the result")


def test_output_under_proc_is_refused():
    with pytest.raises(UserError, match="cannot write"):
        common.check_writable(common.Path("/proc/nowhere.json"), "the result")


def test_number_types():
    assert common.positive(float)("2.5") == 2.5
    for bad in ("0", "-1", "nan", "inf"):
        with pytest.raises(argparse.ArgumentTypeError):
            common.positive(float)(bad)
    assert common.positive(float, zero=True)("0") == 0
    with pytest.raises(ValueError, match="ten"):
        common.positive(int)("ten")
    assert common.names("stand, walk,stand") == ["stand", "walk"]


def test_table_lines_up():
    lines = common.table([["walk", 12.5], ["a", 3]], ["name", "value"]).splitlines()
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 2),
        (["fly"], 2),
        (["run"], 2),
        (["run", "walk", "--seconds", "-1"], 2),
        (["run", "walk", "--seconds", "nan"], 2),
        (["eval", "--episodes", "0"], 2),
        (["--version"], 0),
        (["--help"], 0),
    ],
)
def test_bad_arguments_exit_2(arguments, status, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == status
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("two\nlines"), 1),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 1),
        (cli.BadArguments("--a and --b"), 2),
        (KeyboardInterrupt(), 130),
        (UserError("x" * 10_000), 1),
    ],
)
def test_an_error_is_one_line(monkeypatch, capsys, error, status):
    def execute(args):
        raise error

    monkeypatch.setattr("metaworld_rt.cli.inspect.execute", execute)
    assert cli.main(["inspect", "x"]) == status
    err = capsys.readouterr().err
    assert err.startswith("metaworld-rt inspect: ")
    assert err.count("\n") == 1
    assert len(err) < 600
