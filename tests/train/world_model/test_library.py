"""Experts of different layouts in one library."""

import numpy as np
import pytest
import torch

from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.world_model.library import load_library


def write(folder, name, layout):
    expert = Expert(features.size(layout), (8,))
    torch.nn.init.normal_(expert.net[-1].weight, std=0.1)
    content = {
        "name": name,
        "description": name,
        "period": 0.8,
        "hidden": [8],
        "features": checkpoint.pack_features(layout),
        "actor": expert.state_dict(),
        "provenance": {},
    }
    checkpoint.save(folder / f"{name}.pt", content)
    return expert.eval()


def test_smaller_layouts_are_widened_to_the_largest(tmp_path):
    torch.manual_seed(0)
    walk = write(tmp_path, "walk", features.LOCOMOTION)
    write(tmp_path, "reach", features.HOUSEHOLD)
    library = load_library(tmp_path, ["walk", "reach"])
    assert library.features == features.HOUSEHOLD
    phi = torch.randn(5, features.size(features.HOUSEHOLD))
    small = phi[:, : features.size(features.LOCOMOTION)]  # HOUSEHOLD begins with LOCOMOTION
    np.testing.assert_allclose(library.networks[0](phi).detach(), walk(small).detach(), atol=1e-6)


def test_layouts_that_do_not_contain_each_other_are_refused(tmp_path):
    write(tmp_path, "walk", (*features.LOCOMOTION, features.feature("speed")))
    write(tmp_path, "reach", features.HOUSEHOLD)
    with pytest.raises(CheckpointError, match="expert walk does not go with walk, reach: the new features lack speed"):
        load_library(tmp_path, ["walk", "reach"])
