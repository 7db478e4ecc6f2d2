"""What a semantic backend is, and what it is given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..errors import UserError
from .plan import SkillPlan

MAX_INSTRUCTION_BYTES = 4096


class InstructionError(UserError, ValueError):
    """An instruction that no backend is shown: not text, or too long."""


class BackendError(UserError):
    """A backend that cannot be made or did not answer; one line that says what to do."""


@dataclass(frozen=True)
class Skills(Sequence):
    """The skills of a bundle: (name, one-line description) pairs in expert order, and the name of the safe one."""

    entries: tuple[tuple[str, str], ...]
    safe: str

    def __post_init__(self):
        names = self.names
        if not names or len(set(names)) != len(names):
            raise ValueError("a bundle needs at least one skill, each with its own name")
        if self.safe not in names:
            raise ValueError(f"the safe skill {self.safe!r} is not among the skills {', '.join(names)}")

    @classmethod
    def of(cls, skills: Skills | Sequence[tuple[str, str]], safe: str | None = None) -> Skills:
        """From pairs; the safe skill is `safe`, else the one named "stand", else the first."""
        if isinstance(skills, Skills):
            return skills
        entries = tuple((str(name), str(description)) for name, description in skills)
        names = [name for name, _ in entries]
        return cls(entries, safe or ("stand" if "stand" in names else names[0] if names else ""))

    @classmethod
    def from_bundle(cls, bundle: Mapping[str, Any]) -> Skills:
        """From a parsed `bundle.json`."""
        pairs = [(expert["name"], expert.get("description", "")) for expert in bundle["experts"]]
        return cls.of(pairs, bundle.get("safe_skill"))

    @property
    def names(self) -> list[str]:
        """Skill names in expert order."""
        return [name for name, _ in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index):
        return self.entries[index]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.entries)


@dataclass(frozen=True)
class StateSummary:
    """What a plan may need of the robot: world frame, SI; None where it is not known.

    base_pos: m, (x, y, z). heading: yaw, rad. origin: the yaw when the instruction was given, from which "turn left"
    counts; None: the present one. goal_pos: m, (x, y, z). door_hinge, door_latch: rad. stage: index of the stage in
    progress of the command `command_id`. failed: name of the skill whose stage just failed, if one did.
    """

    base_pos: tuple[float, float, float] | None = None
    heading: float = 0.0
    origin: float | None = None
    goal_pos: tuple[float, float, float] | None = None
    door_present: bool | None = None
    door_hinge: float | None = None
    door_latch: float | None = None
    stage: int = 0
    command_id: int | None = None
    failed: str | None = None

    @property
    def forward(self) -> float:
        """The yaw that "forward" meant when the instruction was given, rad."""
        return self.heading if self.origin is None else self.origin


@runtime_checkable
class SemanticBackend(Protocol):
    """Turns an instruction and an image into a `SkillPlan`. Called from one thread at a time, off the control loop."""

    name: str

    def plan(
        self,
        instruction: str,
        image: np.ndarray | None,
        skills: Sequence[tuple[str, str]],
        state_summary: StateSummary | None = None,
    ) -> SkillPlan:
        """One plan.

        Args:
            instruction: at most 4096 bytes of UTF-8.
            image: what the robot's head camera (or any camera) sees, [height, width, 3] uint8 RGB, or None.
            skills: (name, description) of each skill of the bundle, or a `Skills` that also names the safe one.
            state_summary: where the robot is.

        Raises:
            InstructionError: the instruction is not text or too long.
            BackendError: no answer; PlanError: an answer that is no plan.
        """
        ...


def checked_instruction(text: Any) -> str:
    """The instruction in NFKC form, with control characters as spaces and outer space gone; may be empty.

    Raises:
        InstructionError: not a string, or more than 4096 bytes. A huge one is refused before it is looked at.
    """
    if not isinstance(text, str):
        raise InstructionError(f"the instruction must be text, not {type(text).__name__}")
    if len(text) > MAX_INSTRUCTION_BYTES or len(text.encode("utf-8", "replace")) > MAX_INSTRUCTION_BYTES:
        raise InstructionError(
            f"the instruction has {len(text)} characters; at most {MAX_INSTRUCTION_BYTES} bytes are read"
        )
    plain = "".join(
        " " if unicodedata.category(char)[0] == "C" else char for char in unicodedata.normalize("NFKC", text)
    )
    return " ".join(plain.split())


def checked_image(image: Any) -> np.ndarray | None:
    """The image as [height, width, 3] uint8, or None.

    Raises:
        ValueError: not an image of 8..4096 pixels a side.
    """
    if image is None:
        return None
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype != np.uint8:
        raise ValueError(f"an image must be [height, width, 3] uint8, not {array.shape} {array.dtype}")
    if min(array.shape[:2]) < 8 or max(array.shape[:2]) > 4096:
        raise ValueError(f"an image must have 8..4096 pixels a side, not {array.shape[1]} x {array.shape[0]}")
    return np.ascontiguousarray(array[:, :, :3])
