"""Self-test vectors: recorded inputs and outputs of every network, replayed whenever a bundle is loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from metaworld_rt.export.network import Mlp
from metaworld_rt.export.schema import BundleError

MAGIC, VERSION = b"MWST", 1
#: Greatest allowed |difference| / (1 + |expected|).
TOLERANCE = 1e-4
_CASES_PER_NETWORK = 2


@dataclass(frozen=True)
class Case:
    """Inputs (concatenated in graph order) and expected outputs of the network in file `key`."""

    key: str
    inputs: np.ndarray
    outputs: np.ndarray


def make_cases(networks: Mapping[str, Mlp], calibration: np.ndarray | None, seed: int) -> list[Case]:
    """Draw inputs that look like each network's own, and evaluate `Mlp.forward`."""
    rng = np.random.default_rng(seed)
    cases = []
    for key in sorted(networks):
        network = networks[key]
        for _ in range(_CASES_PER_NETWORK):
            row = None if calibration is None else calibration[rng.integers(len(calibration))]
            inputs = np.concatenate([_draw(rng, name, size, row) for name, size in network.inputs])
            inputs = inputs.astype(np.float32)
            cases.append(Case(key, inputs, network.forward(inputs)))
    return cases


def encode(cases: Iterable[Case]) -> bytes:
    """The bytes of selftest.bin."""
    cases = list(cases)
    out = [MAGIC, struct.pack("<II", VERSION, len(cases))]
    for case in cases:
        key = case.key.encode()
        out += [struct.pack("<I", len(key)), key, struct.pack("<II", case.inputs.size, case.outputs.size)]
        out += [case.inputs.astype("<f4").tobytes(), case.outputs.astype("<f4").tobytes()]
    return b"".join(out)


def decode(data: bytes) -> list[Case]:
    """Read selftest.bin; raises BundleError if it is damaged."""
    try:
        if data[:4] != MAGIC or struct.unpack_from("<I", data, 4)[0] != VERSION:
            raise BundleError("selftest.bin: wrong magic or version")
        count, at, cases = struct.unpack_from("<I", data, 8)[0], 12, []
        for _ in range(count):
            length = struct.unpack_from("<I", data, at)[0]
            key = data[at + 4 : at + 4 + length].decode()
            at += 4 + length
            sizes = struct.unpack_from("<II", data, at)
            at += 8
            values = []
            for size in sizes:
                values.append(np.frombuffer(data, "<f4", size, at))
                at += 4 * size
            cases.append(Case(key, *values))
    except (struct.error, ValueError) as error:
        raise BundleError(f"selftest.bin is damaged: {error}") from error
    if at != len(data):
        raise BundleError("selftest.bin is damaged: bytes left over")
    return cases


def replay(case: Case, model: bytes) -> float:
    """Run one case through ONNX Runtime; returns the greatest |difference| / (1 + |expected|)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed, at = {}, 0
    for value in session.get_inputs():
        size = value.shape[-1]
        feed[value.name] = case.inputs[None, at : at + size]
        at += size
    if at != case.inputs.size:
        raise BundleError(f"{case.key}: takes {at} inputs, its self-test has {case.inputs.size}")
    got = session.run(None, feed)[0][0]
    if got.shape != case.outputs.shape:
        raise BundleError(f"{case.key}: gives {got.size} outputs, its self-test has {case.outputs.size}")
    return float(np.max(np.abs(got - case.outputs) / (1 + np.abs(case.outputs))))


def _draw(rng: np.random.Generator, name: str, size: int, row: np.ndarray | None) -> np.ndarray:
    if name == "phi":
        return rng.standard_normal(size) if row is None else row[:size]
    if name == "a":
        return rng.uniform(-1, 1, size)
    if name == "c":
        return rng.dirichlet(np.ones(size)) if size else np.zeros(0)
    group = 8 if size % 8 == 0 else size  # z: as SimNorm makes it
    return rng.dirichlet(np.ones(group), size // group).ravel()
