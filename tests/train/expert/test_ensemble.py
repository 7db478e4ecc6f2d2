import pytest
import torch

from metaworld_rt.train.expert import checkpoint
from metaworld_rt.train.expert.ensemble import main, mean_of
from metaworld_rt.train.expert.policy import Expert, deployed
from metaworld_rt.train.files import CheckpointError


def made(seed, phi=30, hidden=(16, 8)):
    torch.manual_seed(seed)
    expert = Expert(phi, hidden)
    torch.nn.init.normal_(expert.net[-1].weight, 0.3)
    expert.normaliser.update(torch.randn(500, phi) * 0.4 + 0.3)
    expert.normaliser.mask[seed] = 0.0
    return expert


@pytest.mark.parametrize("hidden", [(16, 8), (12, 20)])
def test_the_mean_does_the_mean_of_what_they_do(hidden):
    experts = [made(0), made(1, hidden=hidden), made(2)]
    mean, x = mean_of(experts), torch.randn(64, 30)
    torch.testing.assert_close(mean(x), torch.stack([expert(x) for expert in experts]).mean(0), rtol=1e-4, atol=1e-5)
    assert mean.hidden == (32 + hidden[0], 16 + hidden[1])
    torch.testing.assert_close(deployed(mean)(x), mean(x), rtol=1e-4, atol=1e-5)


def test_what_has_no_mean_is_refused():
    for others in ([], [made(1, phi=31)], [made(1, hidden=(16,))]):
        with pytest.raises(ValueError, match="the same phi"):
            mean_of([made(0), *others] if others else [])


def test_the_command_writes_a_checkpoint_that_names_its_members(tmp_path, save_expert):
    one = save_expert("door_pass", "door", 4.0)
    out = tmp_path / "mean.pt"
    assert main([str(one), str(one), "--out", str(out)]) == 0
    (expert, content), (alone, about) = checkpoint.load_expert(out), checkpoint.load_expert(one)
    x = torch.randn(8, alone.phi_size)
    torch.testing.assert_close(expert(x), alone(x), rtol=1e-4, atol=1e-5)
    assert {key: content[key] for key in ("name", "task", "period")} == {
        "name": "door_pass",
        "task": "door",
        "period": about["period"],
    }
    assert content["provenance"]["members"] == [about["provenance"]] * 2
    assert content["provenance"]["command"].startswith("python -m metaworld_rt.train.expert.ensemble ")


def test_experts_of_two_skills_are_refused(tmp_path, save_expert):
    files = [save_expert("door_pass", "door", 4.0), save_expert("door_open", "door", 4.0)]
    with pytest.raises(CheckpointError, match="another name than"):
        main([*map(str, files), "--out", str(tmp_path / "mean.pt")])
    assert not (tmp_path / "mean.pt").exists()
