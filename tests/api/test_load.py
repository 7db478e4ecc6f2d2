"""mw.load: shipped names, clear refusals; and what a bundle shows of itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import metaworld_rt as mw

TOY = Path(__file__).parent.parent / "data" / "toy_bundle"


def test_bundle_shows_what_is_in_its_json(bundle):
    said = json.loads((TOY / "bundle.json").read_text())
    assert bundle.joints == said["robot"]["joints"]
    assert bundle.skills == [expert["name"] for expert in said["experts"]]
    assert bundle.observation == [(term["name"], term["size"]) for term in said["observation"]]
    assert bundle.observation_size == sum(size for _, size in bundle.observation)
    assert bundle.safe_skill == said["safe_skill"]
    assert bundle.files.keys() == said["files"].keys()
    assert json.loads(bundle.provenance) == said["provenance"]
    np.testing.assert_array_equal(bundle.stiffness, said["robot"]["stiffness"])
    assert bundle.planner["horizon"] == said["planner"]["horizon"]
    assert "toy" in repr(bundle)


def test_bundle_is_read_only(bundle):
    with pytest.raises(AttributeError):
        bundle.name = "other"
    bundle.stiffness[:] = 0.0
    assert bundle.stiffness.min() > 0.0, "arrays are copies"


def test_unknown_bundle_names_the_shipped_ones():
    with pytest.raises(mw.UserError, match="no bundle at nowhere"):
        mw.load("nowhere")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "version", "no_json", "not_json", "missing_file", "joints"])
def test_damaged_bundles_are_refused_with_one_line(tmp_path, damage):
    path = tmp_path / "b"
    shutil.copytree(TOY, path)
    model = path / "experts" / "walk.onnx"
    text = (path / "bundle.json").read_text()
    if damage == "truncated":
        model.write_bytes(model.read_bytes()[:-10])
    elif damage == "flipped":
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 4
        model.write_bytes(data)
    elif damage == "version":
        (path / "bundle.json").write_text(text.replace("metaworld_rt.bundle/1", "metaworld_rt.bundle/9"))
    elif damage == "no_json":
        (path / "bundle.json").unlink()
    elif damage == "not_json":
        (path / "bundle.json").write_text(text[: len(text) // 2])
    elif damage == "missing_file":
        model.unlink()
    elif damage == "joints":
        said = json.loads(text)
        said["robot"]["joints"] = said["robot"]["joints"][:-1]
        (path / "bundle.json").write_text(json.dumps(said))
    with pytest.raises(mw.Error) as error:
        mw.load(path)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    expected = {"version": "metaworld_rt.bundle/9", "no_json": "bundle.json", "joints": "robot"}
    assert expected.get(damage, "") in message
    if damage in ("truncated", "flipped", "missing_file"):
        assert "walk.onnx" in message


def test_bundle_from_bytes_equals_the_folder(bundle, tmp_path):
    import zipfile

    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(TOY.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(TOY).as_posix())
    assert mw._core.load_memory(path.read_bytes(), "zip").digest == bundle.digest
    assert mw.load(path).digest == bundle.digest


def test_names_of_the_package():
    assert set(mw.__all__) <= set(dir(mw))
    for name in mw.__all__:
        assert getattr(mw, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mw.nonsense  # noqa: B018


def test_everything_public_has_a_docstring():
    for name in ("Bundle", "Controller", "RealtimeLoop", "Stage", "SkillCommand", "Goal", "load", "skill_command"):
        assert getattr(mw, name).__doc__, name
    for name in ("step", "post", "swap", "reset", "rearm", "request_stop", "statistics", "status"):
        assert getattr(mw.Controller, name).__doc__, name
