"""Trials before a bundle is written: gate and planner must lose nothing to the experts calm, and gain disturbed.

A planner must lose nothing where commands change, either: what gains on every skill alone may fall between two. It need
not be for every skill: a world model of seven skills may know three of them well enough to plan in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from metaworld_rt.plants.suite import SUITE
from metaworld_rt.train.kept import Kept
from metaworld_rt.train.world_model.arena import Arena, ArenaConfig
from metaworld_rt.train.world_model.collect import Score, score
from metaworld_rt.train.world_model.config import PlannerConfig
from metaworld_rt.train.world_model.library import ExpertLibrary
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.native import planner_policy
from metaworld_rt.train.world_model.policies import Planned, PriorPolicy, follow_experts
from metaworld_rt.train.world_model.script import plan_of

if TYPE_CHECKING:
    from metaworld_rt.train.handover.train import Handover

#: Undisturbed, as the benchmark; and pushed about, which is where a planner can earn its place.
SITUATIONS = {name: ArenaConfig(**vars(SUITE[name])) for name in ("calm", "pushes")}

#: Commands that change, and pushes: what a gate and a handover are for.
SWITCHES = {"switches": ArenaConfig(switch_every_s=3.0, push_every_s=4.0, push=0.8)}

#: Commands that change, and nothing else: experts seldom fall there, so that a planner that does shows.
CHANGES = {"changes": ArenaConfig(switch_every_s=3.0)}

#: Seeds from the experts, little noise, and a search that is narrow and pays for leaving them. Wider ones, the mean of
#: the Q heads and seeds from the prior lost in every trial (docs/training.md).
BASE = PlannerConfig(
    samples=128, iterations=3, elites=24, prior_trajectories=0, expert_trajectories=16,
    temperature=8.0, min_std=0.01, max_std=0.1, guidance=1.0, q_reduction="min",
)  # fmt: skip
CANDIDATES: dict[str, PlannerConfig] = {
    "near": BASE,
    "nearer": replace(BASE, guidance=3.0, max_std=0.05),
    "nearest": replace(BASE, guidance=10.0, max_std=0.03),
}


@dataclass(frozen=True)
class Trial:
    """Scores of one controller: `scores[situation, what]`, a skill or the task door."""

    name: str
    scores: Mapping[tuple[str, str], Score]

    @property
    def situations(self) -> list[str]:
        """Those that were flown in, in order."""
        return list(dict.fromkeys(where for where, _ in self.scores))

    def mean(self, situation: str) -> float:
        """Mean return over skills and episodes."""
        values = [s.returns.mean() for (where, _), s in self.scores.items() if where == situation]
        return float(sum(values) / len(values))


def try_policy(
    name: str,
    library: ExpertLibrary,
    make: Callable[[], Callable],
    *,
    situations: Mapping[str, ArenaConfig] | None = None,
    skills: Sequence[str] | None = None,
    episodes: int = 8,
    decisions: int = 1000,
    seed: int = 4000,
    threads: int = 1,
    gate: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    alpha: float = 1.0,
    handover: Handover | None = None,
    commands: Mapping[str, ArenaConfig] | None = None,
    kept: Kept | None = None,
) -> Trial:
    """Score a controller on every skill in every situation; the same seeds for every controller.

    The skills for a door are scored together, following the plan for the task door.
    `gate`, `alpha` and `handover` are those of the bundle, see `Arena`. In the situations of `commands` these change,
    and there is one score of all skills, over twice as many episodes. Scores that are `kept` by the controller's name
    are not flown again.
    """
    scores, kept = {}, kept or Kept()
    shared = {"threads": threads, "gate": gate, "alpha": alpha, "handover": handover}

    def add(where: str, what: str, index: int | None, count: int, conditions: ArenaConfig, **commanded) -> None:
        def fly() -> dict[str, np.ndarray]:
            with closing(Arena(library, count, seed, conditions, **commanded, **shared)) as arena:
                return score(arena, make(), index, decisions).arrays()

        scores[where, what] = Score.of(kept.once(f"{name}-{where}-{what}", fly))

    for where, config in (SITUATIONS if situations is None else situations).items():
        for skill in skills or library.names:
            index = library.index(skill)
            task, what = library.tasks[index], _scored_as(library, skill)
            if (where, what) not in scores:
                plan = plan_of(task, library) if task.scene == "door" else None
                conditions = replace(config, scene=task.scene)
                add(where, what, index, episodes, conditions, skills=[index] * episodes, plan=plan)
    for where, config in (commands or {}).items():
        add(where, "commands", None, 2 * episodes, config)
    return Trial(name, scores)


def earns_place(
    library: ExpertLibrary,
    gate: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    alpha: float,
    progress: Callable[[Trial], None] | None = None,
    **settings,
) -> tuple[bool, list[Trial]]:
    """Whether the experts do better with a gate than without: no worse undisturbed, better pushed and switched about.

    Args:
        library: the experts.
        gate: phi, command -> probabilities.
        alpha: trust in the command against the gate.
        progress: called with each trial.
        **settings: of `try_policy`.

    Returns:
        The verdict, and the two trials, without it and with it.
    """
    parts = {"no-gate": {}, "gate": {"gate": gate, "alpha": alpha}}
    trials = _side_by_side(library, parts, progress, **settings)
    without, trial = trials
    return _keeps(trial, without) and _merit(trial, without) > 1.0, trials


def waits_well(
    library: ExpertLibrary,
    handover: Handover,
    *,
    progress: Callable[[Trial], None] | None = None,
    **settings,
) -> tuple[bool, list[Trial]]:
    """Whether the experts do better under changing commands when each waits until the next is ready.

    Nothing else is tried: where the command stays, a handover does nothing.

    Args:
        library: the experts.
        handover: who can take over.
        progress: called with each trial.
        **settings: of `try_policy`.

    Returns:
        The verdict, and the two trials, without it and with it.
    """
    parts = {"at once": {}, "handover": {"handover": handover}}
    trials = _side_by_side(library, parts, progress, situations={}, **settings)
    without, with_it = (trial.mean("switches") for trial in trials)
    return with_it > without, trials


def _side_by_side(
    library: ExpertLibrary,
    parts: Mapping[str, Mapping],
    progress: Callable[[Trial], None] | None,
    **settings,
) -> list[Trial]:
    """A trial of the experts, commands that change too, for each name with the parts that go with it."""
    trials = []
    for name, part in parts.items():
        trials.append(try_policy(name, library, lambda: follow_experts, commands=SWITCHES, **settings, **part))
        if progress:
            progress(trials[-1])
    return trials


def _keeps(trial: Trial, usual: Trial, allowed_loss: float = 0.0, where: Sequence[str] = ("calm",)) -> bool:
    """Whether a trial loses at most that share of what is usual, and a standard error, in each score of situations."""
    for key in filter(lambda key: key[0] in where, trial.scores):
        before = usual.scores[key].returns
        gain = trial.scores[key].returns - before
        # Where an episode in ten fails, as at the door, eight episodes cannot tell better than this.
        chance = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
        if gain.mean() < -allowed_loss * before.mean() - chance:
            return False
    return True


def _merit(trial: Trial, usual: Trial) -> float:
    """Mean disturbed return over the usual one, so that a task of many points weighs no more than the others."""
    judged = [key for key in usual.scores if key[0] != "calm"] or list(usual.scores)
    shares = [trial.scores[key].returns.mean() / max(usual.scores[key].returns.mean(), 1e-9) for key in judged]
    return float(np.mean(shares))


@dataclass(frozen=True)
class Choice:
    """Planner settings that earned their place, and the skills that they earned it on."""

    planner: PlannerConfig
    skills: tuple[str, ...]


def choose(
    library: ExpertLibrary,
    model: WorldModel,
    candidates: Mapping[str, PlannerConfig] | None = None,
    *,
    experts: Trial | None = None,
    allowed_loss: float = 0.0,
    progress: Callable[[Trial], None] | None = None,
    **settings,
) -> tuple[Choice | None, list[Trial]]:
    """Try the experts, the prior and every candidate.

    A candidate is for the skills on which it loses nothing calm and returns no less when pushed. Where commands change
    it is tried as it will be used: it plans where no other skill is commanded.

    Args:
        library: the experts.
        model: the world model.
        candidates: planner settings by name; default `CANDIDATES`.
        experts: their trial with these settings in the situations, where it was flown already.
        allowed_loss: a candidate may lose this share of the experts' return, and undisturbed one standard error of the
            difference more.
        progress: called with each trial.
        **settings: of `try_policy`.

    Returns:
        The settings with the greatest disturbed return among those that have skills and keep the experts' return where
        commands change, or None if there are none; and all the trials.
    """
    candidates = CANDIDATES if candidates is None else candidates
    whole = {"commands": CHANGES, **settings}
    known = {} if experts is None else experts.scores
    missing = {**whole, "situations": {}} if known else whole
    new = try_policy("experts", library, lambda: follow_experts, **missing).scores
    experts = Trial("experts", {**known, **new})
    tell = progress or (lambda _: None)
    tell(experts)
    trials, fit = [experts, try_policy("prior", library, lambda: PriorPolicy(model), **whole)], []
    tell(trials[-1])
    for name, config in candidates.items():
        alone = try_policy(name, library, lambda config=config: planner_policy(model, config), **settings)
        scores, skills = dict(alone.scores), _gains_on(library, alone, experts, allowed_loss)
        if skills:
            planned = np.isin(library.names, skills)
            changing = {**settings, "situations": {}, "commands": CHANGES}
            make = lambda config=config, planned=planned: Planned(planner_policy(model, config), planned)  # noqa: E731
            scores |= try_policy(name, library, make, **changing).scores
        trials.append(Trial(name, scores))
        tell(trials[-1])
        planned_for = {_scored_as(library, skill) for skill in skills}
        used = {key: score for key, score in scores.items() if key[0] in CHANGES or key[1] in planned_for}
        as_used = Trial(name, {**experts.scores, **used})
        merit = _merit(as_used, experts)
        if skills and _keeps(as_used, experts, allowed_loss, tuple(CHANGES)) and merit >= 1.0:
            fit.append((merit, Choice(config, skills)))
    return max(fit, key=lambda one: one[0], default=(0.0, None))[1], trials


def _scored_as(library: ExpertLibrary, skill: str) -> str:
    """What a trial calls the score of a skill: its name, or the task door, where its experts are scored together."""
    task = library.tasks[library.index(skill)]
    return task.name if task.scene == "door" else skill


def _gains_on(library: ExpertLibrary, trial: Trial, usual: Trial, allowed_loss: float) -> tuple[str, ...]:
    """The skills on which a trial loses nothing calm and nothing when pushed, in the library's order."""
    found = set()
    for what in dict.fromkeys(what for _, what in trial.scores):
        own = {key: score for key, score in trial.scores.items() if key[1] == what}
        gains = _merit(Trial(trial.name, own), Trial("", {key: usual.scores[key] for key in own}))
        if _keeps(Trial(trial.name, own), usual, allowed_loss) and gains >= 1.0 - allowed_loss:
            found.add(what)
    return tuple(skill for skill in library.names if _scored_as(library, skill) in found)
