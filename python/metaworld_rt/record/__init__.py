"""The flight record: what a controller saw and did, in an MCAP file that Foxglove opens and `replay` runs again."""

from .flight import Flight, bundles_for, replay
from .page import flight_page
from .rerun import Rerun, rerun

__all__ = ["Flight", "Rerun", "bundles_for", "flight_page", "replay", "rerun"]
