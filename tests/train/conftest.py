"""One torch thread: the networks are tiny, and a second thread only waits for the first."""

import sys
from pathlib import Path

import pytest
import torch

from metaworld_rt.train.expert import practice

torch.set_num_threads(1)
sys.path.insert(0, str(Path(__file__).parent / "world_model"))  # library.py, for tests elsewhere


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    """Batches differ in 8 scenes, not 32: to copy and set them up is most of the time of a small batch."""
    monkeypatch.setattr(practice, "SCENES", 8)
