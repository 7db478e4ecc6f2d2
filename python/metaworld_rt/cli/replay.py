"""Re-runs a recorded flight and says whether every action is bit-identical.

The recorded observations, times, commands and plans go through the same bundle again, on this machine. Exit status 0:
every output of every tick has the same bits; 1: it does not, and the first difference is named. With --rerun a
simulated robot flies the episode again in closed loop besides, and it is said where the two flights part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import EXIT_FAILURE, common

HELP = "re-run a recorded flight, bit for bit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("flight", type=Path, metavar="F.mcap", help="what run --record, or a fault, wrote")
    parser.add_argument(
        "--bundle",
        action="append",
        default=[],
        metavar="B",
        help="the bundle it was recorded with; again for each that was swapped in (default: the shipped ones)",
    )
    parser.add_argument(
        "--rerun", action="store_true", help="run the episode again in simulation too, and say where it parts"
    )
    parser.add_argument("--plots", type=Path, metavar="F.html", help="write a page for looking at the flight")
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    common.check_writable(args.json, "the result")
    common.check_writable(args.plots, "the plots")
    from .. import record
    from ..record.page import describe_difference

    flight = record.Flight.open(args.flight)
    result = record.replay(args.flight, args.bundle)
    again = record.rerun(args.flight, args.bundle) if args.rerun else None
    about = flight.information
    document = {"flight": str(args.flight), **result, "information": about, "versions": common.versions()}
    if again is not None:
        document["rerun"] = again.to_json()
    common.write_json(args.json, "replay", document)
    if args.plots is not None:
        common.write_text(args.plots, record.flight_page(flight, result, again))
    seconds = result["ticks"] / float(about["tick_hz"])
    print(f"{args.flight.name}: bundle {about['bundle']} {about['bundle_version']}, {about['isa']}, {seconds:.1f} s")
    if result["gaps"] or result["skipped"]:
        print(f"note: {result['gaps']} gaps in the record, {result['skipped']} ticks left out")
    if again is not None:
        print(again)
    if not result["complete"]:
        print("note: the file has no end mark (the recording was cut off); what is there was replayed")
    if result["bit_identical"]:
        print(f"bit-identical: {result['ticks']} of {result['ticks']} ticks")
        return 0
    if not result["ticks"]:
        print("nothing to replay: the file holds no keyframe with ticks after it")
        return EXIT_FAILURE
    print(f"different: {result['ticks'] - result['identical']} of {result['ticks']} ticks")
    print(describe_difference(result["first_difference"]))
    return EXIT_FAILURE
