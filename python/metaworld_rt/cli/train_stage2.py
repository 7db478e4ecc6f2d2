"""The stages after the experts: `train gate`, `train handover`, `train world-model`, `train all`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from . import common


def add_stages(stages: argparse._SubParsersAction) -> None:
    """Add the stages to the `train` command."""
    gate = stages.add_parser("gate", help="p(i|s) from measured returns of every expert")
    _common(gate)
    gate.add_argument("--states", type=common.positive(int), default=3000, metavar="N", help="default: %(default)s")
    gate.add_argument("--loyalty", type=common.share, default=0.4, metavar="S",
                      help="what another must score more than the one in charge (default: %(default)s)")  # fmt: skip
    gate.add_argument("--reads-command", action="store_true",
                      help="p(i|s, c): the gate is told who is in charge, and how far it is trusted")  # fmt: skip
    gate.set_defaults(execute=_gate)

    handover = stages.add_parser("handover", help="which expert can take over from where, from switches tried")
    _common(handover)
    handover.add_argument("--states", type=common.positive(int), default=4000, metavar="N", help="default: %(default)s")
    handover.add_argument("--ready", type=common.share, default=0.9, metavar="P",
                          help="how likely an expert must manage to be moved to (default: %(default)s)")  # fmt: skip
    handover.set_defaults(execute=_handover)

    model = stages.add_parser("world-model", help="TD-MPC2 over all skills, with the experts' help")
    _common(model)
    _schedule(model)
    model.add_argument(
        "--published", metavar="SKILL", help="plain TD-MPC2 on one skill, no experts: the planner-only baseline"
    )
    model.set_defaults(execute=_world_model)

    everything = stages.add_parser("all", help="experts, gate, handover and world model, and the bundle")
    everything.add_argument("--robot", default="h1", help="default: %(default)s")
    everything.add_argument("--library", default="locomotion", metavar="NAME",
                            help="locomotion, or household: reach and the door too (default: %(default)s)")  # fmt: skip
    everything.add_argument("--ways", type=Path, metavar="DIR",
                            help="of the ways through the door; default: they are searched for")  # fmt: skip
    everything.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and logs; resumable")
    everything.add_argument("--bundle", type=Path, metavar="DIR", help="default: OUT/<robot>-<library>")
    everything.add_argument("--no-world-model", action="store_true", help="experts, gate and handover alone")
    _shared(everything)
    _schedule(everything)
    everything.set_defaults(execute=_all)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experts", type=Path, required=True, metavar="DIR", help="holds <skill>.pt of each expert")
    parser.add_argument("--skills", type=common.names, default=["stand", "walk", "run"], metavar="A,B,...",
                        help="default: stand,walk,run")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and logs; resumable")
    _shared(parser)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--threads", type=common.positive(int), default=2, metavar="N", help="default: %(default)s")
    common.add_json(parser)


def _schedule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", default="xs", metavar="SIZE", help="xs, small, 1M or 5M (default: %(default)s)")
    parser.add_argument("--decisions", type=common.positive(int), metavar="N", help="collected with the experts first")
    parser.add_argument("--updates", type=common.positive(int), metavar="N", help="gradient steps on those")
    parser.add_argument("--rounds", type=common.positive(int, zero=True), metavar="N", help="of its own planner's data")
    parser.add_argument("--round-decisions", type=common.positive(int), metavar="N", help="collected in each round")
    parser.add_argument("--round-updates", type=common.positive(int), metavar="N", help="gradient steps in each round")


def _made_schedule(args: argparse.Namespace):
    from ..train.world_model.config import SIZES
    from ..train.world_model.trainer import Schedule

    if args.size not in SIZES:
        raise ValueError(f"unknown world model size {args.size!r}; one of {', '.join(SIZES)}")
    given = {
        "expert_decisions": args.decisions,
        "expert_updates": args.updates,
        "rounds": args.rounds,
        "round_decisions": args.round_decisions,
        "round_updates": args.round_updates,
    }
    schedule = replace(Schedule(size=args.size), **{k: v for k, v in given.items() if v is not None})
    return schedule


class Bar:
    """A progress bar that starts anew with each phase."""

    def __init__(self):
        from tqdm import tqdm

        self._make = lambda total, phase: tqdm(
            total=total, desc=phase, unit_scale=True, disable=not common.interactive()
        )
        self._bar, self._phase = None, ""

    def __call__(self, phase: str, done: int, total: int, figures: dict) -> None:
        """Shows how far a phase is."""
        if phase != self._phase:
            self.close()
            self._bar, self._phase = self._make(total, phase), phase
        self._bar.update(done - self._bar.n)
        if figures:
            shown = ("reward", "value", "consistency", "calm", "pushes", "switches", "changes")
            self._bar.set_postfix({k: f"{figures[k]:.3g}" for k in shown if k in figures})

    def close(self) -> None:
        """Ends the line."""
        if self._bar is not None:
            self._bar.close()


def _ready(args: argparse.Namespace):
    """Check what can be checked before the work; returns the progress bar."""
    from .train import need_torch

    common.check_writable(args.json, "the result")
    need_torch()
    import torch

    torch.set_num_threads(args.threads)
    return Bar()


def _document(stage: str, args: argparse.Namespace, **more) -> dict:
    versions = {**common.versions(), "torch": common.version("torch")}
    return {"stage": stage, "seed": args.seed, "out": str(args.out), "versions": versions, **more}


def _report(stage: str, args: argparse.Namespace, bar: Bar, figures: dict, of: str) -> int:
    """The end of a stage: its figures as JSON and as a table."""
    bar.close()
    common.write_json(args.json, "train", _document(stage, args, **figures))
    print(common.table([[k, v] for k, v in figures.items()], [stage.replace("-", " "), of]))
    return 0


def _gate(args: argparse.Namespace) -> int:
    bar = _ready(args)
    from ..train.gate.train import GateConfig, train_gate
    from ..train.world_model.library import load_library

    library = load_library(args.experts, args.skills)
    config = GateConfig(states=args.states, loyalty=args.loyalty, condition=args.reads_command)
    _, figures = train_gate(library, args.out, config, args.seed, args.threads, bar)
    return _report("gate", args, bar, figures, "held out")


def _handover(args: argparse.Namespace) -> int:
    bar = _ready(args)
    from ..train.handover.train import HandoverConfig, train_handover
    from ..train.world_model.library import load_library

    library = load_library(args.experts, args.skills)
    config = HandoverConfig(states=args.states, ready=args.ready)
    _, figures = train_handover(library, args.out, config, args.seed, args.threads, bar)
    return _report("handover", args, bar, figures, "held out")


def _world_model(args: argparse.Namespace) -> int:
    bar = _ready(args)
    from ..train.world_model.library import load_library
    from ..train.world_model.trainer import WorldModelTrainer, published

    library = load_library(args.experts, args.skills)
    schedule = _made_schedule(args)
    if args.published:
        library.index(args.published)
        schedule = published(args.published, args.size, args.decisions or 100_000)
    trainer = WorldModelTrainer(library, args.out, schedule, args.seed, args.threads, bar)
    trainer.run()
    figures = {"updates": trainer.updates, "decisions": trainer.decisions, "minutes": trainer.seconds / 60}
    return _report("world-model", args, bar, figures, args.size)


def _all(args: argparse.Namespace) -> int:
    bar = _ready(args)
    from ..train.pipeline import Plan, train_all

    bundle = args.bundle or args.out / f"{args.robot}-{args.library}"
    schedule = None if args.no_world_model else _made_schedule(args)
    plan = Plan(args.robot, args.out, bundle, args.library, args.ways, args.seed, args.threads, schedule=schedule)
    result = train_all(plan, bar)
    bar.close()
    common.write_json(args.json, "train", _document("all", args, **result))
    keys = ("controller", "situation", "skill", "return_mean", "return_min", "length_mean")
    print(common.table([[row[k] for k in keys] for row in result["trials"]], keys))
    print(f"{result['bundle']}: written in {result['minutes']} minutes")
    return 0
