from pathlib import Path

import numpy as np

from metaworld_rt.train.expert.bank import load
from metaworld_rt.train.expert.door_switches import SKILLS, gather
from metaworld_rt.train.world_model.library import load_library

CHECKPOINTS = Path(__file__).parents[3] / "models" / "checkpoints"


def test_a_switch_is_a_state_with_the_door_open_as_door_pass_begins(tmp_path):
    library = load_library(CHECKPOINTS, SKILLS)
    states = gather(library, 4, seed=3)
    assert 2 <= len(states.phase) <= 4  # once a robot
    assert (states.qpos[:, -2] > 0.85).all()  # rad, where the plan lets door_pass take over
    assert (np.abs(np.mod(states.phase - 0.92 + 0.5, 1.0) - 0.5) < 0.3).all()  # on its way's first decisions
    states.save(tmp_path / "bank.npz")
    np.testing.assert_allclose(load(tmp_path / "bank.npz").qpos, states.qpos, atol=1e-5)


def test_who_has_not_opened_gives_no_switch():
    assert len(gather(load_library(CHECKPOINTS, SKILLS), 2, decisions=40).phase) == 0
