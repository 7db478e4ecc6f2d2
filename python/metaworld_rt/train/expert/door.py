"""The batch that learns the door: approach it, turn the hatch and pull it open, hold it open from the doorway.

Three experts share this batch; a skill's name says where episodes start and which states of its own it starts from
again. The reward is a ladder that never goes down a rung: hand at the hatch, hatch turned, leaf ajar, hand behind the
leaf's edge, leaf open, robot in the doorway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import PASSED_X, door_reward
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.archive import Archive
from metaworld_rt.train.expert.bank import Bank, join
from metaworld_rt.train.expert.door_hook import ARM_JOINTS, replay_all
from metaworld_rt.train.expert.door_starts import HINGE_XY, LEAF_OUTER, pool
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import Step, effort_terms
from metaworld_rt.train.expert.skill import Skill

TIMESTEP = 0.004  # s, of the training physics: half the work, and experts walk on it as they do on the task's 0.002
EPISODE = (200, 420)  # decisions
FALLEN_HEIGHT = 0.62
FALLEN_UP = 0.3
GONE_X = 1.6  # m: walked away; nothing to hold the door with, nothing left to learn
UNLATCHED = 0.75  # rad: the locks are clear of the frame
PULLED = 0.2  # rad: from here on the hatch is done with
OPEN = 1.0  # rad: the task's reward for the hinge is full
_HATCH_FROM_HINGE = np.array([0.05, 0.9, 1.2])  # of the closed door
# Where the hand hooks the hatch: between the leaf and the lock's inner rod and under it, from the hatch's centre,
# unturned. Lifting the rod turns the hatch, and the forearm's knob, caught behind it, pulls. (A random search over arm
# motions with the pelvis held found this; the handle on the other side offers a forearm without a hand no grip.)
_HOOK = np.array([-0.10, 0.10, -0.045])
_EDGE = np.array([LEAF_OUTER + 0.02, 0.99])  # behind the leaf's edge: across and along the leaf from the hinge
_AROUND = np.array([0.02, 1.12])  # the way there, around the edge
_IN_PLACE = 0.06  # m from the motion's place at which it begins
_HOOKED_FROM = 12  # decisions of a motion before which nothing touches the hatch
_ARM_WEIGHTS = np.array([1.0] * 5 + [0.2] * 4)  # torso, left arm, right arm
_SHOWN = 1 / 3
_POOL = 600  # hand-made starts of a kind

# Shares of the hand-made starts; "reset" is the task's own.
_BEGIN: dict[str, dict[str, float]] = {
    "door_approach": {"reset": 0.6, "front": 0.4},
    "door_open": {"reset": 0.2, "front": 0.2, "hooked": 0.2, "ajar": 0.25, "gap": 0.15},
    "door_pass": {"pulled": 0.15, "ajar": 0.25, "gap": 0.35, "lunge": 0.25},
}
_HINGE_BINS = np.array([0.03, 0.12, 0.22, 0.32, 0.5, 0.7, 0.9, 1.05])
_PLACE_BINS = np.array([0.25, 0.5, 0.8])
# Hinge bins whose states a skill starts from again: those of the skill before it are in, so that switches are learned.
_AGAIN = {"door_approach": (0, 1), "door_open": (0, 9), "door_pass": (3, 9)}


def hook_position(hinge: np.ndarray, latch: np.ndarray) -> np.ndarray:
    """World position (..., 3) of the place to hook the hatch at, for hinge and latch angles (...,), rad."""
    c, s = np.cos(latch), np.sin(latch)
    x, y, z = _HOOK
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
            HINGE_XY[0] + ch * local[..., 0] - sh * local[..., 1],
            HINGE_XY[1] + sh * local[..., 0] + ch * local[..., 1],
            local[..., 2],
        ],
        axis=-1,
    )


def way_behind(hand: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """How far a hand (..., 3) is from behind the leaf's edge, m, the way around the edge if it is before the leaf."""
    away = hand[..., :2] - HINGE_XY
    c, s = np.cos(hinge), np.sin(hinge)
    local = np.stack([c * away[..., 0] + s * away[..., 1], c * away[..., 1] - s * away[..., 0]], axis=-1)
    before = (local[..., 0] < LEAF_OUTER) & (local[..., 1] < _EDGE[1] + 0.03)
    around = np.linalg.norm(local - _AROUND, axis=-1) + np.linalg.norm(_AROUND - _EDGE)
    return np.where(before, around, np.linalg.norm(local - _EDGE, axis=-1))


def angle_before(base: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """How far the base (..., 3) is before the leaf, rad about the hinge; negative behind it, on the passage's side."""
    away = base[..., :2] - HINGE_XY
    return np.arctan2(-away[..., 0], away[..., 1]) - hinge


class DoorEnv(SkillEnv):
    """Robots in front of a door each; see `LocomotionEnv` for the arguments.

    Banks here hold whole states, the door's joints too, such as those that `door_search` found; with a bank a third of
    the hand-made starts come from it.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "full",
        banks: Sequence[Bank] = (),
    ) -> None:
        model = build("door", collisions=collisions)
        model.opt.timestep = TIMESTEP
        super().__init__(skill, model, features.HOUSEHOLD, count, seed, threads, banks)
        self._senses = Senses(self.physics)
        self._motions = replay_all(TIMESTEP)
        self._motion, self._clock = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._shares = dict(_BEGIN[skill.name])
        if self.banks:
            self._shares = {"shown": _SHOWN, **{kind: share * (1 - _SHOWN) for kind, share in self._shares.items()}}
        self._pools = {kind: self._pool(kind) for kind in self._shares if kind != "reset"}
        bins = (len(_HINGE_BINS) + 1) * (len(_PLACE_BINS) + 1) + 1
        self.archive = Archive(count, (model.nq, model.nv, self.action.shape[1], 1, 2), bins, 200, self.rng)
        self.begin()

    def _pool(self, kind: str) -> tuple[np.ndarray, ...]:
        """Hand-made starts of a kind: qpos, qvel, actions, motions and clocks (k, ...)."""
        if kind == "shown":
            shown = join(self.banks)
            return shown.qpos, shown.qvel, shown.action, self._nearest(shown.qpos)
        if kind in ("hooked", "pulled"):
            m = self._motions
            which, when = (index.ravel() for index in np.indices(m.qpos.shape[:2]))
            good = when > _HOOKED_FROM if kind == "hooked" else m.qpos[which, when, -2] > PULLED
            which, when = which[good], when[good]
            state = np.stack([which, when], axis=-1)
            return m.qpos[which, when], m.qvel[which, when], m.action[which, when], state
        qpos = pool(self.model, kind, _POOL, self.rng)
        action = H1.action_of_target(qpos[:, 7:26])
        return qpos, np.zeros((_POOL, self.model.nv)), action, self._nearest(qpos)

    def _nearest(self, qpos: np.ndarray) -> np.ndarray:
        """The motion whose place is nearest, and its beginning, (k, 2)."""
        away = np.linalg.norm(qpos[:, None, :2] - self._motions.place, axis=-1)
        nearest = away.argmin(axis=1)
        return np.stack([nearest, np.zeros_like(nearest)], axis=-1)

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng = len(rows), self.rng
        qpos, qvel, action = self.home(n)
        state = self._nearest(qpos)
        self.heading[rows] = 0.0
        self.archive.forget(rows)
        self._length[rows] = rng.integers(*EPISODE, n)
        kinds = rng.choice(len(self._shares), n, p=list(self._shares.values()))
        for at, kind in enumerate(self._shares):
            chosen = np.flatnonzero(kinds == at)
            if kind != "reset" and len(chosen):
                made = self._pools[kind]
                pick = rng.integers(0, len(made[0]), len(chosen))
                qpos[chosen], qvel[chosen], action[chosen], state[chosen] = (part[pick] for part in made)
        again = np.flatnonzero(rng.random(n) < self.skill.bank_share)
        lived = self.archive.draw(len(again))
        again = again[: len(lived[0])]
        qpos[again], qvel[again], action[again], phase, state[again] = lived
        self.phase[rows[again]] = phase[:, 0]
        self._motion[rows], self._clock[rows] = state.T
        return qpos, qvel, action

    def reference(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the motion that each robot imitates is: joint positions (count, 19), rad, and normalised actions."""
        m = self._motions
        at = np.minimum(self._clock, m.length - 1)
        return m.qpos[self._motion, at, 7:26], m.action[self._motion, at]

    def _advance(self, s: Signals, pulled: np.ndarray) -> np.ndarray:
        """Moves the motions on; they wait for the robot to be in place. Returns how far it is from there, m."""
        away = np.linalg.norm(s.qpos[:, :2] - self._motions.place[self._motion], axis=-1)
        self._clock += (self._clock > 0) | (away < _IN_PLACE)
        again = (self._clock >= self._motions.length) & ~pulled
        self._clock[again] = 0
        return away

    def _started(self, rows: np.ndarray) -> None:
        self._senses.reset(rows)

    def _extra(self) -> dict[str, np.ndarray]:
        return self._senses.terms()

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP) | (s.imu_x > GONE_X)

    def _bins(self, s: Signals) -> np.ndarray:
        """The archive's bin of each robot; the last one is for a hatch that is turned while the leaf is shut."""
        hinge = np.digitize(s.qpos[:, -2], _HINGE_BINS)
        low, high = _AGAIN[self.skill.name]
        bins = hinge * (len(_PLACE_BINS) + 1) + np.digitize(s.imu_x, _PLACE_BINS)
        turned = (hinge == 0) & (s.qpos[:, -1] > UNLATCHED)
        bins = np.where(turned, len(self.archive.filled) - 1, bins)
        return np.where((hinge >= low) & (hinge < high), bins, -1)

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self._senses.update()
        s = step.signals
        hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
        state = np.stack([self._motion, self._clock], axis=-1)
        self.archive.look((s.qpos, s.qvel, self.action, self.phase[:, None], state), self._bins(s))
        arms = np.square(s.qpos[:, 7:26] - self.reference()[0])[:, ARM_JOINTS] @ _ARM_WEIGHTS
        away = self._advance(s, hinge > PULLED)
        task = door_reward(s)
        near = np.linalg.norm(s.left_hand - hook_position(hinge, latch), axis=-1)
        behind = np.minimum(*(way_behind(hand, hinge) for hand in (s.left_hand, s.right_hand)))
        pulled, half = hinge > PULLED, hinge > 0.6
        opened = np.clip(hinge / OPEN, 0.0, 1.0)
        passed = np.clip((s.imu_x + 0.1) / (PASSED_X + 0.1), 0.0, 1.0)
        # Leaning on the shut door brings the robot nearer the passage, and no nearer to opening it. The approach alone
        # is paid for it: it can do no more, and is what the task is left with where the door stays shut.
        leaning = 0.35 * task["passage_reward"] * ~pulled * (self.skill.name != "door_approach")
        return {
            "task": task["reward"] - leaning,
            "place": np.where(pulled, 1.0, np.exp(-np.square(away / 0.2))),
            "mimic": np.where(pulled, 1.0, np.exp(-2.0 * arms)),
            "hand": np.where(pulled, 1.0, 0.5 * np.exp(-near / 0.4) + 0.5 * np.exp(-np.square(near / 0.12))),
            "latch": np.where(pulled, 1.0, np.clip(latch / UNLATCHED, 0.0, 1.0)),
            "ajar": np.clip(hinge / PULLED, 0.0, 1.0),
            "behind": np.where(half, 1.0, pulled * np.exp(-behind / 0.3)),
            "around": pulled * np.clip(1.0 - angle_before(s.qpos[:, :3], hinge) / 0.8, 0.0, 1.0),
            "open": opened,
            "opening": np.clip(s.qvel[:, -2], -0.3, 0.8) * (hinge < OPEN),
            "both": opened * passed,
            "facing": rotation(s.qpos[:, 3:7])[:, 0, 0],
            "upright": s.torso_up,
            "joint_speed": -np.square(s.qvel[:, 6:25]).sum(axis=-1),
            **effort_terms(step),
        }
