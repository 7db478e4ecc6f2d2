"""Can this machine hold the rate? Its own timer first, then the real controller, then both under load.

Exit status 0 whatever the verdict: it is a measurement, and the verdict is in the output and in the JSON.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import common

HELP = "can this machine hold the rate?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common.add_bundle(parser)
    parser.add_argument(
        "--seconds",
        type=common.positive(float),
        default=60.0,
        metavar="S",
        help="all stages together (default: %(default)g)",
    )
    parser.add_argument(
        "--rate",
        type=common.positive(float),
        default=1000.0,
        metavar="HZ",
        help="ticks a second (default: %(default)g)",
    )
    parser.add_argument(
        "--priority",
        type=int,
        default=80,
        choices=range(100),
        metavar="0..99",
        help="SCHED_FIFO priority of servo and timer, 0: none (default: %(default)s)",
    )
    parser.add_argument("--cpu", type=int, default=-1, metavar="N", help="pin servo and timer to this core")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where the disk load writes (128 MB at most)")
    parser.add_argument("--report", type=Path, metavar="F.html", help="write a page with histograms")
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    for path, what in ((args.json, "the result"), (args.report, "the report")):
        common.check_writable(path, what)
    from ..controller import load
    from ..errors import UserError
    from ..qualify import STAGES, qualify, qualify_page
    from ..qualify.page import ROW_HEADER, stage_row

    if args.scratch is not None and not args.scratch.is_dir():
        raise UserError(f"there is no folder {args.scratch} for the disk load")
    from tqdm import tqdm

    a_stage = args.seconds / len(STAGES)
    with tqdm(total=args.seconds, unit="s", disable=not common.interactive()) as bar:

        def progress(name: str, t: float) -> None:
            bar.set_description(name)
            done = [stage[0] for stage in STAGES].index(name) * a_stage
            bar.update(done + t - bar.n)

        result = qualify(
            load(args.bundle),
            seconds=a_stage,
            rate_hz=args.rate,
            priority=args.priority,
            cpu=args.cpu,
            scratch=str(args.scratch or ""),
            progress=progress,
        )
    histograms = result.pop("histograms")
    common.write_json(args.json, "qualify", {**result, "versions": common.versions()})
    if args.report is not None:
        common.write_text(args.report, qualify_page(result, histograms))
    print(f"{result['kernel']}, {result['scheduler']}, bundle {result['bundle']}")
    print(common.table([stage_row(stage) for stage in result["stages"]], ROW_HEADER))
    for warning in dict.fromkeys(warning for stage in result["stages"] for warning in stage["warnings"]):
        print(f"warning: {warning}")
    for stage in result["stages"]:
        if stage["load_failed"]:
            print(f"warning: the load of stage {stage['name']} could not run; give --scratch a writable folder")
    print(f"{result['rate_hz']:g} Hz: {result['verdict']}: {result['reason']}")
    return 0
