"""Recording from Python, the file as others read it, and the replay command."""

import json
import shutil

import numpy as np
import pytest
from mcap.reader import make_reader

import metaworld_rt as mw
from metaworld_rt import _core, cli, record
from metaworld_rt.errors import UserError

TOY = "tests/data/toy_bundle"
MS = 1_000_000


def observation(bundle, i):
    out = np.zeros(bundle.observation_size)
    out[2], out[3] = 0.98, 1.0
    joints = len(bundle.joints)
    out[7 : 7 + joints] = bundle.default_pos + 0.05 * np.sin(0.01 * i + np.arange(joints))
    return out


@pytest.fixture(scope="module")
def bundle():
    return mw.load(TOY)


@pytest.fixture(scope="module")
def flight(bundle, tmp_path_factory):
    """1200 ticks with two commands, one bad observation and a stop."""
    path = tmp_path_factory.mktemp("flight") / "flight.mcap"
    controller = mw.Controller(bundle)
    recorder = _core.FlightRecorder(controller, file=str(path), seed=7, note='say "walk"')
    for i in range(1200):
        if i in (10, 600):
            controller.post({"walk": 1.0} if i == 10 else {"stand": 1.0}, t_ns=i * MS)
        if i == 1000:
            controller.request_stop()
        values = observation(bundle, i)
        if i == 300:
            values[0] = np.nan
        controller.step(1000 * MS + i * MS, values)
    recorder.stop()
    report = recorder.report()
    assert report["dropped"] == 0
    assert report["error"] == ""
    assert report["file_bytes"] == path.stat().st_size
    return path


def test_the_public_reader_validates_it(flight, bundle):
    with flight.open("rb") as stream:
        opened = make_reader(stream, validate_crcs=True)
        summary = opened.get_summary()
        topics = {channel.topic for channel in summary.channels.values()}
        assert {"/mwrt/tick", "/mwrt/keyframe", "/mwrt/command", "/joints", "/status", "/ladder", "/tf"} <= topics
        counts = {summary.channels[i].topic: n for i, n in summary.statistics.channel_message_counts.items()}
        assert counts["/mwrt/tick"] == 1200
        assert counts["/mwrt/command"] == 2
        assert counts["/joints"] == counts["/status"]
        assert counts["/joints"] >= 50
        messages = list(opened.iter_messages(topics=["/joints", "/status", "/ladder", "/tf"]))
        metadata = {m.name: m.metadata for m in opened.iter_metadata()}
    assert metadata["metaworld_rt.flight"]["note"] == 'say "walk"'
    by_topic = {}
    for schema, channel, message in messages:
        assert schema.encoding == "jsonschema"
        assert channel.message_encoding == "json"
        json.loads(schema.data)
        by_topic.setdefault(channel.topic, []).append(json.loads(message.data))
    assert set(by_topic["/joints"][0]) == set(bundle.joints)
    assert set(by_topic["/status"][0]["mixture"]) == set(bundle.skills)
    assert by_topic["/status"][-1]["mode"] == "stopped"
    rungs = [entry["name"] for entry in by_topic["/ladder"]]
    assert "observation_invalid" in rungs
    assert "controlled_stop" in rungs
    assert by_topic["/tf"][0]["translation"]["z"] == 0.98


# What the documentation of Foxglove's schemas requires of the two of them that are used here.
FOXGLOVE = {
    "foxglove.Log": {"timestamp", "level", "message", "name", "file", "line"},
    "foxglove.FrameTransform": {"timestamp", "parent_frame_id", "child_frame_id", "translation", "rotation"},
}
KINDS = {"object": dict, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def fits(value, schema, root):
    """Whether a value is what its JSON schema says: types, and nothing that the schema does not name."""
    if "$ref" in schema:
        place = root
        for step in schema["$ref"].removeprefix("#/").split("/"):  # Foxglove follows references within the schema only
            place = place[step]
        return fits(value, place, root)
    if not isinstance(value, KINDS[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return False
    if schema["type"] != "object":
        return True
    known, other = schema.get("properties", {}), schema.get("additionalProperties")
    return all(
        fits(part, known[name], root) if name in known else other is not None and fits(part, other, root)
        for name, part in value.items()
    )


def test_what_foxglove_shows_is_in_its_documented_form(flight):
    """JSON Schema of an object, messages that fit it, and Foxglove's own schemas whole; the app itself is not here."""
    seen = {}
    with flight.open("rb") as stream:
        for schema, channel, message in make_reader(stream).iter_messages():
            if channel.message_encoding != "json":
                assert channel.topic.startswith("/mwrt/")
                continue
            declared, value = json.loads(schema.data), json.loads(message.data)
            assert declared["type"] == "object"
            assert fits(value, declared, declared), (channel.topic, value)
            assert FOXGLOVE.get(schema.name, set()) <= set(value)
            if "timestamp" in value:
                assert 0 <= value["timestamp"]["nsec"] < 10**9
                stamp = value["timestamp"]["sec"] * 10**9 + value["timestamp"]["nsec"]
                assert stamp == message.log_time
            seen[schema.name] = value
    assert set(FOXGLOVE) < set(seen)
    assert seen["foxglove.Log"]["level"] in range(6)
    turn = seen["foxglove.FrameTransform"]["rotation"]
    assert sum(part**2 for part in turn.values()) == pytest.approx(1.0)
    assert not fits(
        {"timestamp": 1.0}, json.loads('{"type": "object", "properties": {"timestamp": {"type": "object"}}}'), {}
    )


def test_every_message_has_the_declared_binary_layout(flight, bundle):
    with flight.open("rb") as stream:
        _, _, message = next(iter(make_reader(stream).iter_messages(topics=["/mwrt/tick"])))
    n, joints, skills = bundle.observation_size, len(bundle.joints), len(bundle.skills)
    assert len(message.data) == 112 + 8 * n + 8 * joints + 4 * joints + 4 * skills
    assert np.frombuffer(message.data, "<i8", 1)[0] == 1000 * MS
    np.testing.assert_array_equal(np.frombuffer(message.data, "<f8", n, 112), observation(bundle, 0))


def test_columns(flight, bundle):
    opened = record.Flight.open(flight)
    ticks = opened.ticks()
    assert ticks["q"].shape == (1200, len(bundle.joints))
    assert ticks["observation"].shape == (1200, bundle.observation_size)
    assert np.isnan(ticks["observation"][300, 0])
    assert (ticks["mode"][1000:] == 2).all()
    stop = _core.RUNGS.index("controlled_stop")
    assert np.flatnonzero(ticks["rungs"] >> stop & 1).tolist() == [1000]
    assert opened.term("base_quat") == slice(3, 7)
    assert opened.term("door") is None
    coarse = opened.ticks(every=50)
    assert len(coarse["t_ns"]) == 24
    invalid = _core.RUNGS.index("observation_invalid")
    assert (coarse["rungs"] >> invalid & 1).any()  # an event between two rows is not lost


def test_replay_is_bit_identical(flight, bundle):
    found = record.replay(flight, [TOY])
    assert found["bit_identical"]
    assert found["ticks"] == found["identical"] == 1200
    assert found["complete"]


def test_command_line(flight, tmp_path, capsys):
    out, plots = tmp_path / "r.json", tmp_path / "r.html"
    arguments = ["replay", str(flight), "--bundle", TOY, "--json", str(out), "--plots", str(plots)]
    assert cli.main(arguments) == 0
    assert "bit-identical: 1200 of 1200" in capsys.readouterr().out
    document = json.loads(out.read_text())
    assert next(iter(document)) == "schema"
    assert document["bit_identical"] is True
    page = plots.read_text()
    assert "left knee" in page
    assert "controlled stop" in page


def test_the_wrong_bundle_is_refused_by_name(flight, tmp_path):
    changed = tmp_path / "other"
    shutil.copytree(TOY, changed)
    text = json.loads((changed / "bundle.json").read_text())
    text["version"] = "9"
    text.pop("sha256", None)
    (changed / "bundle.json").write_text(json.dumps(text))
    with pytest.raises(UserError, match="recorded with bundle toy"):
        record.replay(flight, [changed])


def test_command_line_refuses_what_is_no_flight(tmp_path, capsys):
    (tmp_path / "no.mcap").write_bytes(b"nonsense")
    assert cli.main(["replay", str(tmp_path / "no.mcap")]) == 1
    assert "is not an MCAP file" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path / "none.mcap")]) == 1
    assert "there is no flight record" in capsys.readouterr().err


def test_a_cut_file_replays_as_far_as_it_goes(flight, tmp_path, capsys):
    cut = tmp_path / "cut.mcap"
    whole = flight.read_bytes()
    cut.write_bytes(whole[: int(0.9 * len(whole))])
    assert cli.main(["replay", str(cut), "--bundle", TOY]) == 0
    printed = capsys.readouterr().out
    assert "no end mark" in printed
    assert "bit-identical" in printed


def test_a_fault_dumps_five_seconds(bundle, tmp_path):
    controller = mw.Controller(bundle)
    recorder = _core.FlightRecorder(controller, dump_folder=str(tmp_path), after_seconds=0.1)
    for i in range(6500):
        if i == 6200:
            controller.request_stop()
        controller.step((i + 1) * MS, observation(bundle, i))
    recorder.stop()
    (dump,) = recorder.report()["dumps"]
    ticks = record.Flight.open(dump).ticks()
    stop = int(np.flatnonzero(ticks["mode"] == 2)[0])
    assert stop >= 5000
    assert record.replay(dump, [TOY])["bit_identical"]


def test_what_cannot_be_recorded_is_refused(bundle, tmp_path):
    controller = mw.Controller(bundle)
    with pytest.raises(mw.Error, match="give a file"):
        _core.FlightRecorder(controller)
    with pytest.raises(mw.Error, match="cannot open"):
        _core.FlightRecorder(controller, file=str(tmp_path / "no" / "f.mcap"))
    with pytest.raises(UserError, match="no flight record"):
        record.Flight.open(tmp_path / "none.mcap")


def test_an_encoder_that_sticks_is_named_in_the_log(bundle, tmp_path):
    path = tmp_path / "f.mcap"
    controller = mw.Controller(bundle)
    recorder = _core.FlightRecorder(controller, file=str(path))
    knee = bundle.joints.index("left_knee")
    for i in range(300):
        values = observation(bundle, i)
        values[7 + knee] = 0.8
        values[32 + knee] = 1.0  # it says that it turns
        controller.step((i + 1) * MS, values)
    assert controller.status.frozen_joint == knee
    recorder.stop()
    with path.open("rb") as stream:
        logs = [json.loads(m.data) for _, _, m in make_reader(stream).iter_messages(topics=["/ladder"])]
    (said,) = [entry["message"] for entry in logs if entry["name"] == "joint_frozen"]
    assert said.startswith("joint_frozen (left_knee) at tick")
