"""Loading a bundle, and the controller: skills by name on top of the C++ core."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from . import _core, bundles
from .semantic.plan import SkillPlan, StagePlan, checked

Skills = str | Mapping[str, float] | SkillPlan | _core.SkillCommand


def load(bundle: str | PathLike[str] = bundles.DEFAULT) -> _core.Bundle:
    """Loads a bundle, checks all of it and replays its self-test.

    Args:
        bundle: a folder or stored zip, or the name of a shipped bundle.

    Returns:
        The immutable bundle; safe to share between threads.

    Raises:
        UserError: there is no such bundle.
        Error: it is damaged, of another schema, or fails its self-test; one line names the file and the key.
    """
    return _core.load(bundles.find(bundle))


def skill_command(
    bundle: _core.Bundle,
    skills: Skills,
    *,
    speed: float | None = None,
    heading: float | None = None,
    t_ns: int = 0,
    ttl_ns: int = 0,
    id: int = 0,
) -> _core.SkillCommand:
    """What to do, in the form that the controller takes.

    Args:
        bundle: whose skills are named.
        skills: a skill's name, weights by name (normalised here), a `SkillPlan`, or a `SkillCommand` as it is.
        speed: m/s along the heading, for a name or weights; None lets the skill choose.
        heading: world yaw, rad, for a name or weights; None is 0.
        t_ns: when it was decided, on the clock of `step`; 0 stamps it when it is taken.
        ttl_ns: how long it may be followed without being renewed; 0 takes the bundle's value.
        id: the same id with the same stages renews a command without starting its stages again.

    Raises:
        PlanError: an unknown skill, or weights that are negative, not finite or all zero.
    """
    if isinstance(skills, _core.SkillCommand):
        return skills
    names = bundle.skills
    if isinstance(skills, str):
        skills = {skills: 1.0}
    if isinstance(skills, Mapping):
        skills = checked({"stages": [{"weights": skills, "goal": {"speed": speed, "heading": heading}}]}, names)
    else:
        skills = checked(skills, names)
    return _core.SkillCommand([_stage(stage, names) for stage in skills.stages], t_ns, ttl_ns, id)


def _stage(stage: StagePlan, names: list[str]) -> _core.Stage:
    goal = _core.Goal(stage.goal.heading or 0.0, stage.goal.speed or 0.0, stage.goal.target)
    until = getattr(_core.Until, stage.until.name)
    alpha = -1.0 if stage.alpha is None else stage.alpha
    return _core.Stage(stage.vector(names), alpha, goal, until, stage.threshold, stage.timeout_s)


class Controller(_core.Controller):
    """One call a tick turns an observation into a joint command; see `_core.Controller` for every method."""

    def post(
        self,
        skills: Skills,
        *,
        speed: float | None = None,
        heading: float | None = None,
        t_ns: int = 0,
        ttl_ns: int = 0,
        id: int = 0,
    ) -> None:
        """Says what to do from the next tick on; the newest wins. Any thread. Arguments as of `skill_command`.

        Raises:
            PlanError: nothing that these skills can do; the command before stays in force.
        """
        self.post_command(
            skill_command(self.bundle, skills, speed=speed, heading=heading, t_ns=t_ns, ttl_ns=ttl_ns, id=id)
        )
