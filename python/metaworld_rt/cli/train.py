"""The training stages. Each resumes where it was stopped, and needs the `train` extra."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from ..errors import UserError
from . import common, train_stage2

HELP = "the training stages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    stages = parser.add_subparsers(title="stages", dest="stage", metavar="STAGE", required=True)
    expert = stages.add_parser("expert", help="one skill by PPO, minutes on 2 cores")
    expert.add_argument("name", metavar="SKILL", help="stand, walk, run, ...")
    expert.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints, logs and the ONNX file")
    expert.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    expert.add_argument("--decisions", type=common.positive(int), metavar="N", help="default: the skill's recipe")
    expert.add_argument("--minutes", type=common.positive(float), metavar="M", help="stop after this long")
    expert.add_argument("--envs", type=common.positive(int), default=256, metavar="N", help="default: %(default)s")
    expert.add_argument("--threads", type=common.positive(int), default=2, metavar="N", help="default: %(default)s")
    expert.add_argument("--start", type=Path, metavar="FILE", help="checkpoint to fine-tune from")
    expert.add_argument(
        "--bank", type=Path, action="append", default=[], metavar="FILE", help="start states; repeatable"
    )
    expert.add_argument(
        "--bank-share", type=common.share, metavar="S", help="of the episodes that start from --bank, 0..1"
    )
    expert.add_argument(
        "--motion", type=Path, metavar="CLIP", help="a retargeted clip (.npz, .csv) to imitate; SKILL names it"
    )
    expert.add_argument("--collisions", choices=["fast", "full"], default="fast", help="default: %(default)s")
    expert.add_argument(
        "--timestep", type=float, choices=[0.002, 0.004], metavar="S", help="of the door's training physics: 0.004 s "
        "for a beginning in half the time (default: 0.002, the task's)"
    )  # fmt: skip
    expert.add_argument(
        "--kl", type=common.positive(float), metavar="D", help="divergence of the policy in an update, large to learn, "
        "small to make sure (default: the skill's recipe)"
    )  # fmt: skip
    expert.add_argument(
        "--score-every", type=common.positive(int), metavar="N", help="decisions between scores, of which the best is "
        "kept (default: a quarter of the training, 1,000,000 at most)"
    )  # fmt: skip
    expert.add_argument("--fresh", action="store_true", help="begin anew even if --out holds a checkpoint")
    common.add_json(expert)
    expert.set_defaults(execute=_expert)
    train_stage2.add_stages(stages)
    semantic = stages.add_parser("semantic", help="the embedded semantic model, about 25 minutes on one core")
    semantic.add_argument(
        "--out", type=Path, default=Path("models/semantic"), metavar="DIR", help="default: %(default)s"
    )
    semantic.add_argument(
        "--work",
        type=Path,
        default=Path("runs/semantic"),
        metavar="DIR",
        help="checkpoints, caches (default: %(default)s)",
    )
    for name, about in _SEMANTIC.items():
        semantic.add_argument(
            f"--{name.replace('_', '-')}", type=common.positive(int, zero=name == "seed"), metavar="N", help=about
        )
    semantic.add_argument("--start", type=Path, metavar="FILE", help="planner checkpoint to begin with")
    semantic.add_argument("--exclude", type=Path, metavar="FILE", help="a test set whose sentences are not trained on")
    semantic.add_argument(
        "--only", choices=["eye", "planner"], help="train this half, export nothing: the other can run beside it"
    )
    common.add_json(semantic)
    semantic.set_defaults(execute=_semantic)


_SEMANTIC = {
    "scenes": "rendered, for the eye",
    "eye_epochs": "over those",
    "sentences": "generated, for the planner",
    "steps": "of the planner",
    "seed": "of all of it",
    "threads": "of PyTorch",
}


def execute(args: argparse.Namespace) -> int:
    """Runs the stage that was named."""
    return args.execute(args)


def need_torch() -> None:
    """Raises UserError without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        raise UserError("training needs PyTorch: pip install 'metaworld-rt[train]'")


def _expert(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    need_torch()
    from tqdm import tqdm

    from ..train.expert.skill import SKILLS
    from ..train.expert.trainer import train_expert

    if args.motion is None and args.name not in SKILLS:
        raise UserError(f"no skill {args.name!r}: one of {', '.join(SKILLS)}")
    bar = tqdm(total=None, unit="decision", unit_scale=True, disable=not common.interactive())

    def progress(figures: dict) -> None:
        if "decisions" in figures:
            bar.total = figures.get("total", bar.total)
            bar.update(figures["decisions"] - bar.n)
        if "eval" in figures:
            bar.write(f"evaluated: {figures['eval']}")

    with bar:
        result = train_expert(
            args.name,
            args.out,
            args.seed,
            args.decisions,
            args.minutes,
            resume=not args.fresh,
            start=args.start,
            banks=args.bank,
            bank_share=args.bank_share,
            envs=args.envs,
            threads=args.threads,
            collisions=args.collisions,
            timestep=args.timestep,
            kl=args.kl,
            eval_every=args.score_every,
            motion=args.motion,
            progress=progress,
        )
    document = {
        "stage": "expert",
        "skill": args.name,
        "seed": args.seed,
        "path": str(result.path),
        "decisions": result.decisions,
        "minutes": result.minutes,
        "scores": result.scores,
        "versions": {**common.versions(), "torch": common.version("torch")},
    }
    common.write_json(args.json, "train", document)
    print(common.table([[k, v] for k, v in result.scores.items()], ["score", args.name]))
    print(f"{result.path}: {result.decisions} decisions, {result.minutes:.1f} minutes")
    return 0


def _semantic(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    need_torch()
    from ..train.semantic.pipeline import Settings, train, train_eye_on_scenes, train_planner_on_sentences

    for path in (args.start, args.exclude):
        if path is not None and not path.is_file():
            raise UserError(f"cannot read {path}: no such file")
    given = {name: getattr(args, name) for name in _SEMANTIC if getattr(args, name) is not None}
    given |= {name: str(getattr(args, name)) for name in ("start", "exclude") if getattr(args, name) is not None}
    settings = Settings(**given)
    if args.only:
        half = {"eye": train_eye_on_scenes, "planner": train_planner_on_sentences}[args.only]
        figures = {args.only: half(args.work, settings)[1]}
    else:
        figures = train(args.out, args.work, settings)
    common.write_json(args.json, "train", {"stage": "semantic", "path": str(args.out), **figures})
    halves = [half for half in ("eye", "planner") if half in figures]
    rows = [[half, name, value] for half in halves for name, value in figures[half].items()]
    print(common.table(rows, ["half", "score", "on generated data"]))
    if not args.only:
        print(f"{args.out}: score it with benchmarks/semantic.py accuracy")
    return 0
