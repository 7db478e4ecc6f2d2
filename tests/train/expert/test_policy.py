import numpy as np
import pytest
import torch

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint
from metaworld_rt.train.expert.policy import DEVIATION_FLOOR, UNIT_RAD, Expert, Normaliser, deployed, widen


@pytest.fixture
def expert():
    torch.manual_seed(0)
    expert = Expert(72, hidden=(32, 16))
    torch.nn.init.normal_(expert.net[-1].weight, 0.3)
    expert.normaliser.update(torch.randn(500, 72) * 0.4 + 0.3)
    return expert


def test_deployed_chain_is_the_same_function(expert):
    x = torch.randn(64, 72)
    chain = deployed(expert)
    torch.testing.assert_close(chain(x), expert(x), rtol=1e-4, atol=1e-5)
    assert {type(layer).__name__ for layer in chain} == {"Linear", "ELU"}


def test_units_are_angles_whatever_the_action_scale(expert):
    np.testing.assert_allclose(expert.gain.numpy() * H1.action_scale, UNIT_RAD, rtol=1e-6)


def test_normaliser_learns_the_statistics_with_a_floor():
    normaliser = Normaliser(2)
    data = torch.randn(20_000, 2) * torch.tensor([2.0, 0.001]) + torch.tensor([3.0, -1.0])
    for batch in data.chunk(40):
        normaliser.update(batch)
    torch.testing.assert_close(normaliser.mean, torch.tensor([3.0, -1.0]), atol=0.05, rtol=0)
    assert normaliser.deviation[0] == pytest.approx(2.0, rel=0.05)
    assert normaliser.deviation[1] == pytest.approx(DEVIATION_FLOOR)


def content(expert):
    return {
        "name": "walk",
        "description": "walks",
        "period": 0.8,
        "hidden": list(expert.hidden),
        "features": checkpoint.pack_features(features.LOCOMOTION),
        "actor": expert.state_dict(),
        "provenance": {"seed": 1},
    }


def test_checkpoint_round_trip(expert, tmp_path):
    path = tmp_path / "a" / "walk.pt"
    checkpoint.save(path, content(expert))
    loaded, meta = checkpoint.load_expert(path)
    x = torch.randn(3, 72)
    assert torch.equal(loaded(x), expert(x))
    assert checkpoint.unpack_features(meta["features"]) == features.LOCOMOTION
    assert not list(path.parent.glob("*.part"))


def test_unusable_checkpoints_give_one_clear_error(expert, tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match="no checkpoint"):
        checkpoint.load_expert(tmp_path / "none.pt")
    damaged = tmp_path / "damaged.pt"
    checkpoint.save(damaged, content(expert))
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(checkpoint.CheckpointError, match="damaged"):
        checkpoint.load_expert(damaged)
    torch.save({"format": "something else"}, tmp_path / "other.pt")
    with pytest.raises(checkpoint.CheckpointError, match="format"):
        checkpoint.load_expert(tmp_path / "other.pt")
    misfit = content(expert) | {"hidden": [8, 8]}
    checkpoint.save(tmp_path / "misfit.pt", misfit)
    with pytest.raises(checkpoint.CheckpointError, match="does not fit"):
        checkpoint.load_expert(tmp_path / "misfit.pt")


def test_a_full_disk_leaves_the_old_checkpoint(expert, tmp_path, monkeypatch):
    path = tmp_path / "walk.pt"
    checkpoint.save(path, content(expert))
    good = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(checkpoint.CheckpointError, match="No space left"):
        checkpoint.save(path, content(expert))
    assert path.read_bytes() == good


def test_widening_keeps_the_function_and_is_blind_to_the_rest(expert):
    wide = widen(expert, features.LOCOMOTION, features.HOUSEHOLD)
    phi = torch.randn(10, features.size(features.HOUSEHOLD))
    torch.testing.assert_close(wide(phi), expert(phi[:, :72]))
    other = phi.clone()
    other[:, 72:] += 5.0
    assert torch.equal(wide(phi), wide(other))
    torch.testing.assert_close(deployed(wide)(phi), wide(phi), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="lack hand_to_goal"):
        widen(wide, features.HOUSEHOLD, features.LOCOMOTION)
