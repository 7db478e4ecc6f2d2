"""The controllers that `eval` compares: the whole method, its ablations, and its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from .. import _core
from ..controller import Controller, skill_command
from ..errors import UserError
from ..semantic import SkillPlan, Skills, StagePlan, make_backend
from ..tasks.task import TASKS, get_task

DESCRIPTIONS = {
    "full": "semantic weights, gate, handover, experts and, where the bundle has one, the planner",
    "no-semantic": "the gate alone weighs the experts; without a gate all weigh the same",
    "no-gate": "the semantic weights alone weigh the experts, at once",
    "no-guidance": "the planner without its pull towards the experts",
    "planner-only": "the planner without experts: TD-MPC2 as published",
    "experts": "the weighed experts, no planner",
    "expert:NAME": "one expert alone",
}


#: Ablations that are about the planner: it then plans for every skill, whatever the trials found it good for.
_PLANNING = ("no-guidance", "planner-only")


class Driver:
    """A controller set up for one task, reset for each episode. Not thread-safe.

    Args:
        name: a key of DESCRIPTIONS, or expert:NAME.
        bundle: what `load` gave.
        task: whose instruction is followed.
        seed: of the planner's noise.
        settings: of the planner, in place of the bundle's: samples, precision, ...

    Raises:
        UserError: the bundle has no such controller, or no skill for the task.
    """

    def __init__(
        self,
        name: str,
        bundle: _core.Bundle,
        task: str,
        seed: int = 0,
        settings: Mapping[str, float | str] = MappingProxyType({}),
    ):
        check_controller(name, bundle)
        self._controller = Controller(
            bundle,
            use_semantic=name != "no-semantic" or not bundle.has_gate,
            use_gate=name != "no-gate" and not name.startswith("expert:"),
            sensor_checks=False,
            planned_skills_only=name not in _PLANNING,
        )
        self._planner = _planner(name, bundle, seed, settings)
        if self._planner is not None:
            self._controller.set_planner(self._planner)
        plan = task_plan(name, bundle, task)
        self._command = skill_command(bundle, plan, ttl_ns=3_600_000_000_000)

    @property
    def planner(self) -> _core.MppiPlanner | None:
        """The planner, where this controller has one."""
        return self._planner

    def begin(self) -> Controller:
        """The controller at the start of an episode, with its skill command posted."""
        self._controller.reset()
        if self._planner is not None:
            self._planner.reset()
        self._controller.post_command(self._command)
        return self._controller


def check_controller(name: str, bundle: _core.Bundle) -> None:
    """Refuses a controller that this bundle cannot be.

    Raises:
        UserError: with the reason.
    """
    if name.startswith("expert:"):
        skill = name.partition(":")[2]
        if skill not in bundle.skills:
            raise UserError(f"no expert {skill!r} in {bundle.name}: it has {', '.join(bundle.skills)}")
    elif name not in DESCRIPTIONS or name == "expert:NAME":
        raise UserError(f"no controller {name!r}: one of {', '.join(DESCRIPTIONS)}")
    elif name == "no-gate" and not (bundle.has_gate or bundle.has_handover):
        raise UserError(f"{name} needs a bundle with a gate or a handover, and {bundle.name} has none")
    elif name in ("no-guidance", "planner-only") and bundle.planner is None:
        raise UserError(f"{name} needs a bundle with a world model, and {bundle.name} has none")


def task_plan(name: str, bundle: _core.Bundle, task: str) -> SkillPlan | str:
    """What the controller is told to do on a task: a skill's name, or the matcher's plan for its instruction.

    `no-semantic` is told nothing, that is to weigh all skills the same; a gate, where there is one, decides alone.

    Raises:
        UserError: the bundle has no skill for the task.
    """
    if name.startswith("expert:"):
        return name.partition(":")[2]
    skills = Skills.of(list(bundle.descriptions.items()), bundle.safe_skill)
    plan = make_backend("matcher").plan(get_task(task).instruction, None, skills)
    if plan.refused:
        raise UserError(f"{bundle.name} has no skill for the task {task}: it has {', '.join(bundle.skills)}")
    if name == "no-semantic":
        return SkillPlan((StagePlan(dict.fromkeys(bundle.skills, 1.0 / len(bundle.skills))),))
    return plan


def doable(bundle: _core.Bundle) -> list[str]:
    """The tasks that a bundle has skills for and can observe."""
    names = {name for name, _ in bundle.observation}
    found = []
    for task in TASKS:
        try:
            task_plan("full", bundle, task)
        except UserError:
            continue
        if (task != "reach" or "goal_pos" in names) and (task != "door" or "door" in names):
            found.append(task)
    return found


def _planner(name: str, bundle: _core.Bundle, seed: int, settings: Mapping[str, float | str]):
    if bundle.planner is None or name == "experts" or name.startswith("expert:"):
        return None
    overrides = {}
    if name == "no-guidance":
        overrides = {"guidance": 0.0}
    elif name == "planner-only":
        overrides = {"guidance": 0.0, "expert_trajectories": 0}
    return _core.MppiPlanner(bundle, seed=seed, **{**overrides, **settings})


def expand(names: list[str], bundle: _core.Bundle) -> list[str]:
    """The names with `expert:*` replaced by one entry an expert."""
    found = []
    for name in names:
        found += [f"expert:{skill}" for skill in bundle.skills] if re.fullmatch(r"expert:\*", name) else [name]
    return list(dict.fromkeys(found))
