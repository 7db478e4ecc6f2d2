import numpy as np
import pytest
import torch

from metaworld_rt.plants.robot import mirror_permutation
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.ppo import Ppo, PpoConfig, Rollout


def test_learns_a_bandit():
    """Reward is -(a - 0.3 x)^2 on every joint: the mean must move to 0.3 x."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ppo = Ppo(Expert(1, hidden=(16,)), PpoConfig(steps=8, mirror_weight=0.0, target_kl=0.05, lr_max=3e-3))
    rollout = Rollout(8, 64, 1, 19)
    errors = []
    for _ in range(40):
        error = 0.0
        for t in range(8):
            phi = rng.uniform(-1, 1, (64, 1)).astype(np.float32)
            ppo.act(phi, rollout, t)
            mean = rollout.mean[t].numpy()
            error += np.abs(mean - 0.3 * phi).mean() / 8
            reward = -10 * np.square(rollout.action[t].numpy() - 0.3 * phi).mean(axis=1)
            done = np.ones(64, bool)
            ppo.note(rollout, t, reward, done, done, phi)
        errors.append(error)
        ppo.update(rollout)
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:5])


def test_advantages_match_the_definition():
    config = PpoConfig(steps=3, gamma=0.9, gae_lambda=0.8)
    ppo = Ppo(Expert(1, hidden=(4,)), config)
    r = Rollout(3, 1, 1, 19)
    r.reward[:, 0] = torch.tensor([1.0, 2.0, 3.0])
    r.value[:, 0] = torch.tensor([0.5, 0.4, 0.3])
    r.next_value[:, 0] = torch.tensor([0.4, 0.0, 0.7])  # the second step terminates
    r.done[:, 0] = torch.tensor([0.0, 1.0, 0.0])
    delta = [1 + 0.9 * 0.4 - 0.5, 2 + 0.0 - 0.4, 3 + 0.9 * 0.7 - 0.3]
    expected = [delta[0] + 0.72 * delta[1], delta[1], delta[2]]
    torch.testing.assert_close(ppo._advantages(r)[:, 0], torch.tensor(expected))


def test_mirror_loss_is_zero_for_a_mirrored_policy_only():
    perm, sign = mirror_permutation()
    maps = (perm, sign, perm, sign)
    ppo = Ppo(Expert(19, hidden=(8,)), PpoConfig(), maps)
    phi = torch.randn(10, 19)
    ppo.actor.net = torch.nn.Identity()  # identity maps mirrored phi to mirrored actions
    assert float(ppo._mirror_loss(phi, ppo.actor.mean(phi))) == pytest.approx(0.0, abs=1e-12)
    ppo.actor.net = torch.nn.Linear(19, 19)
    assert float(ppo._mirror_loss(phi, ppo.actor.mean(phi)).detach()) > 1e-3
