"""What goes wrong with a robot: pushes, payload, friction, and a sensor path that delays, drops, freezes or lies.

The same object serves the real-time plant and lockstep evaluation: all times are simulated seconds since the start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from metaworld_rt.plants.robot import H1


@dataclass(frozen=True)
class Push:
    """A push of the base.

    Attributes:
        at_s: when.
        velocity: (3,) m/s added at once to the base's velocity, world frame.
        spin: (3,) rad/s added at once to the base's angular velocity, body frame.
        force: (3,) N on the torso, world frame, for `duration_s`.
        duration_s: how long the force lasts.
    """

    at_s: float
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    force: tuple[float, float, float] = (0.0, 0.0, 0.0)
    duration_s: float = 0.1


@dataclass(frozen=True)
class SensorFault:
    """The observations of a span of time.

    Attributes:
        kind: "drop" (none arrive), "freeze" (the last value again and again), "nan" or "inf" (poisoned entries).
        start_s, duration_s: the span.
        index: entry that nan and inf poison; None for all.
    """

    kind: Literal["drop", "freeze", "nan", "inf"]
    start_s: float
    duration_s: float
    index: int | None = None

    def active(self, t: float) -> bool:
        """Whether t (s) lies in the span."""
        return self.start_s <= t < self.start_s + self.duration_s


def random_pushes(
    seed: int, duration_s: float, every_s: float = 2.0, size: float = 1.2, first_s: float = 2.0
) -> tuple[Push, ...]:
    """Pushes of up to +-`size` m/s in x and y and half as many rad/s, 0.4 to 1.6 times `every_s` apart."""
    rng = np.random.default_rng(seed)
    pushes, t = [], first_s
    while t < duration_s:
        velocity = (*rng.uniform(-size, size, 2).tolist(), 0.0)
        pushes.append(Push(t, velocity, tuple(rng.uniform(-size / 2, size / 2, 3).tolist())))
        t += float(rng.uniform(0.4, 1.6)) * every_s
    return tuple(pushes)


class Disturbances:
    """A set of disturbances; holds the state of the sensor path, so one object a run. Not thread-safe.

    Args:
        pushes: see `Push`.
        payload_kg: mass added to the torso.
        friction: factor on the floor's and the feet's sliding friction.
        strength: factor on the joints' force limits.
        sensor_delay_s: observations arrive this late.
        sensor_noise: standard deviation as a share of each entry's typical size (see `noise_scale`); 0.01 is mild.
        faults: see `SensorFault`.
        seed: of the noise.
    """

    def __init__(
        self,
        pushes: Sequence[Push] = (),
        payload_kg: float = 0.0,
        friction: float = 1.0,
        strength: float = 1.0,
        sensor_delay_s: float = 0.0,
        sensor_noise: float = 0.0,
        faults: Sequence[SensorFault] = (),
        seed: int = 0,
    ) -> None:
        self.pushes = sorted(pushes, key=lambda push: push.at_s)
        self.payload_kg, self.friction, self.strength = payload_kg, friction, strength
        self.sensor_delay_s, self.sensor_noise = sensor_delay_s, sensor_noise
        self.faults = tuple(faults)
        self._rng = np.random.default_rng(seed)
        self._next_push = 0
        self._in_flight: deque[tuple[float, np.ndarray]] = deque()
        self._arrived: np.ndarray | None = None
        self._frozen: np.ndarray | None = None

    def change_model(self, model: mujoco.MjModel) -> None:
        """Payload, friction and strength, once, on the plant's own model."""
        if self.payload_kg:
            torso = model.body("torso_link").id
            scale = 1.0 + self.payload_kg / model.body_mass[torso]
            model.body_mass[torso] *= scale
            model.body_inertia[torso] *= scale
            mujoco.mj_setConst(model, mujoco.MjData(model))
        if self.friction != 1.0:
            # A contact takes the larger of the two geoms' friction, so all of them change.
            model.geom_friction[:, 0] *= self.friction
        if self.strength != 1.0:
            model.actuator_forcerange *= self.strength

    def before_step(self, t: float, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Applies the pushes due at t (s); call it before each physics step."""
        while self._next_push < len(self.pushes) and self.pushes[self._next_push].at_s <= t:
            data.qvel[:3] += self.pushes[self._next_push].velocity
            data.qvel[3:6] += self.pushes[self._next_push].spin
            self._next_push += 1
        force = np.zeros(3)
        for push in self.pushes[: self._next_push]:
            if t < push.at_s + push.duration_s:
                force += push.force
        data.xfrc_applied[model.body("torso_link").id, :3] = force

    def sense(self, t: float, observation: np.ndarray) -> np.ndarray | None:
        """What arrives at the controller at t (s) when the robot's true observation is `observation`.

        Returns:
            A new array, or None where nothing arrives.
        """
        true = np.array(observation, dtype=np.float64)
        if self.sensor_noise:
            true += self.sensor_noise * noise_scale(len(true)) * self._rng.standard_normal(len(true))
        if self.sensor_delay_s > 0:
            self._in_flight.append((t, true))
            while self._in_flight and self._in_flight[0][0] <= t - self.sensor_delay_s + 1e-9:
                self._arrived = self._in_flight.popleft()[1]
            if self._arrived is None:
                return None
            true = self._arrived.copy()
        for fault in self.faults:
            if not fault.active(t):
                continue
            if fault.kind == "drop":
                return None
            if fault.kind == "freeze":
                self._frozen = true if self._frozen is None else self._frozen
                return self._frozen.copy()
            where = slice(None) if fault.index is None else fault.index
            true[where] = np.nan if fault.kind == "nan" else np.inf
        self._frozen = None
        return true


def noise_scale(size: int) -> np.ndarray:
    """Typical size of each entry of [qpos, qvel]: joints 1 rad, joint speeds 10 rad/s, base as a state estimator's.

    Entries beyond the robot's own 51 get 0 (no noise).
    """
    n = H1.n
    scale = np.concatenate(
        [np.full(3, 1.0), np.full(4, 1.0), np.full(n, 1.0), np.full(3, 5.0), np.full(3, 5.0), np.full(n, 10.0)]
    )
    out = np.zeros(size)
    out[: min(size, len(scale))] = scale[:size]
    return out
