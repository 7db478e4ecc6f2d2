"""Fault injection on the simulated robot in lockstep: what the safety ladder does when something goes wrong."""

from .catalogue import FAULTS, Fault
from .flight import FlightResult, Walk, fly

__all__ = ["FAULTS", "Fault", "FlightResult", "Walk", "fly"]
