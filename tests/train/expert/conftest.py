import importlib.util

import pytest

if importlib.util.find_spec("torch") is None:  # the train extra is not installed
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def one_thread():
    """Spinning threads make these small networks many times slower on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
