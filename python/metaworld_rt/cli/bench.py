"""Measures speed, always beside its peers in the same process run."""

from __future__ import annotations

import argparse

from ..errors import UserError
from . import common

HELP = "speed of the tick, the engine, the planner"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(title="what to measure", dest="kind", metavar="WHAT", required=True)
    tick = kinds.add_parser("tick", help="one whole tick of the controller")
    common.add_bundle(tick)
    _add_common(tick)
    tick.set_defaults(execute=_tick)

    engine = kinds.add_parser("engine", help="one network at batch 1, beside ONNX Runtime")
    engine.add_argument(
        "--threads", type=common.positive(int), default=1, metavar="N", help="of ONNX Runtime (default: %(default)s)"
    )
    _add_common(engine, seconds=2.0)
    engine.set_defaults(execute=_engine)

    _add_planner(kinds)


def _add_planner(kinds: argparse._SubParsersAction) -> None:
    planner = kinds.add_parser("planner", help="one plan, beside ONNX Runtime and PyTorch")
    planner.add_argument(
        "--models", type=common.names, default=["xs", "1M", "5M"], metavar="M,...", help="sizes (default: xs,1M,5M)"
    )
    planner.add_argument(
        "--engines",
        type=common.names,
        metavar="E,...",
        help="native, onnxruntime, torch, torch-compile (default: all)",
    )
    planner.add_argument(
        "--threads", type=common.names, default=["1", "2"], metavar="N,...", help="numbers of threads (default: 1,2)"
    )
    _add_common(planner)
    planner.set_defaults(execute=_planner)


def _add_common(parser: argparse.ArgumentParser, seconds: float = 10.0) -> None:
    parser.add_argument(
        "--seconds", type=common.positive(float), default=seconds, metavar="S", help="a row (default: %(default)g)"
    )
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Measures what was named."""
    return args.execute(args)


def _show(args: argparse.Namespace, found: dict, keys: list[str]) -> int:
    common.write_json(args.json, f"bench_{args.kind}", {**found, "versions": common.versions()})
    print(common.table([[row.get(key) for key in keys] for row in found["rows"]], keys))
    return 0


def _tick(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    from ..bench.tick import bench_tick

    found = bench_tick(args.bundle, args.seconds)
    return _show(args, found, ["engine", "p50_us", "p99_us", "p999_us", "max_us", "mallocs", "locks", "samples"])


def _engine(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    from ..bench.engine import bench_engine

    found = bench_engine(args.seconds, args.threads)
    return _show(args, found, ["model", "engine", "p50_us", "p99_us", "p999_us", "mallocs", "locks", "max_abs_diff"])


def _planner(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    from .train import need_torch

    need_torch()
    from tqdm import tqdm

    from ..bench.planner import ENGINES, bench_planner
    from ..train.world_model.config import SIZES

    engines = tuple(args.engines or ENGINES)
    for given, known in ((engines, ENGINES), (args.models, tuple(SIZES))):
        for name in given:
            if name not in known:
                raise UserError(f"no {name!r}: one of {', '.join(known)}")
    if not all(count.isdigit() and int(count) > 0 for count in args.threads):
        raise UserError(f"--threads takes numbers, not {','.join(args.threads)}")
    threads = tuple(map(int, args.threads))
    with tqdm(bar_format="{desc} {elapsed}", disable=not common.interactive()) as bar:
        found = bench_planner(tuple(args.models), threads, engines, args.seconds, progress=bar.set_description)
    keys = ["model", "engine", "precision", "threads", "samples", "p50_ms", "p99_ms", "gflop", "fraction_of_peak"]
    return _show(args, found, [*keys, "max_abs_diff"])
