"""What makes practice harder than the task: pushes, scenes that differ between robots, states that are seen late."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import mujoco
import numpy as np

from metaworld_rt.plants.disturbance import Disturbances
from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.tasks.vector import VectorPhysics

PUSH_EVERY_S = 4.0
SCENES = 32  # that differ, of a batch


class Pushes:
    """Sudden changes of the base's velocity, each robot's 0.4 to 1.6 times `PUSH_EVERY_S` apart. Not thread-safe.

    A robot is pushed when it was scheduled to be.

    Args:
        count: robots.
        rng: draws when and how.
        calm: the first so many are never pushed.
    """

    def __init__(self, count: int, rng: np.random.Generator, calm: int = 0) -> None:
        self._rng, self._calm, self._next = rng, calm, np.full(count, np.iinfo(np.int64).max)

    def schedule(self, rows: np.ndarray, age: np.ndarray) -> None:
        """Draws when some robots are pushed next; `age` (count,) in decisions."""
        rows = rows[rows >= self._calm]
        mean = PUSH_EVERY_S / DECISION_DT
        self._next[rows] = age[rows] + self._rng.integers(int(0.4 * mean), int(1.6 * mean), len(rows))

    def apply(self, physics: VectorPhysics, age: np.ndarray, limit: float) -> np.ndarray:
        """Pushes those whose time has come: up to `limit` m/s in x and y, and half as many rad/s. Gives their rows.

        The caller schedules these again.
        """
        rows = np.flatnonzero(age >= self._next)
        if len(rows):
            physics.qvel[rows, :2] += self._rng.uniform(-limit, limit, (len(rows), 2))
            physics.qvel[rows, 3:6] += self._rng.uniform(-limit, limit, (len(rows), 3)) * 0.5
        return rows


@dataclass(frozen=True)
class Variety:
    """How far scenes differ; ranges to draw from evenly, by default none.

    Attributes:
        friction: factors on every sliding friction.
        payload_kg: mass added to the torso.
        strength: factors on the joints' force limits.
        masses: factors on every body's mass, drawn one by one.
        springs: factors on the stiffness of the joints in `sprung`.
        sprung: names of joints.
        libccd: share of the scenes that find the contacts of convex bodies with libccd, as the published benchmark's
            MuJoCo does (3.1.6), in place of today's own algorithm.
    """

    friction: tuple[float, float] = (1.0, 1.0)
    payload_kg: tuple[float, float] = (0.0, 0.0)
    strength: tuple[float, float] = (1.0, 1.0)
    masses: tuple[float, float] = (1.0, 1.0)
    springs: tuple[float, float] = (1.0, 1.0)
    sprung: tuple[str, ...] = ()
    libccd: float = 0.0

    def spread(self, model: mujoco.MjModel, rng: np.random.Generator, robots: int) -> list[mujoco.MjModel]:
        """A scene for each robot, of at most `SCENES` that differ so far.

        Robots of one scene are neighbours: a thread that steps them one after another keeps its meshes in the cache.
        """
        scenes = self.scenes(model, rng, min(robots, SCENES))
        return [scenes[k * len(scenes) // robots] for k in range(robots)]

    def scenes(self, model: mujoco.MjModel, rng: np.random.Generator, count: int) -> list[mujoco.MjModel]:
        """Copies of a scene that differ so far; the scene itself where nothing differs."""
        if self == Variety():
            return [model]
        old = np.diff(np.floor(self.libccd * np.arange(count + 1))) > 0  # spread evenly
        return [self._scene(copy.copy(model), rng, libccd) for libccd in old]

    def _scene(self, model: mujoco.MjModel, rng: np.random.Generator, libccd: bool) -> mujoco.MjModel:
        if libccd:
            model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_NATIVECCD
        for name in self.sprung:
            model.jnt_stiffness[model.joint(name).id] *= rng.uniform(*self.springs)
        scale = rng.uniform(*self.masses, model.nbody)
        model.body_mass[:] *= scale
        model.body_inertia[:] *= scale[:, None]
        mujoco.mj_setConst(model, mujoco.MjData(model))
        Disturbances(
            payload_kg=rng.uniform(*self.payload_kg),
            friction=rng.uniform(*self.friction),
            strength=rng.uniform(*self.strength),
        ).change_model(model)
        return model


class Lag:
    """What robots see of states that arrive late, each by its own number of decisions. Not thread-safe.

    Args:
        lags: (count,) decisions.

    Attributes:
        late: whether anybody sees late; without that there is nothing to note or forget.
    """

    def __init__(self, lags: np.ndarray) -> None:
        self._lags, self._longest = lags, int(lags.max(initial=0))
        self.late = self._longest > 0
        self._past: list[dict[str, np.ndarray]] = []  # the newest first

    def note(self, now: dict[str, np.ndarray]) -> None:
        """Called before every step with the arrays (count, ...) that are sensed."""
        self._past.insert(0, {name: np.array(value) for name, value in now.items()})
        del self._past[self._longest :]

    def forget(self, rows: np.ndarray, now: dict[str, np.ndarray]) -> None:
        """Robots that were reset: until something arrives they see where they are."""
        for past in self._past:
            for name, value in now.items():
                past[name][rows] = value[rows]

    def seen(self, now: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What has arrived, shaped as `now`."""
        if not self._past:
            return now
        seen = {name: np.array(value) for name, value in now.items()}
        for lag in range(1, self._longest + 1):
            rows = self._lags == lag
            past = self._past[min(lag, len(self._past)) - 1]
            for name in seen:
                seen[name][rows] = past[name][rows]
        return seen


def drawn_lags(rng: np.random.Generator, count: int, shares: tuple[float, ...]) -> np.ndarray:
    """Lags (count,) of which `shares[k]` are k decisions."""
    return rng.choice(len(shares), count, p=shares)
