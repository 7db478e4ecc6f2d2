import json

import pytest

from metaworld_rt.train.expert import bank, checkpoint
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.ppo import PpoConfig
from metaworld_rt.train.expert.trainer import train_expert

SMALL = {"envs": 4, "threads": 1, "config": PpoConfig(steps=6, epochs=1, minibatches=1), "eval_every": 10**9}


@pytest.fixture(autouse=True)
def short_evaluation(monkeypatch):
    from metaworld_rt.train.expert import env

    real = env.evaluate
    monkeypatch.setattr(env, "evaluate", lambda *a, **k: real(*a, **{**k, "episodes": 2, "decisions": 4}))


def test_trains_writes_and_resumes(tmp_path):
    first = train_expert("stand", tmp_path, seed=3, decisions=48, **SMALL)
    assert first.decisions == 48
    assert first.path.name == "best.pt"
    _, meta = checkpoint.load_expert(first.path)
    assert meta["name"] == "stand"
    assert meta["provenance"]["scores"]["episodes"] == 2
    second = train_expert("stand", tmp_path, seed=3, decisions=96, **SMALL)
    assert second.decisions == 96
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    seen = [row["decisions"] for row in rows if "rate" in row]
    assert seen == [24, 48, 72, 96]  # the second call went on where the first ended
    again = train_expert("stand", tmp_path, seed=3, decisions=24, resume=False, **SMALL)
    assert again.decisions == 24


def test_a_last_policy_that_falls_is_not_the_one_that_is_kept(tmp_path, monkeypatch):
    """Of four evaluations the newest within 2 % of the best counts; those before the last reward factors do not."""
    returns = iter([5.0, 900.0, 850.0, 300.0])
    seen = []

    def score(env, *_):
        seen.append(next(returns))
        return {"return_mean": seen[-1]}, bank.join([])

    monkeypatch.setattr(SkillEnv, "score", score)
    result = train_expert("stand", tmp_path, decisions=16 * 24, **{**SMALL, "eval_every": None})
    assert len(seen) == 4
    assert result.scores == {"return_mean": 850.0}
    assert checkpoint.load(result.path)["provenance"]["decisions"] == 12 * 24


def test_a_resumed_training_may_be_scored_more_often(tmp_path):
    train_expert("stand", tmp_path, decisions=24, **SMALL)
    train_expert("stand", tmp_path, decisions=96, **{**SMALL, "eval_every": 24})
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["decisions"] for row in rows if "eval" in row] == [24, 48, 72, 96]


def test_the_size_of_an_update_is_the_skills_own_or_given(tmp_path, monkeypatch):
    from metaworld_rt.train.expert import trainer

    aims, real = [], trainer.Ppo
    monkeypatch.setattr(trainer, "Ppo", lambda *a: aims.append(a[1].target_kl) or real(*a))
    for kl in (None, 0.005):
        train_expert("stand", tmp_path / f"{kl}", decisions=24, kl=kl, **SMALL)
    assert aims == [SMALL["config"].target_kl, 0.005]


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    train_expert("stand", tmp_path, decisions=24, **SMALL)
    content = checkpoint.load(tmp_path / "last.pt")
    content["actor"] = {k: v[:2] if v.dim() else v for k, v in content["actor"].items()}
    checkpoint.save(tmp_path / "last.pt", content)
    with pytest.raises(checkpoint.CheckpointError, match="does not fit this training"):
        train_expert("stand", tmp_path, decisions=48, **SMALL)


def test_practice_at_the_door_may_begin_on_coarser_physics(tmp_path, door_way, unscored):
    door_way().save(tmp_path / "way.npz")
    for timestep, used in ((None, 0.002), (0.004, 0.004)):
        out = tmp_path / f"{used}"
        train_expert("door_open", out, decisions=24, banks=[tmp_path / "way.npz"], timestep=timestep, **SMALL)
        assert unscored[-1].model.opt.timestep == used
    with pytest.raises(ValueError, match="timestep of its own"):
        train_expert("walk", tmp_path / "walk", timestep=0.004)
    assert not (tmp_path / "walk").exists()


def test_unknown_expert_and_missing_bank(tmp_path):
    with pytest.raises(ValueError, match="unknown expert"):
        train_expert("fly", tmp_path)
    with pytest.raises(checkpoint.CheckpointError, match="no state bank"):
        train_expert("stand", tmp_path, banks=[tmp_path / "none.npz"])
