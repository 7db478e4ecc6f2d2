"""Writes and checks bundles (docs/bundle.md): a folder or a stored zip with everything a host needs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from metaworld_rt.export import selftest
from metaworld_rt.export.network import Mlp
from metaworld_rt.export.schema import BundleError, check_description, feature_size, network_keys

__all__ = ["BundleError", "read_bundle", "revise_bundle", "verify_bundle", "write_bundle"]

#: In place of the digest while it is computed.
_NO_SEAL = "0" * 64


def write_bundle(
    path: str | os.PathLike,
    description: Mapping,
    networks: Mapping[str, Mlp],
    *,
    extra: Mapping[str, bytes] | None = None,
    calibration: np.ndarray | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write a bundle in one step: it appears whole under `path`, or not at all.

    Args:
        path: a folder, or a file that ends in `.zip`.
        description: the content of bundle.json without `files`; must reference exactly the keys of `networks`
            (and `extra`, for `world_model.plan`).
        networks: file key (`experts/walk.onnx`) to network.
        extra: further files by key, carried as they are (plan.onnx, a README).
        calibration: `[k, phi + c]` recorded states; also the source of realistic self-test inputs.
        seed: of the self-test inputs.
        overwrite: replace what is there.

    Returns:
        The path written.

    Raises:
        BundleError: the description is inconsistent, or the path cannot be written.
        ImportError: the package onnx is missing.
    """
    from metaworld_rt.export.graph import mlp_to_onnx

    path = Path(path)
    description = json.loads(json.dumps(description))
    check_description(description)
    missing = sorted(set(network_keys(description)) ^ set(networks))
    if missing:
        raise BundleError(f"bundle.json and the networks given do not name the same files: {', '.join(missing)}")

    files = {key: mlp_to_onnx(network) for key, network in networks.items()}
    files.update(extra or {})
    files[description["selftest"]] = selftest.encode(selftest.make_cases(networks, calibration, seed))
    if calibration is not None:
        description.setdefault("calibration", "calibration.bin")
        files[description["calibration"]] = np.ascontiguousarray(calibration, "<f4").tobytes()
    _write_sealed(path, description, files, overwrite)
    return path


def revise_bundle(
    base: str | os.PathLike,
    path: str | os.PathLike,
    changes: Mapping,
    networks: Mapping[str, Mlp],
    *,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write a bundle that is another one but for some parts; what it does not change is the same to the last bit.

    Args:
        base: the other one.
        path: a folder, or a file that ends in `.zip`.
        changes: keys of bundle.json with their new values; None removes one, and with it the file that it named.
        networks: file key to network, of new parts.
        seed: of the new parts' self-test inputs.
        overwrite: replace what is there.

    Returns:
        The path written.

    Raises:
        BundleError: the base cannot be read, what becomes of it is inconsistent, or the path cannot be written.
        ImportError: the package onnx is missing.
    """
    from metaworld_rt.export.graph import mlp_to_onnx

    path, (description, files) = Path(path), read_bundle(base)
    before = set(network_keys(description))
    description = {key: value for key, value in {**description, **changes}.items() if value is not None}
    check_description(description)
    named = set(network_keys(description))
    for key in before - named:
        del files[key]
    missing = sorted(named - before - set(networks))
    if missing:
        raise BundleError(f"bundle.json names {', '.join(missing)}, which is neither in {base} nor given")
    cases = [case for case in selftest.decode(files[description["selftest"]]) if case.key in named - set(networks)]
    calibration = None
    if description.get("calibration"):
        calibration = np.frombuffer(files[description["calibration"]], "<f4")
        condition = (description.get("world_model") or {}).get("condition", 0)
        calibration = calibration.reshape(-1, feature_size(description) + condition)
    cases += selftest.make_cases(networks, calibration, seed)
    files |= {key: mlp_to_onnx(network) for key, network in networks.items()}
    files[description["selftest"]] = selftest.encode(cases)
    _write_sealed(path, description, files, overwrite)
    return path


def _write_sealed(path: Path, description: Mapping, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Write the files of a bundle and, naming them all, its bundle.json."""
    listed = {
        key: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for key, data in sorted(files.items())
    }
    text = json.dumps({**description, "files": listed, "sha256": _NO_SEAL}, indent=1, allow_nan=False) + "\n"
    _write_all(path, {**files, "bundle.json": _sealed(text)}, overwrite)


def read_bundle(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    """Read bundle.json (without its own digest) and every file it lists, sizes and checksums checked.

    Raises:
        BundleError: missing, damaged or inconsistent, said in one line.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raw = (path / "bundle.json").read_bytes()
            description = _parse(path, raw)
            files = {key: (path / key).read_bytes() for key in description["files"]}
        else:
            with zipfile.ZipFile(path) as archive:
                description = _parse(path, archive.read("bundle.json"))
                files = {key: archive.read(key) for key in description["files"]}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: not a complete bundle: {error}") from error
    for key, entry in description["files"].items():
        if len(files[key]) != entry["bytes"] or hashlib.sha256(files[key]).hexdigest() != entry["sha256"]:
            raise BundleError(f"{path}: {key} does not match its checksum; copy or export the bundle again")
    return description, files


def verify_bundle(path: str | os.PathLike) -> dict:
    """Check a bundle as the C++ loader does, with ONNX Runtime as the engine; returns bundle.json.

    Raises:
        BundleError: a file is damaged, or a network does not reproduce its self-test vectors.
    """
    description, files = read_bundle(path)
    check_description(description)
    cases = selftest.decode(files[description["selftest"]])
    untested = sorted(set(network_keys(description)) - {case.key for case in cases})
    if untested:
        raise BundleError(f"{path}: no self-test for {', '.join(untested)}")
    for case in cases:
        error = selftest.replay(case, files[case.key])
        if error > selftest.TOLERANCE:
            raise BundleError(f"{path}: {case.key} fails its self-test by {error:.1e}")
    return description


def _sealed(text: str) -> bytes:
    """Put the digest of `text`, in which "sha256" is still `_NO_SEAL`, into it: it covers all but itself."""
    return text.replace(_NO_SEAL, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def _parse(path: Path, raw: bytes) -> dict:
    try:
        description = json.loads(raw)
    except ValueError as error:
        raise BundleError(f"{path}: bundle.json is not JSON: {error}") from error
    if isinstance(description, dict) and "sha256" in description:
        seal = str(description.pop("sha256")).encode()
        if hashlib.sha256(raw.replace(seal, _NO_SEAL.encode(), 1)).hexdigest().encode() != seal:
            raise BundleError(f"{path}: bundle.json is damaged or was edited; drop its key sha256 if that is meant")
    if not isinstance(description, dict) or not isinstance(description.get("files"), dict):
        raise BundleError(f"{path}: bundle.json lists no files")
    for key in description["files"]:
        if key.startswith("/") or ".." in key.split("/") or "\\" in key:
            raise BundleError(f"{path}: the file name {key!r} leaves the bundle")
    return description


def _write_all(path: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise BundleError(f"{path} exists; remove it or pass overwrite")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        content = temporary / "content"
        if path.suffix == ".zip":
            with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
                for key in sorted(files):
                    archive.writestr(zipfile.ZipInfo(key, (2026, 1, 1, 0, 0, 0)), files[key])
        else:
            for key, data in files.items():
                target = content / key
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        if path.exists():
            path.rename(temporary / "previous")
        content.rename(path)
    except OSError as error:
        raise BundleError(f"cannot write the bundle to {path}: {error.strerror}") from error
    finally:
        if temporary is not None:
            previous = temporary / "previous"
            if previous.exists() and not path.exists():
                previous.rename(path)
            shutil.rmtree(temporary, ignore_errors=True)
