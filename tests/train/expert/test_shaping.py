import numpy as np
import pytest

from metaworld_rt.train.expert.shaping import along_heading, arm_reference, swing
from metaworld_rt.train.expert.skill import SKILLS, get_skill
from metaworld_rt.train.expert.trainer import BATCHES


def test_along_heading_turns_world_vectors():
    v = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(along_heading(v, np.array([np.pi / 2, np.pi])), [[2, 0, 0.5], [-1, 0, 0]], atol=1e-12)


def test_feet_swing_in_turn():
    phase = np.linspace(0, 1, 201)
    lift = swing(phase, 0.4)
    assert lift.max() == pytest.approx(1.0)
    assert lift[50, 0] == pytest.approx(1.0)  # left at a quarter
    assert lift[150, 1] == pytest.approx(1.0)  # right half a cycle later
    assert np.all(lift.min(axis=1) == 0)  # walking: one foot is always down
    assert np.any(swing(phase, 0.6).min(axis=1) > 0)  # running: a flight phase
    np.testing.assert_allclose(swing(phase, 0.4)[:, 0], swing(phase + 0.5, 0.4)[:, 1], atol=1e-12)


def test_arms_swing_with_the_opposite_leg():
    walk = get_skill("walk")
    left, right = arm_reference(walk, np.array([0.5]))[0, [0, 4]]
    assert left > 0 > right  # the left foot lands in front, the left arm is behind (positive pitch is backwards)


@pytest.mark.parametrize("name", list(SKILLS))
def test_every_weight_names_a_term(name, door_way):
    skill = get_skill(name)
    env = BATCHES[skill.learns](skill, count=2, threads=1, banks=[door_way()] if skill.learns == "door" else [])
    outcome = env.step(np.zeros((2, 19)))
    env.close()
    assert set(skill.weights) <= set(outcome.terms)
    assert set(skill.polish) <= set(skill.weights)
    assert np.isfinite(list(outcome.terms.values())).all()


def test_unknown_skill():
    with pytest.raises(ValueError, match="one of stand, walk"):
        get_skill("fly")
