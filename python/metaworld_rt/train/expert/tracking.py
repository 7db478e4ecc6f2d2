"""The batch that tracks a motion clip, after DeepMimic (Peng et al., arXiv 1804.02717).

Episodes start anywhere in the clip; the gait phase runs through it once a period; the reward compares pose, speeds,
root and end effectors with the clip's. The motion is followed relative to the goal's heading, not to a place.
"""

from __future__ import annotations

import mujoco
import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.bank import Bank, join
from metaworld_rt.train.expert.clip import Clip
from metaworld_rt.train.expert.env import SkillEnv
from metaworld_rt.train.expert.evaluate import return_figures
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.shaping import Step, along_heading, effort_terms
from metaworld_rt.train.expert.skill import Skill

LOST_HEIGHT = 0.3  # m below the clip's root: the episode has failed
_ENDS = ("left_hand", "right_hand", "left_foot", "right_foot")
_WEIGHTS = {
    "pose": 1.0,
    "joint_rates": 0.2,
    "root": 0.6,
    "velocity": 0.5,
    "ends": 0.6,
    "action_rate": 0.05,
    "action_jerk": 0.025,
    "torque": 3e-6,
    "saturation": 0.5,
    "slip": 0.03,
}


def tracking_skill(name: str, clip: Clip, decisions: int = 6_000_000) -> Skill:
    """A skill that repeats a clip."""
    return Skill(
        name=name,
        description=f"repeats a recorded motion of {clip.seconds:.1f} s",
        task="stand",
        period=clip.seconds,
        speed=0.0,
        decisions=decisions,
        weights=_WEIGHTS,
        polish={"action_rate": 2.0, "action_jerk": 2.0},
        learns="clip",
        symmetric=False,
    )


def yaw_of(quat: np.ndarray) -> np.ndarray:
    """World yaw (...,) rad of quaternions (..., 4)."""
    r = rotation(quat)
    return np.arctan2(r[..., 1, 0], r[..., 0, 0])


def _turn(qpos: np.ndarray, qvel: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns states about the world's z axis by angles (n,) and puts them at the origin."""
    qpos, qvel = qpos.copy(), qvel.copy()
    half = 0.5 * angle
    w, x, y, z = qpos[:, 3:7].T
    c, s = np.cos(half), np.sin(half)
    qpos[:, 3:7] = np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], axis=1)
    qvel[:, :3] = along_heading(qvel[:, :3], -angle)
    qpos[:, :2] = 0.0
    return qpos, qvel


class ClipEnv(SkillEnv):
    """Robots that learn to repeat a clip; see `LocomotionEnv` for the other arguments."""

    def __init__(
        self,
        skill: Skill,
        clip: Clip,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "fast",
    ) -> None:
        super().__init__(skill, build("floor", collisions=collisions), features.LOCOMOTION, count, seed, threads)
        self.clip = clip
        self._yaw = yaw_of(clip.qpos[:, 3:7])
        self._ends = _end_effectors(self.model, clip.qpos)
        self._speed = along_heading(clip.qvel[:, :3], np.full(len(clip.qpos), self._yaw[0]))
        self._up = rotation(clip.qpos[:, 3:7])[:, 2, :]
        self.begin()

    def frame(self, phase: np.ndarray) -> np.ndarray:
        """Index of the clip's pose for a phase in cycles."""
        return np.minimum((np.mod(phase, 1.0) * len(self.clip.qpos)).astype(np.int64), len(self.clip.qpos) - 1)

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n = len(rows)
        self.phase[rows] = np.where(self.rng.random(n) < 0.2, 0.0, self.rng.random(n))
        k = self.frame(self.phase[rows])
        heading = self.rng.normal(0.0, 0.2, n)
        self.heading[rows] = heading
        qpos, qvel = _turn(self.clip.qpos[k], self.clip.qvel[k], heading - self._yaw[0])
        qpos[:, 7:] += self.rng.normal(0.0, 0.03, (n, H1.n))
        if not self.clip.cyclic:  # the end does not lead to the beginning: stop there
            left = ((1.0 - self.phase[rows]) * len(self.clip.qpos)).astype(np.int64)
            self._length[rows] = np.minimum(self._length[rows], np.maximum(left, 1))
        return qpos, qvel, H1.action_of_target(qpos[:, 7:])

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        s = step.signals
        k = self.frame(step.phase)
        ref, ref_v = self.clip.qpos[k], self.clip.qvel[k]
        body = rotation(s.qpos[:, 3:7])
        yaw_error = np.arctan2(body[:, 1, 0], body[:, 0, 0]) - (self._yaw[k] - self._yaw[0] + step.heading)
        tilt = np.square(body[:, 2, :] - self._up[k]).sum(axis=-1)
        velocity = along_heading(s.qvel[:, :3], step.heading) - self._speed[k]
        ends = np.stack([getattr(s, name) - s.qpos[:, :3] for name in _ENDS], axis=1)
        ends = np.einsum("bji,bej->bei", body, ends)
        terms = {
            "pose": np.exp(-2.0 * np.square(s.qpos[:, 7:] - ref[:, 7:]).sum(axis=-1)),
            "joint_rates": np.exp(-0.02 * np.square(s.qvel[:, 6:] - ref_v[:, 6:]).sum(axis=-1)),
            "root": np.exp(-20.0 * np.square(s.qpos[:, 2] - ref[:, 2]) - 5.0 * tilt - 2.0 * (1.0 - np.cos(yaw_error))),
            "velocity": np.exp(-2.0 * np.square(velocity[:, :2]).sum(axis=-1)),
            "ends": np.exp(-20.0 * np.square(ends - self._ends[k]).sum(axis=(-1, -2))),
        }
        tracked = sum(_WEIGHTS[name] * value for name, value in terms.items()) / sum(_WEIGHTS[n] for n in terms)
        return {"task": tracked, **terms, **effort_terms(step)}

    def _failed(self, s: Signals) -> np.ndarray:
        # The phase has not advanced yet, so it is the one that the state just reached is compared with.
        return s.qpos[:, 2] < self.clip.qpos[self.frame(self.phase), 2] - LOST_HEIGHT

    def score(self, actor: Expert, threads: int) -> tuple[dict[str, float], Bank]:
        """See `score_tracking`."""
        return score_tracking(actor, self.skill, self.clip, threads=threads)


def _end_effectors(model: mujoco.MjModel, qpos: np.ndarray) -> np.ndarray:
    """Hands and feet in the root's frame along the clip, (T, 4, 3) m."""
    data = mujoco.MjData(model)
    out = np.zeros((len(qpos), len(_ENDS), 3))
    for t, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        out[t] = np.array([data.site(name).xpos for name in _ENDS]) - q[:3]
    return np.einsum("tji,tej->tei", rotation(qpos[:, 3:7]), out)


def score_tracking(
    expert: Expert, skill: Skill, clip: Clip, episodes: int = 10, seed: int = 1234, threads: int = 2
) -> tuple[dict[str, float], Bank]:
    """Repeats the clip from its start with full collisions, for two periods or 10 s if that is longer.

    Returns:
        (scores, states): return_mean, return_std and return_min of the tracking reward scaled to 1000 for a perfect
        run, length_mean in decisions, joint_error in rad; and the visited states for a bank.
    """
    env = ClipEnv(skill, clip, episodes, seed, threads, "full")
    rows = np.arange(episodes)
    env.phase[:], env.heading[:], env.age[:] = 0.0, 0.0, 0
    env.physics.qpos, env.physics.qvel = _turn(
        np.tile(clip.qpos[0], (episodes, 1)), np.tile(clip.qvel[0], (episodes, 1)), np.full(episodes, -env._yaw[0])
    )
    env.action = H1.action_of_target(env.physics.qpos[:, 7:])
    decisions = len(clip.qpos) if not clip.cyclic else max(2 * len(clip.qpos), round(10.0 / DECISION_DT))
    env._length[:] = decisions + 1
    alive, returns, lengths = np.ones(episodes, dtype=bool), np.zeros(episodes), np.zeros(episodes)
    errors, states = [], []
    for t in range(decisions):
        with torch.no_grad():
            action = expert(torch.from_numpy(env.observe())).double().numpy()
        k = env.frame(env.phase)
        outcome = env.step(action)
        alive &= ~outcome.terminated
        if not alive.any():
            break
        returns += np.where(alive, outcome.task_reward, 0.0)
        lengths += alive
        errors.append(np.abs(env.physics.qpos[alive, 7:] - clip.qpos[k][alive, 7:]).mean())
        if t % 7 == 3:
            states.append(Bank(env.physics.qpos, env.physics.qvel, env.action, env.phase)[rows[alive]])
    env.close()
    returns *= 1000.0 / decisions
    scores = {
        **return_figures(returns),
        "length_mean": round(float(lengths.mean()), 1),
        "joint_error": round(float(np.mean(errors)) if errors else np.inf, 4),
    }
    return scores, join(states)
