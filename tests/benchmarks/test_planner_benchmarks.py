"""The page of the planner shows what its data files say; the quality benchmark chooses as it says."""

import json
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scripts(monkeypatch):
    """The benchmarks as modules; they import each other by name."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield
    for name in [n for n in sys.modules if n.startswith("planner_")]:
        del sys.modules[name]


def test_the_page_is_filled_from_the_data(scripts, monkeypatch, tmp_path):
    import planner_page

    page = tmp_path / "planner.md"
    text = (ROOT / "docs" / "planner.md").read_text()
    page.write_text(text)
    monkeypatch.setattr(planner_page, "PAGE", page)
    planner_page.main()
    assert page.read_text() == text
    figure = json.loads((ROOT / "benchmarks" / "data" / "planner" / "servo.json").read_text())["rows"][1]
    assert f"{figure['duration_us']['p999']:.1f}" in text
    page.write_text(text.replace("<!-- servo -->", ""))
    with pytest.raises(SystemExit, match="servo"):
        planner_page.main()


def test_the_cheapest_setting_within_one_percent_is_chosen(scripts, capsys):
    import planner_quality

    own = {"samples": 128, "elites": 24, "prior_trajectories": 0, "expert_trajectories": 16}
    bundle = types.SimpleNamespace(planner=own)
    assert planner_quality.settings(bundle, 64, 3, "fp32")["elites"] == 12  # the bundle's share

    def row(samples, mean, ms):
        return {
            "controller": "full",
            **planner_quality.settings(bundle, samples, 3, "fp32"),
            "return_mean": mean,
            "p50_ms": ms,
        }

    refused = {"controller": "full", "p50_ms": 0.1, "refused": "the first action differs"}
    planner_quality.choose([row(512, 800.0, 30.0), row(256, 793.0, 15.0), row(64, 791.0, 4.0), refused])
    assert "256 x 3 fp32: 793.0 at 15.00 ms" in capsys.readouterr().out
