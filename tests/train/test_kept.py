"""What is kept is not made again, and nothing else is taken for it."""

import numpy as np
import pytest
from library import untrained
from torch import nn

from metaworld_rt.errors import UserError
from metaworld_rt.train import files
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.kept import Kept, fingerprint
from metaworld_rt.train.world_model.arena import ArenaConfig


def made(kept, value=1.0, name="walk at once"):
    """The value that comes back, and whether it was made for this call."""
    calls = []

    def make():
        calls.append(1)
        return {"x": np.array([value]), "upright": np.array([True])}

    result = kept.once(name, make)
    assert result["upright"].dtype == bool
    return float(result["x"][0]), bool(calls)


def test_a_result_is_made_once(tmp_path):
    folder = tmp_path / "deep" / "trials"
    assert made(Kept(folder, "a"), 1.0) == (1.0, True)
    assert made(Kept(folder, "a"), 2.0) == (1.0, False)
    assert made(Kept(folder, "a"), 3.0, "another") == (3.0, True)
    assert made(Kept(folder, "b"), 4.0) == (4.0, True)  # of another owner none is taken
    assert made(Kept(folder, "a"), 5.0) == (5.0, True)
    kept = Kept(folder, "a")
    kept.clear()
    assert not folder.exists()


def test_without_a_folder_nothing_is_kept():
    kept = Kept()
    assert made(kept, 1.0) == (1.0, True)
    assert made(kept, 2.0) == (2.0, True)
    kept.clear()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", b"not at all"])
def test_a_damaged_result_is_made_again(tmp_path, damage):
    made(Kept(tmp_path / "k", "a"), 1.0)
    (tmp_path / "k" / "walk at once.npz").write_bytes(damage)
    assert made(Kept(tmp_path / "k", "a"), 2.0) == (2.0, True)
    assert made(Kept(tmp_path / "k", "a"), 3.0) == (2.0, False)


def test_plain_errors(tmp_path, monkeypatch):
    (tmp_path / "thesis.npz").write_bytes(b"mine")
    with pytest.raises(UserError, match="holds something else"):
        Kept(tmp_path, "a")
    assert (tmp_path / "thesis.npz").read_bytes() == b"mine"
    with pytest.raises(UserError, match="cannot keep results in"):
        Kept(tmp_path / "thesis.npz" / "k", "a")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    kept = Kept(tmp_path / "k", "a")
    monkeypatch.setattr(files.np, "savez", full)
    with pytest.raises(CheckpointError, match=r"No space left on device \(.* MB free\)"):
        made(kept)
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["owner"]


def test_a_fingerprint_is_of_all_that_results_depend_on():
    library, gate = untrained(), nn.Linear(2, 3)
    settings = {"alpha": 0.7, "where": ArenaConfig()}
    whole = fingerprint(library, settings, [gate, None])
    assert whole == fingerprint(untrained(), dict(reversed(settings.items())), [gate, None])
    others = [
        fingerprint(library, {**settings, "alpha": 0.5}, [gate, None]),
        fingerprint(library, {**settings, "where": ArenaConfig(push=1.0)}, [gate, None]),
        fingerprint(library, settings, [None, gate]),
        fingerprint(untrained(names=("stand", "walk")), settings, [gate, None]),
    ]
    gate.bias.data[0] += 1.0
    others.append(fingerprint(library, settings, [gate, None]))
    library.networks[0].net[-1].bias.data[0] += 1.0
    others.append(fingerprint(library, settings, [gate, None]))
    assert len({whole, *others}) == 7
