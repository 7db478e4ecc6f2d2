"""Sizes and hyper-parameters of the world model."""

from __future__ import annotations

from dataclasses import dataclass

#: name -> (latent, mlp width, encoder width, Q heads). `1M` and `5M` are TD-MPC2's.
SIZES = {
    "xs": (64, 128, 128, 2),
    "small": (128, 256, 256, 2),
    "1M": (128, 384, 256, 2),
    "5M": (512, 512, 256, 5),
}

#: Episodes of every trial of a gate or of planner settings: what fails once in ten is seen twice.
TRIAL_EPISODES = 24


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a world model.

    Attributes:
        phi: size of the proprioceptive features.
        actions: number of joints.
        skills: number of experts; also the size of the condition `c` unless `conditioned` is False.
        latent, mlp, encoder, q_heads: see `SIZES`.
        simnorm: SimNorm group size.
        bins, vmin, vmax: two-hot support over symlog values. TD-MPC2 spans [-10, 10]; rewards in [0, 1] and a
            discount of 0.99 need [-1, 5.5], which resolves a value of 80 three times finer.
        discount: per decision.
        log_std: range of the prior's log standard deviation.
        dropout: in the first layer of every Q head, while training.
        conditioned: False leaves `c` out (one task, as published).
        termination: with a head that predicts the end of an episode.
        heads: with latent expert heads.
    """

    phi: int
    actions: int
    skills: int
    latent: int = 128
    mlp: int = 256
    encoder: int = 256
    q_heads: int = 2
    simnorm: int = 8
    bins: int = 101
    vmin: float = -1.0
    vmax: float = 5.5
    discount: float = 0.99
    log_std: tuple[float, float] = (-10.0, 2.0)
    dropout: float = 0.01
    conditioned: bool = True
    termination: bool = False
    heads: bool = True

    @property
    def condition(self) -> int:
        """Size of `c`."""
        return self.skills if self.conditioned else 0

    @staticmethod
    def of_size(size: str, phi: int, actions: int, skills: int, **changes) -> ModelConfig:
        """The configuration of a named size; raises ValueError for an unknown name."""
        if size not in SIZES:
            raise ValueError(f"unknown world model size {size!r}; one of {', '.join(SIZES)}")
        latent, mlp, encoder, q_heads = SIZES[size]
        shape = {"latent": latent, "mlp": mlp, "encoder": encoder, "q_heads": q_heads}
        return ModelConfig(phi, actions, skills, **{**shape, **changes})


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses (TD-MPC2's) and of what MetaWorld adds.

    Attributes:
        horizon: decisions of latent rollout in the loss.
        rho: weight of step t is rho**t.
        consistency, reward, value, termination, heads: coefficients.
        entropy: of the prior.
        guidance: lambda of `||a - a_ref||^2` in the prior's loss.
        tau: rate of the target network and of the running Q scale.
        lr, encoder_lr: Adam, at the start; decay: their share at the end (cosine; 1 keeps them constant).
        clip: gradient norm.
    """

    horizon: int = 3
    rho: float = 0.5
    consistency: float = 20.0
    reward: float = 0.1
    value: float = 0.1
    termination: float = 1.0
    heads: float = 1.0
    entropy: float = 1e-4
    guidance: float = 1.0
    tau: float = 0.01
    lr: float = 3e-4
    encoder_lr: float = 1e-4
    decay: float = 1.0
    clip: float = 20.0


@dataclass(frozen=True)
class PlannerConfig:
    """The `planner` object of bundle.json that the mathematics depends on; defaults are TD-MPC2's."""

    horizon: int = 3
    samples: int = 512
    iterations: int = 6
    elites: int = 64
    prior_trajectories: int = 24
    expert_trajectories: int = 0
    temperature: float = 0.5
    min_std: float = 0.05
    max_std: float = 2.0
    guidance: float = 0.0
    q_reduction: str = "mean"

    def __post_init__(self):
        if self.q_reduction not in ("mean", "min"):
            raise ValueError(f"q_reduction must be mean or min, not {self.q_reduction!r}")
        if self.sampled < 0 or min(self.horizon, self.samples, self.iterations, self.elites) < 1:
            raise ValueError("the planner needs horizon, samples, iterations and elites of at least 1, "
                             "and no more prior and expert trajectories than samples")  # fmt: skip

    @property
    def sampled(self) -> int:
        """Candidates drawn anew in each iteration."""
        return self.samples - self.prior_trajectories - self.expert_trajectories
