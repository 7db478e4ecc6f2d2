"""Whether this machine can hold the rate: its own timer, the real controller, and both under load, in one run."""

from .page import qualify_page
from .stages import STAGES, qualify
from .verdict import Verdict, judge

__all__ = ["STAGES", "Verdict", "judge", "qualify", "qualify_page"]
