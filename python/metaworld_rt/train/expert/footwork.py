"""The batch that learns footwork: legs that keep the pelvis at a place that moves, whatever the arms do and carry.

No skill of a bundle, but what searches for one stand on: `door_search` moves the arms and the place, these legs bear
the pull of the door as they would on the robot, so that what it finds can be done.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.bank import ROBOT_NQ, ROBOT_NV, Bank, join
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.evaluate import return_figures
from metaworld_rt.train.expert.policy import Expert, widen
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import ARMS, Step, effort_terms, gait_terms
from metaworld_rt.train.expert.skill import Skill

TORSO = H1.joints.index("torso")
LED = np.zeros(H1.n, dtype=bool)  # joints that something else moves: arms and torso
LED[[*ARMS, TORSO]] = True
HEIGHT = 1.0  # m, of the place
REACH = 0.35  # m: the place is never further from the pelvis
FALLEN_HEIGHT, FALLEN_UP = 0.65, 0.5
_BACK = 2.0  # 1/s: how fast it should come back to its place
_SPEED = 0.8  # m/s at most, of the place
_TURN = 0.7  # rad at most, of the heading
_PULL = 90.0  # N at most, at a hand
_PUSH = 0.6  # m/s
_TORSO = 0.35  # rad
_STEER_S, _ARM_S, _PULL_S, _PUSH_S = 1.6, 0.5, 1.6, 4.0  # mean time between changes
_ARM_POSE = np.array([-0.3, 0.25, 0.0, 0.3, -0.3, -0.25, 0.0, 0.3])  # rad, around which arms wander
_ARM_WANDER = np.array([0.8, 0.35, 0.45, 0.5] * 2)
_SEEN = 0.15  # m: deviation of the place
_FREE_ARM = 1.0  # standard deviation of the noise on joints that are not its own: nothing is learned of them


class FootworkEnv(SkillEnv):
    """Robots on a floor, each with a place to keep, arms that wander and hands that are pulled at.

    See `LocomotionEnv` for the arguments. The place is the goal's feature, seen from the pelvis.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
        banks: Sequence[Bank] = (),
    ) -> None:
        super().__init__(skill, build("floor", collisions=collisions), features.HOUSEHOLD, count, seed, threads, banks)
        self.place, self.velocity, self.turn = np.zeros((count, 3)), np.zeros((count, 2)), np.zeros(count)
        self.place[:, 2] = HEIGHT
        self.led, self._led_goal = np.tile(H1.default_pos, (count, 1)), np.tile(H1.default_pos, (count, 1))
        self._pull, self._hand = np.zeros((count, 3)), np.zeros(count, dtype=np.int64)
        self._hands = [mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, f"{s}_hand") for s in ("left", "right")]
        self._senses = Senses(self.physics)
        self.begin()

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng = len(rows), self.rng
        qpos, qvel, action = self.home(n)
        amount = self.difficulty * rng.random((n, 1))
        qpos[:, 7:ROBOT_NQ] += amount * rng.normal(0.0, 0.15, (n, H1.n))
        qvel[:, :6] += amount * rng.normal(0.0, 0.4, (n, 6))
        self._start_from_banks(rows, rng.random(n) < self.skill.bank_share, qpos, qvel, action)
        self.place[rows, :2] = qpos[:, :2]
        self.heading[rows], self.velocity[rows], self.turn[rows] = 0.0, 0.0, 0.0
        self.led[rows] = np.where(LED, qpos[:, 7:ROBOT_NQ], H1.default_pos)
        self._led_goal[rows] = self.led[rows]
        self._pull[rows] = 0.0
        return qpos, qvel, action

    def _started(self, rows: np.ndarray) -> None:
        self._senses.reset(rows)

    def _extra(self) -> dict[str, np.ndarray]:
        return self._senses.terms(self.place)

    def _changes(self, seconds: float) -> np.ndarray:
        return np.flatnonzero(self.rng.random(self.count) < DECISION_DT / seconds)

    def _wander(self) -> None:
        """New courses, arm poses, pulls and pushes."""
        rng, ease = self.rng, 0.3 + 0.7 * self.difficulty
        rows = self._changes(_STEER_S)
        way = rng.uniform(-np.pi, np.pi, len(rows))
        speed = _SPEED * ease * rng.random(len(rows)) * (rng.random(len(rows)) < 0.6)
        self.velocity[rows] = speed[:, None] * np.stack([np.cos(way), 0.7 * np.sin(way)], axis=-1)
        self.turn[rows] = rng.uniform(-_TURN, _TURN, len(rows)) * (rng.random(len(rows)) < 0.4)
        rows = self._changes(_ARM_S)
        pose = self._led_goal[rows]
        pose[:, ARMS] = _ARM_POSE + ease * _ARM_WANDER * rng.normal(size=(len(rows), len(ARMS)))
        pose[:, TORSO] = ease * _TORSO * rng.normal(size=len(rows))
        self._led_goal[rows] = np.clip(pose, H1.lower, H1.upper)
        rows = self._changes(_PULL_S)
        force = _PULL * self.difficulty * rng.random((len(rows), 1)) * (rng.random((len(rows), 1)) < 0.6)
        way = rng.normal(size=(len(rows), 3)) * [1.0, 0.6, 0.5]
        self._pull[rows] = force * way / np.linalg.norm(way, axis=-1, keepdims=True)
        self._hand[rows] = rng.integers(0, 2, len(rows))
        rows = self._changes(_PUSH_S)
        push = self.difficulty * _PUSH
        self.physics.qvel[rows, :2] += rng.uniform(-push, push, (len(rows), 2))
        self.physics.qvel[rows, 3:6] += rng.uniform(-push, push, (len(rows), 3)) * 0.5

    def _before_step(self) -> None:
        self._wander()
        self.heading += np.clip(self.turn - self.heading, -DECISION_DT, DECISION_DT)
        self.place[:, :2] += DECISION_DT * self.velocity
        self.place[:, :2] = keep_near(self.physics.qpos[:, :2], self.place[:, :2])
        self.led += np.clip(self._led_goal - self.led, -3.0 * DECISION_DT, 3.0 * DECISION_DT)
        wrench = np.zeros((self.count, self.model.nbody, 6))
        wrench[np.arange(self.count), np.take(self._hands, self._hand), :3] = self._pull
        self.physics.wrench = wrench

    def step(self, raw_action: np.ndarray):
        """As of every batch; what the policy says of arms and torso does not count."""
        return super().step(np.where(LED, H1.action_of_target(self.led), raw_action))

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self._senses.update()
        s = step.signals
        away = np.linalg.norm(self.place[:, :2] - s.qpos[:, :2], axis=-1)
        moving = np.maximum(
            np.clip((away - 0.06) / 0.06, 0.0, 1.0), np.clip(np.linalg.norm(self.velocity, axis=-1) / 0.1, 0.0, 1.0)
        )
        still = 1.0 - moving
        gait = gait_terms(self.skill, step)
        legs = s.qvel[:, 6:ROBOT_NV][:, ~LED]
        wanted = self.velocity + _BACK * (self.place[:, :2] - s.qpos[:, :2])
        error = np.linalg.norm(s.com_velocity[:, :2] - wanted, axis=-1)
        facing = rotation(s.qpos[:, 3:7])[:, :2, 0]
        return {
            "task": 0.5 * np.exp(-np.square(away / 0.15)) + 0.5 * np.exp(-np.square(away / 0.04)),
            "away": -away / REACH,
            "alive": np.ones(self.count),
            "speed": 0.5 * np.exp(-np.square(error / 0.25)) + 0.5 * (1.0 - np.minimum(error, 2.0)),
            "heading": (facing * np.stack([np.cos(self.heading), np.sin(self.heading)], axis=-1)).sum(axis=-1),
            "upright": s.torso_up,
            "tall": -np.maximum(self.skill.height - s.qpos[:, 2], 0.0),
            "gait": moving * gait["gait"] + still,
            "contact": moving * gait["contact"] + still * ((s.touch > 1.0).all(axis=-1) - 1.0),
            "joint_speed": -still * np.square(legs).sum(axis=-1),
            **effort_terms(step),
        }

    def _failed(self, s: Signals) -> np.ndarray:
        return (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)

    def score(self, actor: Expert, threads: int) -> tuple[dict[str, float], Bank]:
        """See `score_footwork`."""
        return score_footwork(actor, self.skill, threads=threads)


def keep_near(pelvis: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The place (n, 2), drawn to at most `REACH` from the pelvis (n, 2), world, m."""
    away = place - pelvis
    length = np.linalg.norm(away, axis=-1, keepdims=True)
    return pelvis + away * np.minimum(1.0, REACH / np.maximum(length, 1e-6))


def from_stand(stand: Expert) -> Expert:
    """A first guess at footwork: the same, and it can see where the place is as well as it sees the rest."""
    expert = widen(stand, features.LOCOMOTION, features.HOUSEHOLD)
    where = features.slices(features.HOUSEHOLD)["base_to_goal"]
    with torch.no_grad():
        expert.normaliser.variance[where] = _SEEN**2
    return expert


def free_arms(expert: Expert) -> None:
    """Makes PPO indifferent to what the expert says of joints that are not its own."""
    with torch.no_grad():
        expert.log_std[torch.from_numpy(LED)] = float(np.log(_FREE_ARM))


def score_footwork(
    actor: Expert, skill: Skill, robots: int = 64, seed: int = 1234, threads: int = 1, decisions: int = 500
) -> tuple[dict[str, float], Bank]:
    """Scores an expert at full difficulty.

    Returns:
        The scores: `return_mean` sums how well the place was kept until the first fall (at most `decisions`), `upright`
        is the share of robots that never fell. And states for other skills to start from.
    """
    env = FootworkEnv(skill, robots, seed, threads, "full")
    env.difficulty, env._length[:] = 1.0, decisions + 1
    env.age[:] = 0
    phi, alive, total, states = env.observe(), np.ones(robots, dtype=bool), np.zeros(robots), []
    for t in range(decisions):
        with torch.no_grad():
            outcome = env.step(actor(torch.from_numpy(phi)).double().numpy())
        phi = outcome.phi
        total += np.where(alive, outcome.task_reward, 0.0)
        alive &= ~outcome.terminated
        if t % 10 == 9:
            states.append(Bank(env.physics.qpos.copy(), env.physics.qvel.copy(), env.action, env.phase.copy())[alive])
    env.close()
    scores = {
        **return_figures(total),
        "decisions": decisions,
        "upright": round(float(alive.mean()), 3),
    }
    return scores, join(states)
