"""What a person looks at after a run: one self-contained HTML file."""

from .run_report import run_report, write_run_report

__all__ = ["run_report", "write_run_report"]
