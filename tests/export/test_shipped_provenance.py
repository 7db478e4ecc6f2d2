"""What ships says how it was made, and names no folder of the machine that made it."""

import re
from pathlib import Path

import pytest

from metaworld_rt.train.expert import checkpoint

MODELS = Path(__file__).resolve().parents[2] / "models"
ABSOLUTE = re.compile(r"(?:^|[\s\"'=])(/(?:home|root|work|tmp|mnt|Users)/[^\s\"']*)")


def told(value: object) -> str:
    return str(value).replace("\\", "/")


@pytest.mark.parametrize("path", sorted(MODELS.rglob("bundle.json")), ids=lambda p: str(p.parent.relative_to(MODELS)))
def test_of_bundles(path):
    assert ABSOLUTE.findall(path.read_text()) == []


EXPERTS = sorted(
    path for path in (MODELS / "checkpoints").glob("*.pt") if path.stem.partition("_")[0] not in ("gate", "handover")
)


@pytest.mark.parametrize("path", EXPERTS, ids=lambda p: p.stem)
def test_of_experts(path):
    provenance = checkpoint.load(path)["provenance"]
    assert provenance["command"]
    assert ABSOLUTE.findall(told(provenance)) == []
