import numpy as np
import pytest

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert.bank import Bank, join, load
from metaworld_rt.train.expert.drill import Drills
from metaworld_rt.train.expert.locomotion import LocomotionEnv
from metaworld_rt.train.expert.skill import get_skill
from metaworld_rt.train.files import CheckpointError


@pytest.fixture
def env():
    env = LocomotionEnv(get_skill("walk"), count=8, seed=1, threads=1)
    yield env
    env.close()


def test_phase_advances_before_the_features_are_read(env):
    before = env.phase.copy()
    outcome = env.step(np.zeros((8, 19)))
    expected = np.mod(before + DECISION_DT / env.skill.period, 1.0)
    np.testing.assert_allclose(env.phase, expected)
    where = features.slices(env.features)["phase"]
    np.testing.assert_allclose(outcome.phi[:, where][:, 0], np.sin(2 * np.pi * expected), atol=1e-6)


def test_previous_action_is_the_clamped_one(env):
    raw = np.full((8, 19), 3.0)
    outcome = env.step(raw)
    where = features.slices(env.features)["prev_action"]
    np.testing.assert_array_equal(outcome.final_phi[:, where], np.ones((8, 19)))
    assert outcome.terms["saturation"] == pytest.approx(-19 * 4.0)


def test_falls_end_and_reset(env):
    env.physics.qpos[2, 2] = 0.3
    outcome = env.step(np.zeros((8, 19)))
    assert outcome.terminated[2]
    assert not outcome.terminated[[0, 1]].any()
    assert env.age[2] == 0
    assert env.physics.qpos[2, 2] > 0.9
    # The value of the state that ended is bootstrapped from final_phi, not from the reset state.
    assert outcome.final_phi[2, 0] < 0.6
    assert outcome.phi[2, 0] > 0.9


def test_time_limits_truncate_without_terminating(env):
    env._length[:] = env.age + 1
    outcome = env.step(np.zeros((8, 19)))
    assert outcome.truncated.all()
    assert not outcome.terminated.any()


def test_same_seed_same_training_data():
    def rollout():
        env = LocomotionEnv(get_skill("stand"), count=4, seed=5, threads=2)
        env.difficulty = 1.0
        rewards = [env.step(np.full((4, 19), 0.05)).reward for _ in range(30)]
        env.close()
        return np.array(rewards)

    np.testing.assert_array_equal(rollout(), rollout())


def test_banks_start_episodes():
    home = LocomotionEnv(get_skill("stand"), count=1, threads=1)._home

    def bank(height, action, size):
        qpos = np.tile([7.0, 7.0, height, *home[3:]], (size, 1))
        return Bank(qpos, np.zeros((size, 25)), np.full((size, 19), action), np.full(size, 0.625))

    env = LocomotionEnv(get_skill("stand"), count=400, threads=1, banks=[bank(1.234, 0.125, 1), bank(1.2, 0.25, 50)])
    first, second = env.physics.qpos[:, 2] == 1.234, env.physics.qpos[:, 2] == 1.2
    assert 60 < first.sum() < 140, "a small bank counts as much as a large one"
    assert 60 < second.sum() < 140
    banked = first | second
    assert np.all(env.action[first] == 0.125)
    assert np.all(env.phase[banked] == 0.625), "the phase runs on through a switch"
    assert np.abs(env.physics.qpos[:, :2]).max() < 0.1, "where it stands is not the bank's"
    np.testing.assert_allclose(env._target[first], np.broadcast_to(H1.target(np.full(19, 0.125)), (first.sum(), 19)))
    env.close()


def test_drills_are_drawn_where_about_half_of_them_fail():
    """From full speed alone nobody learns to stop, and most states of a run are at full speed."""
    qvel = np.zeros((100, 25))
    qvel[:90, 0], qvel[90:98, 1], qvel[98:, 0] = 5.2, -2.7, 0.1
    run, robots = Bank(np.zeros((100, 26)), qvel, np.zeros((100, 19)), np.zeros(100)), np.arange(3000)
    drills = Drills([run], len(robots), np.random.default_rng(0))
    assert drills.speed.tolist() == [0.0, 2.5, 5.0]

    def speeds():
        drawn = np.linalg.norm(drills.draw(robots).qvel[:, :2], axis=-1)
        return [((drawn >= low) & (drawn < low + 0.5)).mean() for low in drills.speed], drawn

    shares, drawn = speeds()
    assert shares == pytest.approx([1 / 3] * 3, abs=0.04), "at first all speeds alike"
    drills.ended(robots, drawn > 3.0)
    assert drills.falls == pytest.approx([0.0, 0.0, 1.0], abs=0.01), "nobody falls at less than 3 m/s, all do above"
    drills.falls[1] = 0.5
    shares, _ = speeds()
    assert shares[1] > 0.8, "what is neither hopeless nor learned"
    assert min(shares) > 0.04, "but the others are not forgotten"
    before = drills.falls.copy()
    drills.ended(robots, np.ones(len(robots), dtype=bool))
    after = drills.falls.copy()
    drills.ended(robots, np.zeros(len(robots), dtype=bool))
    assert (after > before).any()
    assert drills.falls.tolist() == after.tolist(), "whose drill is over has none"


def test_a_bank_is_written_and_read_back(tmp_path):
    rng = np.random.default_rng(0)
    bank = Bank(rng.random((3, 26)), rng.random((3, 25)), rng.random((3, 19)), rng.random(3))
    bank.save(tmp_path / "bank.npz")
    again = load(tmp_path / "bank.npz")
    np.testing.assert_allclose(again.qvel, bank.qvel, atol=1e-6)
    np.testing.assert_allclose(join([again, again]).phase[3:], bank.phase, atol=1e-6)
    with pytest.raises(CheckpointError, match="no state bank in"):
        load(tmp_path / "none.npz")
    Bank(bank.qpos[:, :20], bank.qvel, bank.action, bank.phase).save(tmp_path / "other.npz")
    with pytest.raises(CheckpointError, match="no state bank of h1"):
        load(tmp_path / "other.npz")
    with pytest.raises(CheckpointError, match=r"cannot write .*states\.npz"):
        bank.save(tmp_path / "bank.npz" / "states.npz")


def test_a_bank_whose_writing_is_stopped_leaves_the_one_before(tmp_path, monkeypatch):
    bank = Bank(np.zeros((2, 26)), np.zeros((2, 25)), np.zeros((2, 19)), np.zeros(2))
    bank.save(tmp_path / "bank.npz")

    def stop(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", stop)
    with pytest.raises(KeyboardInterrupt):
        bank[:1].save(tmp_path / "bank.npz")
    assert len(load(tmp_path / "bank.npz")) == 2
