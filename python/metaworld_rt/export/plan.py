"""plan.onnx: the whole latent MPPI of docs/bundle.md as one graph of standard ops, with the noise as an input.

Inputs (float32): phi `[1, phi]`, c `[1, skills]` (absent for an unconditioned model), mixture `[1, skills]`,
reference `[1, A]`, prev_mean `[H, A]`, warm `[1]` (1: start from prev_mean; 0: from the expert mixture),
prior_noise `[H, P, A]`, expert_noise `[H, E, A]` (absent where P or E is 0), sample_noise `[I, H, N - P - E, A]`.
Outputs: mean `[H, A]`, std `[H, A]`, values `[I, N]`.

The loop over iterations and the horizon is unrolled: weights are shared initialisers, and a runtime sees plain
matrix products that it can fuse and plan memory for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from metaworld_rt.export.graph import Graph
from metaworld_rt.export.network import Mlp


def plan_to_onnx(networks: Mapping[str, Mlp], description: Mapping) -> bytes:
    """Build plan.onnx.

    Args:
        networks: the bundle's networks by file key.
        description: bundle.json; `world_model`, `planner` and the experts' `latent_file` are read.
    """
    return _PlanGraph(networks, description).build()


class _PlanGraph:
    def __init__(self, networks: Mapping[str, Mlp], description: Mapping):
        self.model, self.k = description["world_model"], description["planner"]
        self.nets = networks
        self.latent = [networks[e["latent_file"]] for e in description["experts"] if e.get("latent_file")]
        self.skills = len(description["experts"])
        self.actions = len(description["robot"]["joints"])
        self.g = g = Graph("plan")
        self.phi = g.input("phi", [1, networks[self.model["encoder"]].inputs[0][1]])
        self.c = g.input("c", [1, self.skills]) if self.model["condition"] else None
        self.mixture = g.input("mixture", [1, self.skills])
        self.ref0 = g.input("reference", [1, self.actions])

    def build(self) -> bytes:
        g, k, n = self.g, self.k, self.actions
        horizon, prior_n, expert_n = k["horizon"], k["prior_trajectories"], k["expert_trajectories"]
        drawn_n = k["samples"] - prior_n - expert_n
        prev_mean, warm = g.input("prev_mean", [horizon, n]), g.input("warm", [1])
        z0 = self.net("encoder", 1, self.phi)
        fixed = []  # prior and expert trajectories: one [count, A] a step each
        cold = g.constant(np.zeros((horizon, n)))
        if prior_n:
            noise = g.input("prior_noise", [horizon, prior_n, n])
            fixed.append(self.rollout(z0, prior_n, lambda t, z, ref: self.prior_action(z, prior_n, self.at(noise, t))))
        if expert_n:
            noise = g.input("expert_noise", [horizon, expert_n, n])
            quiet = np.full((expert_n, 1), k["min_std"], np.float32)
            quiet[0] = 0
            scale = g.constant(quiet)

            def follow(t, _z, ref):
                return self.clip(g.op("Add", [ref, g.op("Mul", [self.at(noise, t), scale])]))

            fixed.append(self.rollout(z0, expert_n, follow))
            cold = g.concat([g.slice(step, 0, 1, axis=0) for step in fixed[-1]], axis=0)
        rest = g.op("Sub", [g.constant([1.0]), warm])
        mean = g.op("Add", [g.op("Mul", [prev_mean, warm]), g.op("Mul", [cold, rest])])
        std = g.constant(np.full((horizon, n), k["max_std"]))
        noise = g.input("sample_noise", [k["iterations"], horizon, drawn_n, n])
        values = []
        for i in range(k["iterations"]):
            actions = []
            for t in range(horizon):
                centre, spread = self.row(mean, t), self.row(std, t)
                eps = self.at(self.at(noise, i), t)
                drawn = self.clip(g.op("Add", [centre, g.op("Mul", [eps, spread])]))
                actions.append(g.concat([*(steps[t] for steps in fixed), drawn], axis=0))
            value = self.evaluate(z0, actions)
            values.append(g.op("Unsqueeze", [value, g.constant([0], dtype=np.int64)]))
            mean, std = self.refit(value, actions)
        shape = [horizon, n]
        outputs = [("mean", mean, shape), ("std", std, shape)]
        outputs.append(("values", g.concat(values, axis=0), [k["iterations"], k["samples"]]))
        return g.build([(value, public, size) for public, value, size in outputs], {"metaworld_rt.role": "plan"})

    def evaluate(self, z0: str, actions: Sequence[str]) -> str:
        """Guided values `[N]`."""
        g, gamma, count = self.g, self.model["discount"], self.k["samples"]
        z, total, alive = self.spread(z0, count, self.model["latent"]), None, None
        for t, a in enumerate(actions):
            gain = self.two_hot(self.net("reward", count, z, a))
            if self.k["guidance"]:
                off = g.op("Sub", [a, self.reference(z, t)])
                off = g.op("ReduceSum", [g.op("Mul", [off, off]), g.constant([1], dtype=np.int64)], keepdims=0)
                gain = g.op("Sub", [gain, g.op("Mul", [off, g.constant(self.k["guidance"])])])
            total = self.accumulate(total, gain, gamma**t, alive)
            z = self.net("dynamics", count, z, a)
            if self.model.get("termination"):
                logit = g.op("Squeeze", [self.net("termination", count, z), g.constant([1], dtype=np.int64)])
                goes_on = g.op("Not", [g.op("Greater", [logit, g.constant(0.0)])])
                goes_on = g.op("Cast", [goes_on], to=1)
                alive = goes_on if alive is None else g.op("Mul", [alive, goes_on])
        last = g.op("Tanh", [g.slice(self.net("prior", count, z), 0, self.actions)])
        heads = [self.two_hot(self.net(key, count, z, last, file=key)) for key in self.model["q"][:2]]
        q = heads[0]
        if len(heads) > 1 and self.k["q_reduction"] == "min":
            q = g.op("Min", heads)
        elif len(heads) > 1:
            q = g.op("Mul", [g.op("Add", heads), g.constant(0.5)])
        value = self.accumulate(total, q, gamma ** len(actions), alive)
        bad = g.op("Or", [g.op("IsNaN", [value]), g.op("IsInf", [value])])
        return g.op("Where", [bad, g.constant(-np.inf), value])

    def accumulate(self, total: str | None, gain: str, weight: float, alive: str | None) -> str:
        g = self.g
        if weight != 1.0:
            gain = g.op("Mul", [gain, g.constant(weight)])
        if alive is not None:
            gain = g.op("Mul", [gain, alive])
        return gain if total is None else g.op("Add", [total, gain])

    def refit(self, value: str, actions: Sequence[str]) -> tuple[str, str]:
        """Score-weighted mean and standard deviation `[H, A]` over the elites."""
        g, k = self.g, self.k
        count = g.constant([min(k["elites"], k["samples"])], dtype=np.int64)
        best, index = g.op_n("TopK", [value, count], 2, axis=0, largest=1, sorted=1)
        score = g.op("Sub", [best, g.slice(best, 0, 1, axis=0)])
        score = g.op("Softmax", [g.op("Mul", [score, g.constant(k["temperature"])])], axis=0)
        score = g.op("Unsqueeze", [score, g.constant([0], dtype=np.int64)])  # [1, K]
        means, stds = [], []
        for a in actions:
            elite = g.op("Gather", [a, index], axis=0)
            mean = g.op("MatMul", [score, elite])
            off = g.op("Sub", [elite, mean])
            means.append(mean)
            stds.append(g.op("Sqrt", [g.op("MatMul", [score, g.op("Mul", [off, off])])]))
        bounds = [g.constant(k["min_std"]), g.constant(k["max_std"])]
        return g.concat(means, axis=0), g.op("Clip", [g.concat(stds, axis=0), *bounds])

    def rollout(self, z: str, count: int, policy: Callable[[int, str, str], str]) -> list[str]:
        """Actions `[count, A]` a step, from `policy(t, z, reference)`."""
        steps = []
        z = self.spread(z, count, self.model["latent"])
        for t in range(self.k["horizon"]):
            steps.append(policy(t, z, self.reference(z, t)))
            if t + 1 < self.k["horizon"]:
                z = self.net("dynamics", count, z, steps[-1])
        return steps

    def reference(self, z: str, t: int) -> str:
        g = self.g
        if t == 0 or not self.latent:
            return self.ref0
        total = None
        for i, head in enumerate(self.latent):
            action = self.clip(g.mlp(head, [z], f"{head.name}."))
            action = g.op("Mul", [action, g.slice(self.mixture, i, i + 1)])
            total = action if total is None else g.op("Add", [total, action])
        return total

    def prior_action(self, z: str, count: int, noise: str) -> str:
        g, out = self.g, self.net("prior", count, z)
        mean, log_std = g.slice(out, 0, self.actions), g.slice(out, self.actions, 2 * self.actions)
        return g.op("Tanh", [g.op("Add", [mean, g.op("Mul", [g.op("Exp", [log_std]), noise])])])

    def net(self, role: str, count: int, *inputs: str, file: str | None = None) -> str:
        """Evaluate a world-model network on `[count, ...]` inputs, the condition appended."""
        if self.c is not None:
            inputs = (*inputs, self.spread(self.c, count, self.skills))
        return self.g.mlp(self.nets[file or self.model[role]], inputs, f"{file or role}.")

    def two_hot(self, logits: str) -> str:
        """Symexp of the expectation, `[N]`."""
        g, m = self.g, self.model
        points = g.constant(np.linspace(m["vmin"], m["vmax"], m["bins"])[:, None])
        x = g.op("MatMul", [g.op("Softmax", [logits], axis=-1), points])
        x = g.op("Squeeze", [x, g.constant([1], dtype=np.int64)])
        size = g.op("Sub", [g.op("Exp", [g.op("Abs", [x])]), g.constant(1.0)])
        return g.op("Mul", [g.op("Sign", [x]), size])

    def spread(self, x: str, count: int, size: int) -> str:
        return x if count == 1 else self.g.op("Expand", [x, self.g.constant([count, size], dtype=np.int64)])

    def clip(self, x: str) -> str:
        return self.g.op("Clip", [x, self.g.constant(-1.0), self.g.constant(1.0)])

    def at(self, x: str, index: int) -> str:
        """`x[index]` along the first axis, which goes."""
        return self.g.op("Gather", [x, self.g.constant(index, dtype=np.int64)], axis=0)

    def row(self, x: str, index: int) -> str:
        """`x[index:index + 1]`."""
        return self.g.slice(x, index, index + 1, axis=0)
