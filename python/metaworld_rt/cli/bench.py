"""Measures speed, always beside its peers in the same process run."""

from __future__ import annotations

import argparse

from . import common

HELP = "speed of the tick, the engine, the planner"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(title="what to measure", dest="kind", metavar="WHAT", required=True)
    tick = kinds.add_parser("tick", help="one whole tick of the controller")
    common.add_bundle(tick)
    _add_common(tick)
    tick.set_defaults(execute=_tick)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=common.positive(float), default=10.0, metavar="S", help="a row (default: %(default)s)"
    )
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Measures what was named."""
    return args.execute(args)


def _tick(args: argparse.Namespace) -> int:
    common.check_writable(args.json, "the result")
    from ..bench.tick import bench_tick

    found = bench_tick(args.bundle, args.seconds)
    common.write_json(args.json, "bench_tick", {**found, "versions": common.versions()})
    keys = ["engine", "p50_us", "p99_us", "p999_us", "max_us", "mallocs", "locks", "samples"]
    print(common.table([[row[key] for key in keys] for row in found["rows"]], keys))
    return 0
