"""Robots follow a plan, each at its own pace, as the controller would."""

import numpy as np
import pytest
from library import untrained

from metaworld_rt.semantic import SkillPlan, StagePlan
from metaworld_rt.semantic.plan import Until
from metaworld_rt.tasks import features
from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.world_model.arena import Arena, ArenaConfig
from metaworld_rt.train.world_model.script import Script, plan_of

NAMES = ("stand", "walk", "run")


def stages(*ends):
    return SkillPlan(tuple(StagePlan({n: 1.0}, **end) for n, end in zip(NAMES[: len(ends)], ends, strict=True)))


def test_each_robot_goes_on_when_its_own_condition_holds():
    plan = stages({"until": Until.passed_x, "threshold": 0.5}, {"until": Until.door_hinge, "threshold": 1.0}, {})
    script = Script(plan, NAMES, 3)
    qpos = np.zeros((3, 28))
    qpos[1, 0] = 0.6
    qpos[2, -2] = 1.2  # an open door does not end the first stage
    script.advance(qpos)
    assert script.stage.tolist() == [0, 1, 0]
    assert script.command.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    qpos[1:, -2], qpos[2, 0] = 1.1, 0.7
    script.advance(qpos)
    assert script.stage.tolist() == [0, 2, 1]
    script.advance(qpos)
    script.advance(qpos)
    assert script.stage.tolist() == [0, 2, 2]  # the last stage stays
    script.reset(np.array([1]))
    assert script.stage.tolist() == [0, 0, 2]


def test_time_counts_from_the_stage_s_first_decision():
    plan = stages(
        {"until": Until.elapsed, "threshold": 0.06}, {"until": Until.passed_x, "threshold": 9, "timeout_s": 0.04}, {}
    )
    script = Script(plan, NAMES, 1)
    seen = []
    for _ in range(8):
        script.advance(np.zeros((1, 26)))
        seen.append(int(script.stage[0]))
    assert seen == [0, 0, 0, 1, 1, 1, 2, 2]


def test_what_only_the_controller_knows_is_refused():
    with pytest.raises(ValueError, match="cannot end a stage by hand_to_goal"):
        Script(stages({"until": Until.hand_to_goal, "threshold": 0.1}, {}, {}), NAMES, 1)


def test_the_door_s_skills_follow_one_another_in_the_arena():
    names = ("stand", "door_approach", "door_open", "door_pass")
    library = untrained(names=names, tasks=("stand", "door", "door", "door"), layout=features.HOUSEHOLD)
    plan = plan_of(get_task("door"), library)
    assert [stage.top for stage in plan.stages] == list(names[1:])
    arena = Arena(library, 2, config=ArenaConfig(scene="door"), plan=plan)
    # The task begins within reach of the hatch: the approach is done at once and leaves no trace.
    assert arena.view().c.argmax(-1).tolist() == [2, 2]
    assert arena.weights.max(-1).tolist() == [1, 1]
    arena.physics.qpos[0, -2] = plan.stages[1].threshold + 0.1
    arena.view()
    assert arena.command.argmax(-1).tolist() == [3, 2]
    arena.reset(np.array([0]))
    assert arena.command.argmax(-1).tolist() == [2, 2]
    arena.close()


def test_a_stage_that_is_done_at_a_reset_is_passed_over_at_once():
    script = Script(stages({"until": Until.passed_x, "threshold": 0.5}, {}), NAMES, 3)
    script.stage[:] = 1
    qpos = np.zeros((3, 28))
    qpos[1, 0] = 0.6
    script.reset(np.arange(2))
    script.skip(np.arange(2), qpos)
    assert script.stage.tolist() == [0, 1, 1]
