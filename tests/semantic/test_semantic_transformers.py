"""The transformers backend on a tiny LLaVA that the test builds and teaches six answers."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from semantic_attacks import ATTACKS, SIGNS, is_harmless, with_sign

from metaworld_rt.semantic import BackendError, PlanError, Skills, StateSummary, make_backend

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
tiny = pytest.importorskip("semantic_tiny_model")

SKILLS = Skills.of([("stand", "stands"), ("walk", "walks"), ("run", "runs")])
BLACK, WHITE = (np.full((40, 40, 3), value, np.uint8) for value in (0, 255))
NAMED = [
    ("walk on", None, "walk"),
    ("run!", None, "run"),
    ("fly", None, "none"),
    ("so?", WHITE, "run"),
    ("so?", BLACK, "stand"),
]
PLAN = {"stages": [{"weights": {"walk": 1}, "until": "elapsed", "threshold": 2}, {"weights": {"stand": 1}}]}


SERVED = [("both", None, PLAN), ("so?", WHITE, {"stages": [{"weights": {"run": 1}}]})]


def served_prompt(backend, text, image):
    """What a server makes of the openai backend's messages."""
    from metaworld_rt.semantic.prompt import system_prompt, user_prompt

    content = [{"type": "text", "text": user_prompt(text, None)}, *([] if image is None else [{"type": "image"}])]
    messages = [{"role": "system", "content": system_prompt(SKILLS)}, {"role": "user", "content": content}]
    return backend._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model that knows NAMED by heart, and writes PLAN when told "both"."""
    from metaworld_rt.semantic.prompt import system_prompt

    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("tiny")
    tiny.build(path, [system_prompt(SKILLS)] * 5 + [json.dumps(PLAN), "stand walk run none both so fly"] * 5)
    backend = make_backend(f"transformers:{path}", mode="score")
    lessons = [(backend.name_prompt(text, image, SKILLS), image, name) for text, image, name in NAMED]
    lessons.append((backend.plan_prompt("both", None, SKILLS, None), None, json.dumps(PLAN)))
    lessons += [(served_prompt(backend, text, image), image, json.dumps(answer)) for text, image, answer in SERVED]
    vague = [(backend.name_prompt("", None, SKILLS), None, name) for name in (*SKILLS.names, "none")]
    loss = tiny.teach(backend, lessons, vague, 150)
    assert loss < 0.1, f"the tiny model did not learn its lessons: {loss}"
    backend._model.save_pretrained(path)
    return path


def test_skills_are_scored(model):
    backend = make_backend(f"transformers:{model}", mode="score")
    for text, image, name in NAMED:
        plan = backend.plan(text, image, SKILLS)
        assert plan.refused == (name == "none"), plan
        assert plan.skills == [name if name != "none" else "stand"]
        assert plan.confidence > 0.3


def test_a_plan_is_written(model):
    plan = make_backend(f"transformers:{model}", mode="json", max_new_tokens=120).plan("both", None, SKILLS)
    assert plan.skills == ["walk", "stand"]
    assert (plan.stages[0].until.name, plan.stages[0].threshold) == ("elapsed", 2.0)


def test_a_model_that_cannot_write_is_scored(model):
    options = {"max_new_tokens": 4}
    assert make_backend(f"transformers:{model}", mode="auto", **options).plan("walk on", None, SKILLS).skills == [
        "walk"
    ]
    with pytest.raises(PlanError, match="JSON"):
        make_backend(f"transformers:{model}", mode="json", **options).plan("both", None, SKILLS, StateSummary())


@pytest.mark.parametrize("mode", ["score", "auto"])
def test_an_attack_gets_no_further_than_the_listed_skills(model, mode):
    backend = make_backend(f"transformers:{model}", mode=mode, max_new_tokens=12)
    for attack, sign in zip(ATTACKS[:6], SIGNS * 2, strict=True):
        plan = backend.plan(attack, with_sign(WHITE, sign), SKILLS, StateSummary(heading=1.0))
        assert is_harmless(plan, SKILLS.names)


def test_what_the_model_likes_anyway_counts_for_nothing(model):
    """With no instruction in it the prompt is the null prompt: every gain is zero, every skill as likely."""
    backend = make_backend(f"transformers:{model}", mode="score")
    plan = backend._scored("", None, SKILLS)
    assert np.allclose(sorted(plan.stages[0].weights.values()), 1 / 3, atol=1e-3)


@pytest.mark.parametrize("damage", ["empty", "no weights", "pickle", "not a model"])
def test_what_is_no_model_is_refused(tmp_path, damage, model):
    if damage != "empty":
        (tmp_path / "config.json").write_text((model / "config.json").read_text() if damage != "not a model" else "{}")
    if damage == "pickle":
        for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
            (tmp_path / name).write_bytes((model / name).read_bytes())
        torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BackendError) as caught:
        make_backend(f"transformers:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_the_seam_between_prompt_and_name(model):
    """A byte-pair tokenizer joins "skill: " and "walk" into other tokens than the two have alone."""
    backend = make_backend(f"transformers:{model}", mode="score")
    inputs, start = backend.continued("which skill: ", "walk", None)
    assert "walk" in backend._processor.decode(inputs["input_ids"][0, start:])
    assert "walk" not in backend._processor.decode(inputs["input_ids"][0, :start])


@pytest.fixture
def server(model, tmp_path):
    """The URL of `transformers serve` on the model, on this machine only."""
    for module in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(module)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", str(model)]
    (tmp_path / "hub").mkdir()
    settings = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", start, *arguments], env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            end = time.monotonic() + 180
            while True:
                assert child.poll() is None, (tmp_path / "log").read_text()[-2000:]
                assert time.monotonic() < end, (tmp_path / "log").read_text()[-2000:]
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                        break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.kill()
            child.wait()


def test_a_real_server(server, model, monkeypatch):
    """The openai backend, text and image, against a server that people run."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    backend = make_backend(f"openai:{server}", model=str(model), max_tokens=80, timeout_s=120.0)
    for text, image, answer in SERVED:
        plan = backend.plan(text, image, SKILLS)
        assert plan.skills == [next(iter(stage["weights"])) for stage in answer["stages"]]
