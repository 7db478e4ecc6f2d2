from pathlib import Path

import numpy as np
import pytest

from metaworld_rt.train.expert import bank
from metaworld_rt.train.handover.switches import SKILLS, main, switched
from metaworld_rt.train.world_model.library import load_library

CHECKPOINTS = Path(__file__).parents[3] / "models" / "checkpoints"


@pytest.fixture(scope="module")
def library():
    return load_library(CHECKPOINTS, SKILLS)


def test_states_are_those_of_an_opened_door_whose_leaf_swings_on(library):
    found = switched(library, 4, decisions=230)
    assert 1 <= len(found) <= 4
    assert (found.qpos[:, -2] > 0.85).all()  # the plan's threshold: the weights change after it
    assert np.median(found.qvel[:, -2]) > 0.1


def test_who_never_gets_there_is_said(library):
    with pytest.raises(ValueError, match="door_pass took over from nobody in 3 decisions"):
        switched(library, 2, decisions=3)
    with pytest.raises(ValueError, match="unknown skill 'fly'"):
        switched(library, 2, to="fly", decisions=3)


def test_the_command_writes_a_bank(tmp_path, capsys):
    out = tmp_path / "switches.npz"
    assert main(["--experts", str(CHECKPOINTS), "--out", str(out), "--robots", "2", "--seed", "3"]) == 0
    assert f"{out}: {len(bank.load(out))} of 2 robots" in capsys.readouterr().out
