"""Training logs: one JSON object a line, and TensorBoard events where tensorboard is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from metaworld_rt.errors import UserError


class Log:
    """Appends figures to `<folder>/log.jsonl`; raises UserError if the folder cannot be written."""

    def __init__(self, folder: Path):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write a log in {folder}: {error.strerror}") from error
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(str(folder))

    def write(self, step: int, figures: Mapping[str, float | str]) -> None:
        """Note figures of one step; text goes to the JSON alone."""
        self._file.write(json.dumps({"step": step, **figures}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        if self._board is not None:
            self._board.close()
