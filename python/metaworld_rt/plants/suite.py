"""The disturbance suite: what controllers are compared under. One definition for training, trials and `eval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaworld_rt.plants.disturbance import Disturbances, random_pushes


@dataclass(frozen=True)
class Perturbation:
    """What goes wrong during an episode; the defaults are nothing.

    Attributes:
        push_every_s: mean time between pushes; 0 for never.
        push: largest push, m/s added to the base velocity in x and y (half of it in rad/s to its rotation).
        payload_kg: mass added to the torso.
        friction: factor on every sliding friction.
        strength: factor on the joints' force limits.
        delay_s: the state is this late.
        noise: of the state, as a share of each entry's typical size (`disturbance.noise_scale`).
    """

    push_every_s: float = 0.0
    push: float = 0.0
    payload_kg: float = 0.0
    friction: float = 1.0
    strength: float = 1.0
    delay_s: float = 0.0
    noise: float = 0.0

    def drawn(self, seed: int, duration_s: float) -> Disturbances:
        """The disturbances of one episode of this length; the same seed gives the same."""
        return Disturbances(
            random_pushes(seed, duration_s, self.push_every_s, self.push) if self.push_every_s else (),
            payload_kg=self.payload_kg,
            friction=self.friction,
            strength=self.strength,
            sensor_delay_s=self.delay_s,
            sensor_noise=self.noise,
            seed=seed,
        )


SUITE: dict[str, Perturbation] = {
    "calm": Perturbation(),
    "pushes": Perturbation(push_every_s=2.0, push=1.2),
    "payload": Perturbation(payload_kg=10.0),
    "slippery": Perturbation(friction=0.4),
    "weak": Perturbation(strength=0.8),
    "late-20ms": Perturbation(delay_s=0.02),
    "late-40ms": Perturbation(delay_s=0.04),
    "noise": Perturbation(noise=0.02),
}


def expand(names: Sequence[str]) -> list[str]:
    """The names, or every name of the suite for "all" alone."""
    return list(SUITE) if list(names) == ["all"] else list(names)
