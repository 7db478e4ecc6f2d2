"""Results that are kept as they are made: a call that was killed goes on with the first one that is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import mujoco
import numpy as np
import torch
from torch import nn

from metaworld_rt import __version__
from metaworld_rt.errors import UserError
from metaworld_rt.train import files
from metaworld_rt.train.world_model.library import ExpertLibrary

_OWNER = "owner"  # the file that says whose the results are


class Kept:
    """Named results, each a file `<name>.npz` of a folder, written whole or not at all. Not for two calls at once.

    Args:
        folder: theirs alone; None: nothing is kept.
        owner: a `fingerprint`. The results of another owner are thrown away, so that none passes for a new one.

    Raises:
        UserError: the folder cannot be read or written, or holds something else.
    """

    def __init__(self, folder: Path | None = None, owner: str = "") -> None:
        self._folder = folder
        if folder is None:
            return
        mark = folder / _OWNER
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not mark.exists() and any(folder.iterdir()):
                raise UserError(f"{folder} holds something else than results that are kept; give another folder")
            if not mark.exists() or mark.read_text(encoding="utf-8", errors="replace") != owner:
                self._drop_results()
                mark.write_text(owner, encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot keep results in {folder}: {error.strerror}") from error

    def once(self, name: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The arrays that are kept under a name, or those of `make`, which are kept from then on.

        Raises:
            CheckpointError: they cannot be written.
        """
        if self._folder is None:
            return dict(make())
        path = self._folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except (FileNotFoundError, BadZipFile, ValueError, EOFError):
            result = dict(make())  # not there, or damaged
        files.write_arrays(path, result)
        return result

    def batches(
        self,
        name: str,
        total: int,
        size: int,
        make: Callable[[np.ndarray], Mapping[str, np.ndarray]],
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """The arrays of `total` rows, of which `make` gives those of so many at a time; each batch is made once.

        Args:
            name: of them all; a batch's has its first row behind.
            total: at least one.
            size: of a batch; the last may be smaller.
            make: for row numbers, arrays of as many rows.
            progress: called with the rows of each batch.
        """
        parts = []
        for begin in range(0, total, size):
            rows = np.arange(begin, min(begin + size, total))
            parts.append(self.once(f"{name}-{begin}", partial(make, rows)))
            if progress:
                progress(len(rows))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def clear(self) -> None:
        """Remove the folder: what was to be made of the results is whole."""
        if self._folder is not None:
            self._drop_results()
            (self._folder / _OWNER).unlink()
            self._folder.rmdir()

    def _drop_results(self) -> None:
        for path in [*self._folder.glob("*.npz"), *self._folder.glob("*.part")]:
            path.unlink()


def fingerprint(library: ExpertLibrary, settings: Mapping[str, object], others: Iterable[nn.Module | None] = ()) -> str:
    """A digest of all that results depend on.

    Args:
        library: the experts.
        settings: what JSON can hold, and dataclasses; the versions of the package, MuJoCo and PyTorch are added.
        others: networks beside the experts'; None: without that one.
    """
    digest = hashlib.sha256()
    versions = {"package": __version__, "mujoco": mujoco.__version__, "torch": torch.__version__}
    about = {"experts": library.names, "periods": list(library.periods), **versions, **settings}
    digest.update(json.dumps(about, sort_keys=True, default=asdict).encode())
    for network in [*library.networks, *others]:
        digest.update(b"network")
        for name, value in sorted(network.state_dict().items()) if network is not None else ():
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
