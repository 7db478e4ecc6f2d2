"""The training of the embedded model, very small: it learns, resumes, exports, and what it writes is a backend."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from metaworld_rt.semantic import Skills, make_backend  # noqa: E402
from metaworld_rt.semantic.heads import HOUSEHOLD  # noqa: E402
from metaworld_rt.train.semantic import pipeline  # noqa: E402
from metaworld_rt.train.semantic.album import Album  # noqa: E402
from metaworld_rt.train.semantic.corpus import Corpus  # noqa: E402
from metaworld_rt.train.semantic.learn import _planner_loss, forward, train_planner  # noqa: E402

SET = Path(__file__).parents[1] / "data" / "semantic_set.jsonl"
SKILLS = Skills.of(HOUSEHOLD)


def loss_of(planner, corpus):
    batch = corpus.batch(range(len(corpus)), np.random.default_rng(0))
    with torch.no_grad():
        return float(_planner_loss(forward(planner, batch), batch))


def test_the_planner_learns_and_resumes(tmp_path):
    torch.set_num_threads(1)
    corpus = Corpus(48, 3)
    short = train_planner(lambda: corpus, corpus, tmp_path / "p.pt", steps=1, batch=24, seed=0)
    before = loss_of(short, corpus)
    longer = train_planner(lambda: corpus, corpus, tmp_path / "p.pt", steps=40, batch=24, seed=0, peak=4e-3)
    assert loss_of(longer, corpus) < 0.7 * before
    state = torch.load(tmp_path / "p.pt", weights_only=True)
    assert state["step"] == 40
    assert state["cpu_s"] > 0.0
    again = train_planner(lambda: corpus, corpus, tmp_path / "p.pt", steps=40, batch=24, seed=0)
    assert loss_of(again, corpus) == pytest.approx(loss_of(longer, corpus), rel=1e-5)


def drawn(count, seed, cache=None):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 96, 96, 3), np.uint8)
    return Album(images, rng.integers(0, 4, count), rng.integers(0, 3, count), rng.random((count, 3), np.float32))


def test_what_the_pipeline_writes_is_a_backend(tmp_path, monkeypatch):
    monkeypatch.setattr("metaworld_rt.train.semantic.album.album", drawn)  # no OpenGL here: noise in place of scenes
    rows = SET.read_text(encoding="utf-8").splitlines()
    (tmp_path / "few.jsonl").write_text("\n".join(row for row in rows if not json.loads(row)["image"]) + "\n")
    settings = pipeline.Settings(64, 1, 400, 2, batch=16, exclude=str(tmp_path / "few.jsonl"))
    told = pipeline.train(tmp_path / "out", tmp_path / "work", settings)
    backend = make_backend(f"embedded:{tmp_path / 'out'}")
    assert len(backend.plan("walk forward", drawn(1, 0).images[0], SKILLS).stages) >= 1
    provenance = backend.card["provenance"]
    assert provenance == json.loads(json.dumps(told))
    assert provenance["planner"]["step"] == 2
    assert provenance["versions"]["torch"] == torch.__version__
    assert len(provenance["sources_sha256"]) == 64
    assert provenance["eye"]["epoch"] == 1
    assert set(provenance["hand_written"]) == {"dev", "test", "all"}
