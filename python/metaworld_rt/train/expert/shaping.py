"""The reward of locomotion experts: the task's own reward, a generated reference (gait phase, arms), and smoothness."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import tolerance
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import ROBOT_NV, Signals
from metaworld_rt.tasks.task import get_task
from metaworld_rt.train.expert.skill import Skill

_J = {name: i for i, name in enumerate(H1.joints)}
ARMS = np.array([i for name, i in _J.items() if "shoulder" in name or "elbow" in name])
HIPS = np.array([i for name, i in _J.items() if "hip_yaw" in name or "hip_roll" in name])
_FOOT_HEIGHT = 0.02  # of the foot site when the sole lies flat, m
_MIN_WIDTH = 0.20  # of the stance, m


@dataclass
class Step:
    """One decision of a batch (count, ...): what the shaping reads besides the signals."""

    signals: Signals
    target: np.ndarray  # rad
    last_target: np.ndarray
    before_last_target: np.ndarray
    raw_action: np.ndarray  # normalised, before clamping
    phase: np.ndarray  # cycles
    heading: np.ndarray  # rad
    foot_velocity: np.ndarray  # (count, 2, 3), m/s, left and right


def along_heading(vector: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """World vectors (..., 3) turned so that x points along the heading (...,)."""
    c, s = np.cos(heading), np.sin(heading)
    x, y = vector[..., 0], vector[..., 1]
    return np.stack([c * x + s * y, c * y - s * x, vector[..., 2]], axis=-1)


def swing(phase: np.ndarray, share: float) -> np.ndarray:
    """How far the left and the right foot are lifted, (..., 2) in [0, 1].

    The left foot swings around phase 0.25, the right one half a cycle later, each for `share` of the cycle.
    """
    both = np.stack([phase, phase + 0.5], axis=-1)
    offset = np.abs(np.mod(both - 0.25 + 0.5, 1.0) - 0.5)  # cycles from mid-swing
    return np.where(offset < share / 2, np.cos(np.pi * offset / share) ** 2, 0.0)


def arm_reference(skill: Skill, phase: np.ndarray) -> np.ndarray:
    """Reference of the eight arm joints, (..., 8) rad: each arm swings with the opposite leg."""
    swing_angle = -skill.arm_swing * np.cos(2.0 * np.pi * phase)
    zero = np.zeros_like(phase)
    elbow = np.full_like(phase, skill.elbow)
    # A negative shoulder pitch brings the arm forward; the left foot lands at phase 0.5, the left arm is back then.
    left = [swing_angle, zero + 0.08, zero, elbow]
    right = [-swing_angle, zero - 0.08, zero, elbow]
    return np.stack([*left, *right], axis=-1)


def effort_terms(step: Step) -> dict[str, np.ndarray]:
    """What every skill pays for: torque, jerky targets, slipping feet, a narrow stance, saturated actions."""
    s = step.signals
    rate = step.target - step.last_target
    jerk = step.target - 2 * step.last_target + step.before_last_target
    left_axis = rotation(s.qpos[:, 3:7])[:, :, 1]
    across = np.einsum("bi,bi->b", left_axis, s.left_foot - s.right_foot)
    slide = np.square(np.clip(step.foot_velocity[..., :2], -3, 3)).sum(axis=-1)
    return {
        "relaxed": tolerance.quadratic(s.force, margin=10.0).mean(axis=-1),
        "torque": -np.square(s.force).sum(axis=-1),
        "action_rate": -np.square(rate).sum(axis=-1),
        "action_jerk": -np.square(jerk).sum(axis=-1),
        "hips": -np.square(s.qpos[:, 7:26][:, HIPS]).sum(axis=-1),
        "tilt_rate": -np.square(s.qvel[:, 3:5]).sum(axis=-1),
        "bounce": -np.square(s.qvel[:, 2]),
        "slip": -(slide * (s.touch > 1.0)).sum(axis=-1),
        "stance_width": -np.maximum(_MIN_WIDTH - across, 0.0),
        "saturation": -np.square(np.maximum(np.abs(step.raw_action) - 1.0, 0.0)).sum(axis=-1),
    }


def gait_terms(skill: Skill, step: Step) -> dict[str, np.ndarray]:
    """How well the feet follow the gait phase: their heights, and when they touch the floor."""
    s = step.signals
    planned = swing(step.phase, skill.swing_share)
    feet = np.stack([s.left_foot[:, 2], s.right_foot[:, 2]], axis=-1)
    error = feet - _FOOT_HEIGHT - skill.swing_height * planned
    # The bell is sharp near the reference; the straight line leads there from afar.
    bell = np.exp(-np.square(error / (0.6 * skill.swing_height)).sum(axis=-1))
    line = 1.0 - np.minimum(np.abs(error) / skill.swing_height, 1.0).mean(axis=-1)
    return {"gait": 0.5 * bell + 0.5 * line, "contact": -((s.touch > 1.0) == (planned > 0.25)).mean(axis=-1)}


def locomotion_terms(skill: Skill, step: Step) -> dict[str, np.ndarray]:
    """Terms of stand, walk and run, unweighted, each (count,); penalties are negative."""
    s = step.signals
    velocity = along_heading(s.com_velocity, step.heading)
    task = get_task(skill.task).terms(replace(s, com_velocity=velocity), None)["reward"]
    body = rotation(s.qpos[:, 3:7])
    joints, joint_speed = s.qpos[:, 7 : 7 + H1.n], s.qvel[:, 6:ROBOT_NV]
    forward_x = body[:, 0, 0] * np.cos(step.heading) + body[:, 1, 0] * np.sin(step.heading)
    terms = {
        "task": task,
        **effort_terms(step),
        "arms": -np.square(joints[:, ARMS] - arm_reference(skill, step.phase)).sum(axis=-1),
        "torso": -np.square(joints[:, _J["torso"]]),
        "tall": -np.maximum(skill.height - s.qpos[:, 2], 0.0),
        "sideways": -np.square(velocity[:, 1]),
        "yaw_rate": -np.square(np.clip(s.qvel[:, 5], -3, 3)) * (forward_x > 0.9),
    }
    if skill.speed > 0:
        terms |= gait_terms(skill, step)
        terms["speed"] = np.exp(-np.square((velocity[:, 0] - skill.speed) / (0.2 * skill.speed)))
        terms["heading"] = forward_x
    else:
        terms["alive"] = np.ones_like(task)
        terms["still"] = np.exp(-np.square(velocity[:, :2] / 0.3).sum(axis=-1))
        terms["joint_speed"] = -np.square(joint_speed).sum(axis=-1)
        terms["both_feet"] = (s.touch > 1.0).all(axis=-1).astype(np.float64)
    return terms


def reward(skill: Skill, terms: dict[str, np.ndarray], polish: float = 0.0) -> np.ndarray:
    """Weighted sum of the terms, (count,); `polish` in [0, 1] brings in the skill's late factors."""
    total = np.zeros_like(terms["task"])
    for name, weight in skill.weights.items():
        factor = 1.0 + polish * (skill.polish.get(name, 1.0) - 1.0)
        total = total + weight * factor * terms[name]
    return total
