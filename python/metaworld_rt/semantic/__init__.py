"""The semantic layer: instruction and image in, weights over the bundle's skills out, never an action."""

from .backend import (
    MAX_INSTRUCTION_BYTES,
    BackendError,
    InstructionError,
    SemanticBackend,
    Skills,
    StateSummary,
    checked_image,
    checked_instruction,
)
from .plan import MAX_STAGES, Goal, Limits, PlanError, SkillPlan, StagePlan, Until, checked, refusal
from .registry import make_backend

__all__ = [
    "MAX_INSTRUCTION_BYTES",
    "MAX_STAGES",
    "BackendError",
    "Goal",
    "InstructionError",
    "Limits",
    "PlanError",
    "SemanticBackend",
    "SkillPlan",
    "Skills",
    "StagePlan",
    "StateSummary",
    "Until",
    "checked",
    "checked_image",
    "checked_instruction",
    "make_backend",
    "refusal",
]
