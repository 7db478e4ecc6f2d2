"""One torch thread: the networks are tiny, and a second thread only waits for the first."""

import sys
from pathlib import Path

import torch

torch.set_num_threads(1)
sys.path.insert(0, str(Path(__file__).parent / "world_model"))  # library.py, for tests elsewhere
