"""The `embedded` backend: this project's own small vision-language model, run by ONNX Runtime on one core.

Three files in models/semantic: `eye.onnx` (image to scene), `planner.onnx` (sentence, skills and scene to stages) and
`semantic.json` (sizes, checksums, conventions, provenance). The image speaks only through the scene: the door's state,
whether a ball is near or far, and where it is. Sources: train/semantic of this package.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .backend import BackendError, Skills, StateSummary, checked_image, checked_instruction
from .heads import DOORS, HOUSEHOLD, PACES, SLOTS, TARGETS, TURNS, Until
from .pixels import resized
from .plan import Goal, SkillPlan, StagePlan, checked, refusal, wrapped
from .plan import Until as Condition
from .text import GRAMS, MAX_TOKENS, codes, normalised, quantities, tokens

SCHEMA = "metaworld_rt.semantic/1"
_OPEN, _AJAR = 0.8, 0.08  # rad: how far a measured hinge is called open, ajar
_LOW = 0.4  # a refusal is never more certain than this: it is the safe skill that is done, not what was asked
_TURN = {"left": 0.5 * math.pi, "right": -0.5 * math.pi, "back": math.pi}


@dataclass(frozen=True)
class Seen:
    """What is in front of the robot. door [5], target [4]: probabilities, the last place means: not known.

    ball: (bearing against the robot's heading rad, horizontal distance m, height m), or None.
    """

    door: np.ndarray
    target: np.ndarray
    ball: tuple[float, float, float] | None = None

    @property
    def words(self) -> str:
        """For a person; empty where nothing is known."""
        door, target = int(self.door.argmax()), int(self.target.argmax())
        said = []
        if door < len(DOORS):
            said.append("no door" if door == 0 else f"door {DOORS[door]}")
        if target < len(TARGETS):
            side = (
                ""
                if self.ball is None
                else " left"
                if self.ball[0] > 0.15
                else " right"
                if self.ball[0] < -0.15
                else " ahead"
            )
            said.append("no ball" if target == 0 else f"ball {TARGETS[target]}{side}")
        return ", ".join(said)


class Embedded:
    """The default backend. One call at a time; about 10 ms with an image.

    Args:
        folder: where the three files are; None: what is shipped.
        threads: of ONNX Runtime.

    Raises:
        BackendError: a file is missing, damaged or of another version.
    """

    name = "embedded"

    def __init__(self, folder: str | Path | None = None, threads: int = 1):
        self.folder = _find(folder)
        self.card = _card(self.folder)
        self._limits = self.card["ends"]
        self._eye = _session(self.folder / "eye.onnx", threads)
        self._planner = _session(self.folder / "planner.onnx", threads)

    def plan(
        self,
        instruction: str,
        image: np.ndarray | None,
        skills: Sequence[tuple[str, str]],
        state_summary: StateSummary | None = None,
    ) -> SkillPlan:
        """See `SemanticBackend.plan`. What is measured (`state_summary`) counts more than what is seen."""
        skills = Skills.of(skills)
        text = checked_instruction(instruction)
        safe = skills.safe
        if not text:
            return refusal(safe, f"no instruction: {safe}")
        marked, found = quantities(normalised(text))
        if len(tokens(marked)) > MAX_TOKENS:
            return refusal(safe, f"more than {MAX_TOKENS} words: {safe} instead; say it shorter")
        seen = self.look(image, state_summary)
        answer = self._ask(marked, skills, seen)
        if answer.refused and seen.words and not self._ask(marked, skills, _NOTHING).refused:
            why = f"not possible here ({seen.words}): {safe} instead"
            return refusal(safe, why, min(1.0 - answer.doubt, _LOW), answer.text)
        if answer.refused:
            lacking = self._lacking(marked, skills, seen) or self._lacking(marked, skills, _NOTHING)
            why = lacking or "unknown, impossible or unsafe"
            return refusal(safe, f"{why}: {safe} instead", min(1.0 - answer.doubt, _LOW), answer.text)
        stages = self._stages(answer, skills.names, found, seen, state_summary)
        message = " > ".join(stage.top for stage in stages) + (f" ({seen.words})" if seen.words else "")
        return checked(SkillPlan(stages, answer.confidence, False, message, answer.text), skills.names)

    def look(self, image: np.ndarray | None, state: StateSummary | None = None) -> Seen:
        """What is in the image and in the measured state."""
        door, target, ball = _NOTHING.door, _NOTHING.target, None
        pixels = checked_image(image)
        if pixels is not None:
            size = self.card["image"]
            x = resized(pixels, size).astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255.0)
            doors, targets, where = self._eye.run(None, {"image": x})
            door, target = np.append(doors[0], 0.0).astype(np.float32), np.append(targets[0], 0.0).astype(np.float32)
            if targets[0].argmax() > 0:
                ball = (float(where[0, 0]), float(where[0, 1]), float(where[0, 2]))
        if state is not None and state.door_present is not None:
            hinge = state.door_hinge or 0.0
            door = _one(5, 0 if not state.door_present else 3 if hinge > _OPEN else 2 if hinge > _AJAR else 1)
        if state is not None and state.goal_pos is not None and state.base_pos is not None:
            dx, dy = state.goal_pos[0] - state.base_pos[0], state.goal_pos[1] - state.base_pos[1]
            distance = math.hypot(dx, dy)
            ball = (wrapped(math.atan2(dy, dx) - state.heading), distance, state.goal_pos[2])
            target = _one(4, 1 if distance < self.card["near"] else 2)
        return Seen(door, target, ball)

    def _ask(self, marked: str, skills: Skills, seen: Seen) -> _Answer:
        texts = [codes(_skill_text(name, description))[: 2 * MAX_TOKENS // 3] for name, description in skills]
        skill_codes = np.zeros((len(texts), max(map(len, texts)), GRAMS), np.int64)
        for i, rows in enumerate(texts):
            skill_codes[i, : len(rows)] = rows
        feed = {
            "text": codes(marked)[None],
            "skills": skill_codes,
            "door": seen.door[None],
            "target": seen.target[None],
        }
        skill, turn, pace, until, refuse = (part[0] for part in self._planner.run(None, feed))
        return _Answer(
            _softmax(skill), turn.argmax(-1), pace.argmax(-1), until.argmax(-1), float(1 / (1 + np.exp(-refuse)))
        )

    def _lacking(self, marked: str, skills: Skills, seen: Seen) -> str:
        """Which of the household's skills, absent from this bundle, the request needs; empty where none would help."""
        absent = tuple((name, does) for name, does in HOUSEHOLD if name not in skills.names)
        if not absent:
            return ""
        fuller = Skills((*skills, *absent), skills.safe)
        answer = self._ask(marked, fuller, seen)
        if answer.refused:
            return ""
        used = {fuller.names[i] for i in answer.skill[: answer.length].argmax(-1)}
        needed = [does for name, does in absent if name in used]
        if not needed:
            return ""
        return f"this bundle has no skill that {', and none that '.join(needed)}; it has {', '.join(skills.names)}"

    def _stages(
        self, answer: _Answer, names: list[str], found: list[tuple[str, float]], seen: Seen, state: StateSummary | None
    ) -> tuple[StagePlan, ...]:
        here = state or StateSummary()
        heading, turned = here.forward, False
        stages = []
        for i in range(answer.length):
            weights = {
                name: float(weight) for name, weight in zip(names, answer.skill[i], strict=False) if weight >= 0.02
            }
            turn, pace, until = TURNS[answer.turn[i]], PACES[answer.pace[i]], int(answer.until[i])
            if turn in _TURN:
                heading, turned = heading + _TURN[turn], True
            elif turn == "target" and seen.ball is not None:
                heading, turned = here.heading + seen.ball[0], True
            fixed = until in (Until.door_hinge, Until.passed_near, Until.passed_far)  # doors know their own direction
            told = wrapped(heading) if (turned or state is not None) and not fixed else None
            goal = Goal(told, self._speed(pace, weights, names, found), self._target(turn, seen, state))
            stages.append(StagePlan(weights, goal, *self._end(until, found, last=i + 1 == answer.length)))
        return tuple(stages)

    def _speed(
        self, pace: str, weights: dict[str, float], names: list[str], found: list[tuple[str, float]]
    ) -> float | None:
        if pace.startswith("speed"):
            said = [value for kind, value in found if kind == "speed"]
            slot = int(pace[-1]) - 1
            return said[slot] if slot < len(said) else None
        if not pace:
            return None
        quick = max(weights, key=lambda name: weights[name])
        table = self.card["paces"]
        return table["run" if "run" in quick or "sprint" in quick else "walk"][pace] if names else None

    def _target(self, turn: str, seen: Seen, state: StateSummary | None) -> tuple[float, float, float] | None:
        """Where the ball is in the world; None without one, or where the robot does not know its own place."""
        if turn != "target" or seen.ball is None or state is None or state.base_pos is None:
            return None
        if state.goal_pos is not None:
            return state.goal_pos
        bearing, distance, height = seen.ball
        x = state.base_pos[0] + distance * math.cos(state.heading + bearing)
        return x, state.base_pos[1] + distance * math.sin(state.heading + bearing), height

    def _end(self, until: int, found: list[tuple[str, float]], last: bool) -> tuple[Condition, float, float]:
        """Condition, threshold and timeout of a stage."""
        for kind, base in (("distance", int(Until.distance)), ("elapsed", int(Until.elapsed))):
            if base <= until < base + SLOTS:
                said = [value for other, value in found if other == kind]
                if until - base < len(said):
                    return Condition[kind], said[until - base], 0.0
                until = 0
        name = Until(until).name
        if until == 0 and last:
            return Condition.never, 0.0, 0.0
        end = self._limits["default" if until == 0 else name]
        return Condition[end["until"]], float(end["threshold"]), float(end["timeout_s"])


@dataclass(frozen=True)
class _Answer:
    skill: np.ndarray  # [steps, S + 1] probabilities
    turn: np.ndarray
    pace: np.ndarray
    until: np.ndarray
    doubt: float  # probability that the request must be refused

    @property
    def length(self) -> int:
        ends = np.flatnonzero(self.skill.argmax(-1) == self.skill.shape[1] - 1)
        return int(ends[0]) if len(ends) else len(self.skill)

    @property
    def confidence(self) -> float:
        rows = self.skill[: self.length + 1]
        return (1.0 - self.doubt) * float(rows.max(-1).min())

    @property
    def refused(self) -> bool:
        return self.doubt > 0.5 or self.length == 0

    @property
    def text(self) -> str:
        return f"p(refuse) {self.doubt:.3f}, stages {self.length}, surest {self.skill.max(-1).round(3).tolist()}"


def _skill_text(name: str, description: str) -> str:
    """What is read of a skill: its name and the first clause, "stands still" of "stands still, and catches itself"."""
    text = normalised(f"{name}: {description}")
    return re.split(r"[,;](?=\s|$)", text, maxsplit=1)[0] if text.isascii() else text


def _one(count: int, index: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[index]


_NOTHING = Seen(_one(5, 4), _one(4, 3))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _find(folder: str | Path | None) -> Path:
    package = Path(__file__).resolve().parents[1]
    places = [Path(folder)] if folder else [package / "models" / "semantic", package.parents[1] / "models" / "semantic"]
    for place in places:
        if (place / "semantic.json").is_file():
            return place
    raise BackendError(
        f"no semantic model in {places[0]}: train one (metaworld-rt train semantic) or use --semantic matcher"
    )


def _card(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / "semantic.json").read_text(encoding="utf-8"))
        if card["schema"] != SCHEMA:
            raise BackendError(f"{folder}/semantic.json has schema {card['schema']!r}, this version reads {SCHEMA}")
        for name, about in card["files"].items():
            if hashlib.sha256((folder / Path(name).name).read_bytes()).hexdigest() != about["sha256"]:
                raise BackendError(f"{folder / name} is damaged: its checksum is not that of semantic.json")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(f"the semantic model in {folder} cannot be read: {type(error).__name__} {error}") from error
    return card


def _session(path: Path, threads: int):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BackendError(f"{path} cannot be loaded: {error}") from error
