"""How far a plan has come, and what of a new plan is still to be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .plan import SkillPlan


@dataclass
class Progress:
    """The plan in force for one instruction, and the skills that were completed for it.

    Stages count from 0 in the plan as it was posted; `done` goes back to the instruction's first plan.
    """

    plan: SkillPlan
    done: list[str] = field(default_factory=list)
    stage: int = 0

    def advance(self, stage: int) -> list[str]:
        """Notes that `stage` is now in progress; the skills that were completed on the way there."""
        stage = min(stage, len(self.plan.stages))
        completed = self.plan.skills[self.stage : stage]
        if completed:
            self.done += completed
            self.stage = stage
        return completed

    def remaining(self, new: SkillPlan) -> SkillPlan | None:
        """What of a new plan for the same instruction is left; None where all of it has been done.

        The new plan was made as if from the start: its first stages that repeat the last completed ones are dropped.
        """
        skills = new.skills
        for count in range(min(len(skills), len(self.done)), 0, -1):
            if skills[:count] == self.done[-count:]:
                return replace(new, stages=new.stages[count:]) if count < len(skills) else None
        return new

    def same(self, rest: SkillPlan) -> bool:
        """Whether that is what is being done anyway: the same skills in the same order, ended in the same way."""
        left = self.plan.stages[self.stage :]
        return [(s.top, s.until) for s in left] == [(s.top, s.until) for s in rest.stages]
