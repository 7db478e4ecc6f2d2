"""Scores: lockstep episodes of controllers on tasks, ours or the real benchmark's."""

from .episodes import SUITES, evaluate

__all__ = ["SUITES", "evaluate"]
