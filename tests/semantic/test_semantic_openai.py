"""The OpenAI-compatible backend against a server that does as it is told, most of it bad."""

import base64
import io
import json
import math
import time

import numpy as np
import pytest
from semantic_attacks import ATTACKS, SIGNS, WILD_ANSWERS, is_harmless, with_sign
from semantic_bad_server import Server, answer, close, drip, flood, hang, plan

from metaworld_rt.semantic import BackendError, PlanError, StateSummary, make_backend

SKILLS = [("stand", "stands still"), ("walk", "walks"), ("run", "runs")]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    for name in ("METAWORLD_RT_OPENAI_KEY", "OPENAI_API_KEY", "METAWORLD_RT_OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


def ask(script, image=None, state=None, text="walk", **options):
    with Server(script) as server:
        result = make_backend(f"openai:{server.url}", **{"timeout_s": 5.0, **options}).plan(text, image, SKILLS, state)
    return result, server.requests


def test_what_is_sent_and_what_comes_back():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 255
    words = "Sure! ```json\n" + plan(turn_deg=90, speed=1.2, until="distance", threshold=3) + "\n```"
    result, ((path, headers, body),) = ask(lambda _: (200, answer(words)), image, StateSummary(heading=1.0), 'say "hi"')
    (stage,) = result.stages
    assert (stage.weights, stage.until.name, stage.threshold, stage.goal.speed) == ({"walk": 1.0}, "distance", 3.0, 1.2)
    assert math.isclose(stage.goal.heading, 1.0 + math.pi / 2)
    assert result.text == words.replace("\n", " ")
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert body["model"] == "tiny"
    schema = body["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]["stages"]["items"]["properties"]["weights"]["properties"]) == [
        "stand",
        "walk",
        "run",
    ]
    text, picture = body["messages"][1]["content"]
    assert '"say \\"hi\\""' in text["text"]
    pil = pytest.importorskip("PIL.Image")
    data = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert np.array_equal(np.asarray(pil.open(io.BytesIO(data))), image)


def test_a_server_without_json_schema_is_asked_with_less():
    result, requests = ask(lambda body: (400, b"no") if "response_format" in body else (200, answer(plan())))
    assert result.skills == ["walk"]
    assert [body.get("response_format", {}).get("type") for _, _, body in requests] == [
        "json_schema",
        "json_object",
        None,
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (400, "tiny is not a multimodal model"),
    ],
)
def test_a_server_whose_model_takes_no_image_is_asked_by_text_alone(status, message, capsys):
    def script(body):
        seen = any(part["type"] == "image_url" for part in body["messages"][1]["content"])
        return (status, json.dumps({"error": {"message": message}}).encode()) if seen else (200, answer(plan()))

    image = np.zeros((8, 8, 3), np.uint8)
    with Server(script) as server:
        backend = make_backend(f"openai:{server.url}")
        assert backend.plan("walk", image, SKILLS).skills == ["walk"]
        assert backend.plan("walk", image, SKILLS).skills == ["walk"]
    formats = [body["response_format"]["type"] for _, _, body in server.requests]
    assert formats == ["json_schema"] * 3, "the schema stays, and the image is not sent a second time"
    assert capsys.readouterr().err.count("takes no image") == 1


@pytest.mark.parametrize("wild", WILD_ANSWERS, ids=range(len(WILD_ANSWERS)))
def test_a_server_whose_model_obeys_an_attack(wild):
    """Whatever it was told, and whatever it then answers: a plan over the listed skills within the limits, or none."""
    pytest.importorskip("PIL.ImageDraw")
    for attack, sign in zip(ATTACKS, SIGNS * len(ATTACKS), strict=False):
        image = with_sign(np.full((96, 96, 3), 255, np.uint8), sign)
        try:
            result, ((_, _, body),) = ask(lambda _: (200, answer(json.dumps(wild))), image, text=attack)
        except PlanError:
            continue
        assert is_harmless(result, [name for name, _ in SKILLS])
        assert attack[:40] not in body["messages"][0]["content"], "the rules are the system's alone"


def test_refused_by_the_model():
    result, _ = ask(lambda _: (200, answer('{"refused": true, "stages": [], "message": "unsafe"}')))
    assert result.refused
    assert result.skills == ["stand"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (lambda _: (500, b"oops"), "500"),
        (lambda _: (401, b"who"), "401"),
        (lambda _: (302, b""), "302"),
        (lambda _: (200, b"<html>"), "JSON"),
        (lambda _: (200, b"[" * 100000), "JSON"),
        (lambda _: (200, b"[]"), "choices"),
        (lambda _: (200, b'{"choices": [{"message": {"content": null}}]}'), "no text"),
        (lambda _: flood, "KB"),
        (lambda _: close, "does not answer"),
    ],
)
def test_broken_servers_give_one_clear_error(script, error):
    with pytest.raises(BackendError, match=error):
        ask(script)


@pytest.mark.parametrize("script", [hang, drip])
def test_slow_servers_are_cut_off(script):
    start = time.monotonic()
    with pytest.raises(BackendError, match=r"does not answer|longer than"):
        ask(lambda _: script, timeout_s=0.5)
    assert time.monotonic() - start < 3.0


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("I would walk.", "garbage"),
        ("{" * 50000, "garbage"),
        (plan(weights={"admin": 1.0}), "unknown_skill"),
        (plan(weights={"walk": -1.0}), "negative"),
        ('{"stages": [{"weights": {"walk": NaN}}]}', "non_finite"),
        ('{"stages": []}', "too_few"),
        (json.dumps({"stages": [{"weights": {"walk": 1}}] * 9}), "too_many"),
        (plan(until="exec"), "garbage"),
        (plan(speed="fast"), "garbage"),
    ],
)
def test_answers_that_are_no_plan(content, kind):
    with pytest.raises(PlanError) as caught:
        ask(lambda _: (200, answer(content)))
    assert caught.value.kind == kind


def test_no_server():
    with pytest.raises(BackendError, match="does not answer"):
        make_backend("openai:http://127.0.0.1:9/v1", model="m").plan("walk", None, SKILLS)


@pytest.mark.parametrize("url", ["ftp://x/v1", "http://", "http://user:secret@host/v1"])
def test_bad_urls(url):
    with pytest.raises(BackendError, match="not the URL") as caught:
        make_backend(f"openai:{url}")
    assert "secret" not in str(caught.value)


def test_the_key_goes_to_the_server_and_nowhere_else(monkeypatch, caplog):
    monkeypatch.setenv("METAWORLD_RT_OPENAI_KEY", "sk-very-secret")
    with Server(lambda _: (403, b"bad key")) as server:
        backend = make_backend(f"openai:{server.url}#m")
        with pytest.raises(BackendError) as caught:
            backend.plan("walk", None, SKILLS)
    assert server.requests[0][1]["Authorization"] == "Bearer sk-very-secret"
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__} {vars(backend)} {caplog.text}"
    with pytest.raises(BackendError, match="plain http"):
        make_backend("openai:http://example.com/v1")
    assert make_backend("openai:https://example.com/v1")


def test_a_key_with_a_line_break_is_no_header(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a\r\nX-Evil: 1")
    with (
        Server(lambda _: (200, answer(plan()))) as server,
        pytest.raises(BackendError, match="does not answer") as caught,
    ):
        make_backend(f"openai:{server.url}#m").plan("walk", None, SKILLS)
    assert "Evil" not in str(caught.value)
