"""The batch that learns the door: approach it, turn the hatch and pull it open, pass through.

Three experts share this batch; a skill's stage says where episodes start and what is rewarded. The door opens towards
the robot, so opening means turning the hatch by about a radian, hooking the forearm's knob behind the handle, pulling,
and getting out of the leaf's way; passing means going around the leaf's tip and keeping the leaf from falling shut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import PASSED_X, door_reward
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.bank import Bank
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import ARMS, Step, arm_reference, effort_terms, gait_terms
from metaworld_rt.train.expert.skill import Skill

FALLEN_HEIGHT = 0.62
FALLEN_UP = 0.2
UNLATCHED = 1.0  # rad: the locks are clear of the frame
OPEN = 1.0  # rad: the task's reward for the hinge is full
STAND_X = 0.12  # where the base stands to open
STAND_Y = 0.10
_HINGE_XY = np.array([0.75, -0.5])
_HATCH_FROM_HINGE = np.array([0.05, 0.9, 1.2])  # of the closed door
_HANDLE = np.array([-0.141, -0.12, 0.0])  # the middle of the inner handle, from the hatch's centre, unturned
_KNOB = np.array([-0.03, 0.0, 0.0])  # from the hand's site to the middle of the knob


def handle_position(hinge: np.ndarray, latch: np.ndarray) -> np.ndarray:
    """World position (..., 3) of the inner handle's middle for hinge and latch angles (...,), rad."""
    c, s = np.cos(latch), np.sin(latch)
    x, y, z = _HANDLE
    local = np.stack(
        [
            np.full_like(c, x + _HATCH_FROM_HINGE[0]),
            y * c - z * s + _HATCH_FROM_HINGE[1],
            y * s + z * c + _HATCH_FROM_HINGE[2],
        ],
        axis=-1,
    )
    ch, sh = np.cos(hinge), np.sin(hinge)
    return np.stack(
        [
            _HINGE_XY[0] + ch * local[..., 0] - sh * local[..., 1],
            _HINGE_XY[1] + sh * local[..., 0] + ch * local[..., 1],
            local[..., 2],
        ],
        axis=-1,
    )


class DoorEnv(SkillEnv):
    """Robots in front of a door each; see `LocomotionEnv` for the arguments."""

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
        banks: Sequence[Bank] = (),
    ) -> None:
        super().__init__(skill, build("door", collisions=collisions), features.HOUSEHOLD, count, seed, threads, banks)
        self._senses = Senses(self.physics)
        self.begin()

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng = len(rows), self.rng
        qpos, qvel, action = self.home(n)
        self.heading[rows] = 0.0
        kind = rng.random(n)
        begin = _BEGIN[self.skill.name]
        begin(rng, qpos, kind)
        yaw = rng.normal(0.0, 0.1, n) * (kind > 0.2)
        qpos[:, 3], qpos[:, 6] = np.cos(yaw / 2), np.sin(yaw / 2)
        self._start_from_banks(rows, kind > 1.0 - self.skill.bank_share, qpos, qvel, action)
        return qpos, qvel, action

    def _started(self, rows: np.ndarray) -> None:
        self._senses.reset(rows)

    def _extra(self) -> dict[str, np.ndarray]:
        return self._senses.terms()

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self._senses.update()
        s = step.signals
        hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
        task = door_reward(s)
        handle = handle_position(hinge, latch)
        body = rotation(s.qpos[:, 3:7])
        elbow_x = _hand_axis(s.qpos, body)
        left = np.linalg.norm(s.left_hand + elbow_x * _KNOB[0] - handle, axis=-1)
        speed = np.linalg.norm(s.com_velocity[:, :2], axis=-1)
        place = np.linalg.norm(s.qpos[:, :2] - [STAND_X, STAND_Y], axis=-1)
        arms = np.square(s.qpos[:, 7:26][:, ARMS] - arm_reference(self.skill, step.phase))
        gait = gait_terms(self.skill, step)
        moving = np.clip(speed / 0.4, 0.0, 1.0)
        open_share = np.clip(hinge / OPEN, 0.0, 1.2)
        return {
            "task": task["reward"],
            "place": np.exp(-np.square(place / 0.3)),
            "hand": 0.5 * np.exp(-left / 0.5) + 0.5 * np.exp(-np.square(left / 0.12)),
            "latch": np.clip(latch / UNLATCHED, 0.0, 1.0),
            "ajar": np.clip(hinge / 0.1, 0.0, 1.0),
            "open": open_share,
            "opening": np.clip(s.qvel[:, -2], -0.5, 1.0) * (hinge < OPEN),
            "through": np.clip((s.imu_x + 0.3) / (PASSED_X + 0.3), 0.0, 1.0),
            "both": np.clip(open_share, 0.0, 1.0) * np.clip((s.imu_x - 0.2) / (PASSED_X - 0.2), 0.0, 1.0),
            "facing": body[:, 0, 0],
            "still": np.exp(-np.square(speed / 0.3)),
            "gait": moving * gait["gait"] + (1.0 - moving),
            "upright": s.torso_up,
            "arms": -arms[:, 4:].sum(axis=-1),
            "torso": -np.square(s.qpos[:, 17]),
            **effort_terms(step),
        }


def _hand_axis(qpos: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Roughly where the left forearm points, (count, 3) world: enough to place the knob 3 cm behind the hand's site."""
    pitch = qpos[:, 7 + H1.joints.index("left_shoulder_pitch")] + qpos[:, 7 + H1.joints.index("left_elbow")]
    local = np.stack([np.cos(pitch), np.zeros_like(pitch), -np.sin(pitch)], axis=-1)
    return np.einsum("bij,bj->bi", body, local)


def _begin_approach(rng: np.random.Generator, qpos: np.ndarray, kind: np.ndarray) -> None:
    spread = kind > 0.4
    n = len(qpos)
    qpos[:, 0] += spread * rng.uniform(-0.9, 0.15, n)
    qpos[:, 1] += spread * rng.uniform(-0.2, 0.2, n)


def _begin_open(rng: np.random.Generator, qpos: np.ndarray, kind: np.ndarray) -> None:
    """In front of the closed door; or with the hatch turned, ajar or half open, so that the end is learned first."""
    n = len(qpos)
    near = kind > 0.25
    qpos[:, 0] += near * rng.uniform(-0.15, 0.15, n)
    qpos[:, 1] += near * rng.uniform(-0.1, 0.2, n)
    turned = (kind > 0.45) & (kind < 0.6)
    qpos[:, -1] = np.where(turned, rng.uniform(0.3, 1.3, n), qpos[:, -1])
    ajar = kind > 0.6
    hinge = np.where(rng.random(n) < 0.5, rng.uniform(0.05, 0.3, n), rng.uniform(0.2, 1.1, n))
    qpos[:, -2] = np.where(ajar, hinge, qpos[:, -2])
    qpos[:, -1] = np.where(ajar, rng.uniform(0.6, 1.2, n), qpos[:, -1])
    _step_back(qpos, ajar)


def _begin_pass(rng: np.random.Generator, qpos: np.ndarray, kind: np.ndarray) -> None:
    """With the door open: beside its tip, or further and further through the doorway."""
    n = len(qpos)
    along = rng.random(n)
    qpos[:, 0] = -0.35 + 1.3 * along * (kind > 0.5)
    qpos[:, 1] = 0.25 - 0.2 * along * (kind > 0.5) + rng.uniform(-0.05, 0.05, n)
    qpos[:, -2] = rng.uniform(0.9, 1.38, n)
    qpos[:, -1] = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0.0, 1.2, n))


def _step_back(qpos: np.ndarray, rows: np.ndarray) -> None:
    """Moves robots out of the leaf's way."""
    hinge = qpos[:, -2]
    leaf_x = _HINGE_XY[0] - np.sin(hinge) * 0.9
    limit = leaf_x - 0.45
    qpos[:, 0] = np.where(rows, np.minimum(qpos[:, 0], np.maximum(limit, -1.0)), qpos[:, 0])


_BEGIN: dict[str, Callable[[np.random.Generator, np.ndarray, np.ndarray], None]] = {
    "door_approach": _begin_approach,
    "door_open": _begin_open,
    "door_pass": _begin_pass,
}
