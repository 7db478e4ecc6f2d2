"""Bundles: written whole or not at all, refused when damaged, replayed by ONNX Runtime."""

import json
import zipfile

import numpy as np
import onnx
import pytest

from metaworld_rt.export import BundleError, bundle, read_bundle, verify_bundle, write_bundle, write_toy_bundle
from metaworld_rt.export.network import random_mlp
from metaworld_rt.export.schema import check_description, network_keys
from metaworld_rt.plants.robot import H1


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_bundle(tmp_path_factory.mktemp("bundle") / "toy", seed=3)


def copy_of(toy, tmp_path):
    target = tmp_path / "copy"
    description, files = read_bundle(toy)
    for key, data in {**files, "bundle.json": json.dumps(description).encode()}.items():
        (target / key).parent.mkdir(parents=True, exist_ok=True)
        (target / key).write_bytes(data)
    return target


def test_toy_bundle_passes_its_own_self_test(toy):
    description = verify_bundle(toy)
    assert [e["name"] for e in description["experts"]] == ["stand", "walk", "run"]
    assert description["robot"]["joints"] == list(H1.joints)
    assert set(network_keys(description)) <= set(description["files"])


def test_zip_and_folder_hold_the_same(toy, tmp_path):
    path = write_toy_bundle(tmp_path / "toy.zip", seed=3)
    assert read_bundle(path) == read_bundle(toy)
    with zipfile.ZipFile(path) as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def test_same_seed_same_bytes_other_seed_other_weights(toy, tmp_path):
    assert read_bundle(write_toy_bundle(tmp_path / "same", seed=3)) == read_bundle(toy)
    other = read_bundle(write_toy_bundle(tmp_path / "other", seed=4))[1]
    assert other["experts/walk.onnx"] != read_bundle(toy)[1]["experts/walk.onnx"]


def test_committed_toy_bundle_is_what_the_code_writes(request, tmp_path):
    committed = request.config.rootpath / "tests" / "data" / "toy_bundle"
    verify_bundle(committed)
    wanted, _ = read_bundle(write_toy_bundle(tmp_path / "toy"))
    have, _ = read_bundle(committed)
    assert {**have, "files": 0} == {**wanted, "files": 0}
    assert sum(f.stat().st_size for f in committed.rglob("*") if f.is_file()) < 300_000


def test_experts_carry_the_fields_metadata(toy):
    model = onnx.load_from_string(read_bundle(toy)[1]["experts/walk.onnx"])
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["joint_names"].split(",") == list(H1.joints)
    assert np.allclose([float(v) for v in metadata["joint_stiffness"].split(",")], H1.stiffness)
    assert np.allclose([float(v) for v in metadata["action_scale"].split(",")], H1.action_scale)
    assert "joint_vel" in metadata["observation_names"].split(",")
    assert metadata["command_names"] == "heading,phase,speed"
    assert {"joint_damping", "default_joint_pos"} <= set(metadata)


@pytest.mark.parametrize("key", ["experts/walk.onnx", "selftest.bin", "wm/q1.onnx"])
def test_a_flipped_bit_is_refused(toy, tmp_path, key):
    path = copy_of(toy, tmp_path)
    data = bytearray((path / key).read_bytes())
    data[len(data) // 2] ^= 1
    (path / key).write_bytes(data)
    with pytest.raises(BundleError, match=f"{key} does not match its checksum"):
        verify_bundle(path)


def test_other_weights_with_a_right_checksum_fail_the_self_test(toy, tmp_path):
    path = copy_of(toy, tmp_path)
    description, files = read_bundle(path)
    model = onnx.load_from_string(files["gate.onnx"])
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].raw_data = (weights + 0.01).tobytes()
    entry = bundle.hashlib.sha256(model.SerializeToString())
    (path / "gate.onnx").write_bytes(model.SerializeToString())
    description["files"]["gate.onnx"] = {
        "bytes": len(model.SerializeToString()),
        "sha256": entry.hexdigest(),
    }
    (path / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match=r"gate\.onnx fails its self-test"):
        verify_bundle(path)


def test_a_missing_file_a_wrong_version_and_no_bundle_are_refused(toy, tmp_path):
    path = copy_of(toy, tmp_path)
    (path / "wm/reward.onnx").unlink()
    with pytest.raises(BundleError, match="not a complete bundle"):
        verify_bundle(path)
    with pytest.raises(BundleError, match="not a complete bundle"):
        verify_bundle(tmp_path / "nowhere")
    description, _ = read_bundle(toy)
    with pytest.raises(BundleError, match="this version reads"):
        check_description({**description, "schema": "metaworld_rt.bundle/9"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"safe_skill": "fly"}, "safe_skill"),
        ({"action": {"scale": [1.0], "between_decisions": "hold"}}, r"action\.scale must be 19"),
        ({"features": [{"name": "smell", "size": 1, "scale": 1.0}]}, "unknown 'smell'"),
        ({"features": [{"name": "joint_pos", "size": 3, "scale": 1.0}]}, "joint_pos has size 19"),
        ({"rates": {"tick_hz": 10, "decision_hz": 50}}, "tick_hz"),
        ({"experts": []}, "experts"),
        ({"robot": None}, "missing or of the wrong type"),
    ],
)
def test_inconsistent_descriptions_are_refused(toy, change, message):
    description, _ = read_bundle(toy)
    with pytest.raises(BundleError, match=message):
        check_description({**description, **change})


def test_nothing_is_left_when_writing_fails(tmp_path, toy):
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(BundleError, match="cannot write the bundle"):
        write_toy_bundle(blocker / "toy")
    with pytest.raises(BundleError, match="exists"):
        write_toy_bundle(toy)
    with pytest.raises(BundleError, match="do not name the same files: experts"):
        write_bundle(tmp_path / "empty", {k: v for k, v in read_bundle(toy)[0].items() if k != "files"}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_a_failed_replacement_keeps_the_old_bundle(tmp_path, monkeypatch):
    path = write_toy_bundle(tmp_path / "toy", seed=1)
    before = read_bundle(path)
    real = bundle.Path.rename

    def fail(self, target):
        if self.name == "content":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(bundle.Path, "rename", fail)
    with pytest.raises(BundleError, match="No space left"):
        write_toy_bundle(path, seed=2, overwrite=True)
    monkeypatch.undo()
    assert read_bundle(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


def test_a_revised_bundle_is_the_other_but_for_what_changed(toy, tmp_path):
    network = random_mlp(np.random.default_rng(0), "handover", (("phi", 73),), (8,), 3, output="logits")
    section = {"file": "handover.onnx", "ready": 0.9, "wait_ms": 500}
    path = tmp_path / "revised"
    with pytest.raises(BundleError, match=r"names handover\.onnx, which is neither in"):
        bundle.revise_bundle(toy, path, {"handover": section}, {})
    bundle.revise_bundle(toy, path, {"handover": section, "gate": None, "version": "0.2.0"}, {"handover.onnx": network})
    before, old = read_bundle(toy)
    after, new = read_bundle(path)
    verify_bundle(path)  # each network with its self-test
    assert "gate" not in after
    assert after["handover"] == section
    changed = {"gate", "handover", "version", "files"}
    assert {k: v for k, v in after.items() if k not in changed} == {k: v for k, v in before.items() if k not in changed}
    assert set(old) - set(new) == {"gate.onnx"}
    assert set(new) - set(old) == {"handover.onnx"}
    assert all(new[key] == data for key, data in old.items() if key not in ("gate.onnx", "selftest.bin"))
    with pytest.raises(BundleError, match="exists"):
        bundle.revise_bundle(toy, path, {}, {})
