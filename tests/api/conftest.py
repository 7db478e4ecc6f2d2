"""One bundle and one observation for the tests of the API."""

from pathlib import Path

import numpy as np
import pytest

TOY = Path(__file__).parent.parent / "data" / "toy_bundle"


@pytest.fixture(scope="session")
def bundle():
    import metaworld_rt as mw

    return mw.load(TOY)


@pytest.fixture
def standing(bundle):
    """The flat observation of the robot in its default pose, at rest."""
    terms = {
        "base_pos": [0, 0, 0.98],
        "base_quat": [1, 0, 0, 0],
        "joint_pos": bundle.default_pos,
        "base_lin_vel": np.zeros(3),
        "base_ang_vel": np.zeros(3),
        "joint_vel": np.zeros(len(bundle.joints)),
    }
    return np.concatenate([np.asarray(terms[name], dtype=np.float64) for name, _ in bundle.observation])
