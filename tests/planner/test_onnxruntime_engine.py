"""ONNX Runtime loaded by the C++ core: the same networks and the same plan as the native engine."""

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from metaworld_rt import _core
from metaworld_rt.export.bundle import read_bundle
from metaworld_rt.export.toy import write_toy_bundle

LIBRARY = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="this onnxruntime package has no shared library")


@dataclasses.dataclass
class Toy:
    bundle: _core.Bundle
    description: dict
    files: dict[str, bytes]

    @property
    def plan_onnx(self) -> bytes:
        return self.files[self.description["world_model"]["plan"]]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    path = write_toy_bundle(tmp_path_factory.mktemp("toy") / "bundle", seed=3)
    description, files = read_bundle(path)
    return Toy(_core.load(path), description, files)


def request(toy, seed=0):
    rng = np.random.default_rng(seed)
    skills, joints = len(toy.description["experts"]), len(toy.description["robot"]["joints"])
    size = sum(f["size"] for f in toy.description["features"])
    return {
        "phi": rng.standard_normal(size).astype(np.float32),
        "condition": rng.dirichlet(np.ones(skills)).astype(np.float32),
        "mixture": rng.dirichlet(np.ones(skills)).astype(np.float32),
        "reference": rng.uniform(-0.5, 0.5, joints).astype(np.float32),
    }


def test_version_is_that_of_the_package():
    assert _core.onnxruntime_version(str(LIBRARY)) == (onnxruntime.__version__, "")


def test_a_missing_library_says_what_to_do(toy):
    version, why = _core.onnxruntime_version("/nowhere/libonnxruntime.so")
    assert version == ""
    assert "MWRT_ONNXRUNTIME" in why
    with pytest.raises(_core.Error, match="cannot be loaded"):
        _core.OrtPlanner(toy.bundle, toy.plan_onnx, library="/nowhere/libonnxruntime.so")


def test_every_network_agrees_with_the_native_engine(toy):
    rng = np.random.default_rng(1)
    names = [name for name in toy.files if name.endswith(".onnx") and "plan" not in name]
    assert len(names) > 8
    for name in names:
        session = _core.OrtSession(toy.files[name], library=str(LIBRARY))
        inputs = [rng.standard_normal(shape).astype(np.float32) for _, shape in session.inputs]
        (got,) = session.run(inputs)
        reference = onnxruntime.InferenceSession(toy.files[name], providers=["CPUExecutionProvider"])
        feed = {i.name: x for i, x in zip(reference.get_inputs(), inputs, strict=True)}
        np.testing.assert_array_equal(got, reference.run(None, feed)[0])
        native = _core.Network.from_bytes(toy.files[name], name).run(np.concatenate([x.ravel() for x in inputs]))
        np.testing.assert_allclose(got.ravel(), np.ravel(native), atol=1e-5, rtol=1e-5)


def test_bad_models_and_providers_are_refused(toy):
    with pytest.raises(_core.Error, match="ONNX Runtime"):
        _core.OrtSession(b"not a model", library=str(LIBRARY))
    with pytest.raises(_core.Error, match="ONNX Runtime"):
        _core.OrtSession(toy.plan_onnx, library=str(LIBRARY), provider="NoSuchProvider")
    session = _core.OrtSession(toy.files["gate.onnx"], library=str(LIBRARY))
    with pytest.raises(ValueError, match="takes 2 inputs"):
        session.run([])
    with pytest.raises(ValueError, match="values, got 3"):
        session.run([np.zeros(3, np.float32), np.zeros(3, np.float32)])


def test_its_plan_is_the_native_one(toy):
    native = _core.MppiPlanner(toy.bundle, seed=7)
    other = _core.OrtPlanner(toy.bundle, toy.plan_onnx, library=str(LIBRARY), seed=7)
    step = round(1e9 / toy.description["rates"]["decision_hz"])
    for decision in range(6):
        # Every other plan is warm, one of them between two model steps.
        t_ns = 10**12 + [0, 1, 20, 20.25, 40, 41][decision] * step
        r = request(toy, decision)
        a = native.plan(**r, t_ns=int(t_ns), decision=decision)
        b = other.plan(**r, t_ns=int(t_ns), decision=decision)
        assert a["finite"]
        assert b["finite"]
        np.testing.assert_allclose(b["action"], a["action"], atol=2e-4)
        np.testing.assert_allclose(b["std"], a["std"], atol=2e-4)
        assert b["value"] == pytest.approx(a["value"], rel=1e-4, abs=1e-4)


def test_numbers_that_are_not_finite_and_foreign_files_are_refused(toy):
    planner = _core.OrtPlanner(toy.bundle, toy.plan_onnx, library=str(LIBRARY))
    r = request(toy)
    r["phi"][3] = np.nan
    assert not planner.plan(**r)["finite"]
    assert "not finite" in planner.last_error
    with pytest.raises(_core.Error, match="not the bytes that bundle toy names"):
        _core.OrtPlanner(toy.bundle, toy.plan_onnx + b"\0", library=str(LIBRARY))
