"""Losses that can be checked, a learner that learns, a run that resumes, errors in one line."""

import numpy as np
import pytest
import torch
from library import untrained

from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.world_model import checkpoint
from metaworld_rt.train.world_model.buffer import Batch
from metaworld_rt.train.world_model.config import LossConfig, ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.losses import Learner
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.nets import TwoHot, symexp, symlog
from metaworld_rt.train.world_model.trainer import Schedule, WorldModelTrainer

SMALL = ModelConfig(phi=6, actions=2, skills=3, latent=16, mlp=32, encoder=32)


def test_two_hot_is_exact_between_the_bins():
    two_hot = TwoHot(101, -10.0, 10.0)
    x = torch.tensor([-300.0, -1.0, 0.0, 0.37, 84.0, 1e9])
    p = two_hot.encode(x)
    assert torch.allclose(p.sum(-1), torch.ones(6))
    assert ((p > 0).sum(-1) <= 2).all()
    back = symexp(p @ two_hot.points)
    assert torch.allclose(back[:5], x[:5], rtol=1e-4, atol=1e-5)
    assert back[5] == pytest.approx(float(symexp(torch.tensor(10.0))), rel=1e-5)
    assert torch.allclose(symexp(symlog(x[:5])), x[:5], rtol=1e-5)


def linear_world(rng, size=128, horizon=3):
    """phi' = 0.9 phi + B a, reward = a function of both: something a model can learn."""
    b = np.random.default_rng(5).standard_normal((2, 6)) * 0.5
    phi, actions, rewards = [rng.standard_normal((size, 6))], [], []
    for _ in range(horizon):
        a = rng.uniform(-1, 1, (size, 2))
        rewards.append(1 / (1 + np.exp(-2 * (phi[-1][:, 0] + a[:, 0]))))
        phi.append(0.9 * phi[-1] + a @ b)
        actions.append(a)
    phi, actions, rewards = np.stack(phi), np.stack(actions), np.stack(rewards)
    experts = np.stack([np.tanh(phi[..., i : i + 2]) for i in range(3)], 2)
    arrays = {
        "phi": phi,
        "action": actions,
        "c": np.eye(3)[np.zeros(size, int)],
        "reward": rewards,
        "ends": np.zeros_like(rewards),
        "partial": 10 * rewards,
        "weight": np.zeros_like(rewards),
        "boot_phi": phi[1:],
        "boot_action": actions,
        "experts": experts,
        "reference": experts[:, :, 0],
    }
    return Batch(**{k: torch.as_tensor(v, dtype=torch.float32) for k, v in arrays.items()})


@pytest.mark.parametrize("published", [False, True])
def test_a_learner_learns_a_linear_world(published):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = WorldModel(SMALL)
    learner = Learner(model, LossConfig(lr=3e-3, encoder_lr=3e-3), published)
    first = learner.update(linear_world(rng))
    before = {name: p.clone() for name, p in model.q_target.named_parameters()}
    for _ in range(80):
        last = learner.update(linear_world(rng))
    for name in ("reward", "value", "heads", "away"):
        assert float(last[name]) < 0.8 * float(first[name]), name
    assert any((p != before[name]).any() for name, p in model.q_target.named_parameters())
    test = linear_world(np.random.default_rng(99))
    with torch.no_grad():
        z = model.encode(test.phi[0], test.c)
        q = model.two_hot.decode(model.q(z, test.action[0], test.c)).mean(0)
    assert np.corrcoef(q, test.partial[0])[0, 1] > 0.8


def test_value_targets_bootstrap_with_the_clean_action_and_stop_at_a_fall():
    model = WorldModel(SMALL)
    for p in model.q_target.parameters():
        torch.nn.init.normal_(p, std=0.3)
    batch = linear_world(np.random.default_rng(1), size=4)
    batch.weight[:] = 0.5
    batch.weight[0, 0] = 0.0
    target = Learner(model)._value_target(batch)
    c = batch.c.expand(3, -1, -1)
    with torch.no_grad():
        q = model.two_hot.decode(model.q(model.encode(batch.boot_phi, c), batch.boot_action, c, target=True)).mean(0)
    assert torch.allclose(target, batch.partial + batch.weight * q)
    assert target[0, 0] == batch.partial[0, 0]


def tiny_schedule(**changes):
    planner = PlannerConfig(samples=8, iterations=1, elites=4, prior_trajectories=1, expert_trajectories=1)
    return Schedule(
        **{"size": "xs", "robots": 4, "expert_decisions": 200, "expert_updates": 4, "rounds": 1, "round_decisions": 80,
           "round_updates": 3, "batch": 16, "planner": planner, **changes}
    )  # fmt: skip


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    class Stop(Exception):
        pass

    def stop(phase, *_):
        if phase == "decisions, round 1":
            raise Stop

    whole = WorldModelTrainer(untrained(), tmp_path / "whole", tiny_schedule())
    whole.run()
    with pytest.raises(Stop):
        WorldModelTrainer(untrained(), tmp_path / "cut", tiny_schedule(), progress=stop).run()
    again = WorldModelTrainer(untrained(), tmp_path / "cut", tiny_schedule())
    assert again.updates == 4
    again.run()
    assert again.updates == 7
    assert again.decisions == whole.decisions == 280
    model, content = checkpoint.load(tmp_path / "cut" / "model.pt")
    assert content["skills"] == ["stand", "walk", "run"]
    assert model.config.phi == 72


def test_the_published_baseline_uses_no_expert(tmp_path):
    trainer = WorldModelTrainer(untrained(), tmp_path, tiny_schedule(published=True, skill="walk"))
    trainer.run()
    data = trainer.replay.data
    assert trainer.model.heads is None
    assert (data["c"] == [0, 1, 0]).all()
    assert not np.allclose(data["clean"][:200], np.einsum("ik,ika->ia", data["c"], data["experts"])[:200], atol=0.05)


def test_plain_errors(tmp_path):
    with pytest.raises(ValueError, match="unknown world model size 'huge'"):
        ModelConfig.of_size("huge", 1, 1, 1)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.load(tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="damaged or no checkpoint"):
        checkpoint.load(tmp_path / "bad.pt")
    checkpoint.save(tmp_path / "run" / "model.pt", WorldModel(SMALL), skills=["a"])
    with pytest.raises(CheckpointError, match="another model"):
        WorldModelTrainer(untrained(), tmp_path / "run", tiny_schedule())
