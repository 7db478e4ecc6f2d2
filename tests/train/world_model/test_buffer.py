"""Returns and sequences of the replay, against a plain loop."""

import numpy as np
import pytest

from metaworld_rt.errors import UserError
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.world_model.buffer import Recorder, Replay, load_round, save_round

GAMMA, K, A, PHI = 0.9, 2, 3, 4


def recorded(rng, robots=3, steps=40):
    recorder = Recorder()
    c = np.eye(K, dtype=np.float32)[rng.integers(0, K, robots)]
    over = np.zeros(robots, bool)
    for t in range(steps):
        if t % 13 == 7:
            c = np.eye(K, dtype=np.float32)[rng.integers(0, K, robots)]
        last, over = over, rng.random(robots) < 0.08
        over &= ~last
        recorder.add(
            phi=rng.standard_normal((robots, PHI)).astype(np.float32),
            action=rng.standard_normal((robots, A)).astype(np.float32),
            clean=rng.standard_normal((robots, A)).astype(np.float32),
            experts=rng.standard_normal((robots, K, A)).astype(np.float32),
            c=c,
            mixture=c,
            rewards=rng.random((robots, K)).astype(np.float32),
            dead=last & (rng.random(robots) < 0.5),
            last=last,
            noisy=rng.random(robots) < 0.2,
            pushed=rng.random(robots) < 0.05,
        )
    return recorder.streams()


def plain_return(d, start, n):
    """Discounted rewards from row `start` until a stop or n decisions; the row to bootstrap at."""
    total, i = 0.0, start
    while True:
        total += GAMMA ** (i - start) * float(d["c"][i] @ d["rewards"][i])
        i += 1
        if d["cut"][i - 1] or d["last"][i] or i - start == n:
            return total, i


@pytest.mark.parametrize("n_step", [1, 4, 100])
def test_returns_equal_a_plain_loop(n_step):
    replay = Replay(10_000, 3, GAMMA, n_step)
    replay.extend(recorded(np.random.default_rng(0)))
    d = replay.data
    seen = 0
    for i in np.flatnonzero(~d["last"]):
        total, boot = plain_return(d, i, n_step)
        assert replay._partial[i] == pytest.approx(total, rel=1e-5)
        assert replay._boot[i] == boot
        seen = max(seen, boot - i)
    assert seen == (1 if n_step == 1 else n_step if n_step == 4 else seen)
    assert n_step == 1 or seen > 1


def test_batches_hold_what_was_recorded():
    replay = Replay(10_000, 3, GAMMA, 5)
    replay.extend(recorded(np.random.default_rng(1)))
    d = replay.data
    batch = replay.sample(64, np.random.default_rng(2))
    where = {row.tobytes(): i for i, row in enumerate(d["phi"])}
    for b in range(64):
        i = where[batch.phi[0, b].numpy().tobytes()]
        assert not d["last"][i : i + 3].any()
        for h in range(3):
            assert np.array_equal(batch.phi[h + 1, b].numpy(), d["phi"][i + h + 1])
            assert np.array_equal(batch.action[h, b].numpy(), d["action"][i + h])
            total, boot = plain_return(d, i + h, 5)
            assert float(batch.partial[h, b]) == pytest.approx(total, rel=1e-5)
            expected = 0.0 if d["dead"][boot] else GAMMA ** (boot - i - h)
            assert float(batch.weight[h, b]) == pytest.approx(expected, rel=1e-5)
            assert np.array_equal(batch.boot_phi[h, b].numpy(), d["phi"][boot])
            same = np.array_equal(d["c"][boot], d["c"][i])
            clean = d["clean"][boot] if same else d["c"][i] @ d["experts"][boot]
            np.testing.assert_allclose(batch.boot_action[h, b].numpy(), clean, rtol=1e-5)
            assert float(batch.ends[h, b]) == float(d["dead"][i + h + 1])


def test_the_oldest_round_goes_first():
    replay = Replay(150, 3, GAMMA, 5)
    rounds = [recorded(np.random.default_rng(i), robots=1, steps=60) for i in range(4)]
    for streams in rounds:
        replay.extend(streams)
    assert len(replay) == 120
    assert np.array_equal(replay.data["phi"], np.concatenate([r["phi"] for r in rounds[2:]]))


def test_rounds_survive_the_disk(tmp_path):
    streams = recorded(np.random.default_rng(3))
    save_round(tmp_path / "rounds" / "000.npz", streams)
    loaded = load_round(tmp_path / "rounds" / "000.npz")
    for name, array in streams.items():
        np.testing.assert_allclose(loaded[name], array, atol=2e-3)
    assert np.array_equal(loaded["phi"], streams["phi"])


def test_plain_errors(tmp_path):
    replay = Replay(100, 3, GAMMA, 5)
    with pytest.raises(UserError, match="no complete sequence"):
        replay.sample(4, np.random.default_rng(0))
    (tmp_path / "bad.npz").write_bytes(b"not a zip")
    with pytest.raises(UserError, match="is damaged"):
        load_round(tmp_path / "bad.npz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot write"):
        save_round(tmp_path / "file" / "000.npz", recorded(np.random.default_rng(4)))
