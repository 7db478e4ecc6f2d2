"""The main job: the C++ loop controls a simulated H1 in real time, told what to do in plain words.

Ctrl-C stops the robot (damping), still writes what was asked for, and exits with 130.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from . import EXIT_INTERRUPTED, common

HELP = "drive the simulated robot in real time"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("instruction", metavar="INSTRUCTION", help='what to do, e.g. "walk forward"')
    common.add_bundle(parser)
    parser.add_argument(
        "--task",
        choices=["stand", "walk", "run", "reach", "door"],
        default="walk",
        help="scene, and the reward that is summed (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=common.positive(float, zero=True),
        default=20.0,
        metavar="S",
        help="how long; 0 until Ctrl-C (default: %(default)g)",
    )
    parser.add_argument(
        "--rate", type=common.positive(float), default=1000.0, metavar="HZ", help="servo rate (default: %(default)g)"
    )
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--viewer", action="store_true", help="open a window on the simulation")
    look.add_argument("--headless", action="store_true", help="no window (the default)")
    parser.add_argument("--video", type=Path, metavar="F.mp4", help="film it (rendered after the run)")
    parser.add_argument(
        "--record", type=Path, metavar="F.mcap", help="write a flight record, for `replay` and Foxglove"
    )
    parser.add_argument("--report", type=Path, metavar="F.html", help="write a report page")
    parser.add_argument("--prompt", action="store_true", help="read new instructions from standard input while it runs")
    parser.add_argument("--image", type=Path, metavar="F", help="what the robot sees, a PNG or JPEG")
    common.add_semantic(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--cpu", type=int, default=-1, metavar="N", help="pin the servo thread to this core")
    parser.add_argument(
        "--priority",
        type=int,
        default=80,
        choices=range(100),
        metavar="0..99",
        help="SCHED_FIFO priority of the servo thread, 0: none (default: %(default)s)",
    )
    parser.add_argument(
        "--count-calls", action="store_true", help="count allocations, locks and system calls inside ticks (Linux)"
    )
    common.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs the command."""
    outputs = {"result": args.json, "report": args.report, "video": args.video, "record": args.record}
    for what, path in outputs.items():
        common.check_writable(path, f"the {what}")
    if args.count_calls:
        from ..bench.counting import start_again

        start_again(sys.argv[1:])
    from ..run.gl import choose_gl

    can_render = choose_gl(required=args.video is not None)  # before MuJoCo is imported
    from ..controller import load
    from ..run.session import RunOptions, Session
    from ..run.video import check_video, write_video
    from ..run.viewer import Viewer

    check_video(args.video)
    bundle = load(args.bundle)
    options = RunOptions(
        args.instruction,
        task=args.task,
        seconds=args.seconds,
        rate_hz=args.rate,
        seed=args.seed,
        priority=args.priority,
        cpu=args.cpu,
        image=common.read_image(args.image),
        camera=can_render,
        record=args.record,
    )
    session = Session(bundle, common.semantic_spec(args.semantic), options)
    viewer = Viewer(session.model) if args.viewer else None
    how = "type a new instruction, or Ctrl-C to stop" if args.prompt else "Ctrl-C stops the robot"
    print(f'"{args.instruction[:60]}" with {bundle.name}; {how}', flush=True)
    listener = threading.Thread(target=_listen, args=(session,), daemon=True)
    with _stopped_by_signals(session.stop), _progress(args.seconds) as progress:

        def watch(t, qpos) -> bool:
            progress(t)
            if args.prompt and listener.ident is None:  # from here on: before, the first instruction would win
                listener.start()
            if viewer is not None and viewer.open:
                viewer.show(qpos)
            return viewer is None or viewer.open

        session.run(watch)
    if viewer is not None:
        viewer.close()

    document = {**session.result, "versions": common.versions()}
    common.write_json(args.json, "run", document)
    if args.report is not None:
        from ..report import run_report

        common.write_text(args.report, run_report(document, session.trace, session.histograms))
    _print(document)
    if args.video is not None:
        _film(args.video, session, write_video)
    return EXIT_INTERRUPTED if session.interrupted else 0


def _listen(session) -> None:
    """Takes each line of standard input as a new instruction and says what becomes of it; its end changes nothing."""
    for line in sys.stdin:
        try:
            if line.strip():
                session.ask(line)
                print(session.answer(), flush=True)
        except ValueError as error:
            print(error, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM end the run in order; a second one is not swallowed."""
    before = {}

    def handle(number, frame) -> None:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress(seconds: float) -> Iterator[Callable[[float], None]]:
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.1f}/{total:.0f} s" if seconds else "{n:.1f} s, Ctrl-C to stop"
    with tqdm(total=seconds or None, bar_format=form, disable=not common.interactive()) as bar:
        yield lambda t: bar.update(min(t, seconds or t) - bar.n)


def _film(path: Path, session, write_video) -> None:
    from tqdm import tqdm

    def progress(frames, count):
        return tqdm(frames, total=count, desc="filming", unit="frame", disable=not common.interactive())

    t, qpos = session.states
    count = write_video(path, session.model, t, qpos, progress)
    print(f"{path}: {count} frames")


def _print(document: dict) -> None:
    tick, semantic = document["tick"], document["semantic"]
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in semantic["weights"].items())
    end = "stopped early" if document["interrupted"] else "done"
    print(f"{end}: {weights} by {semantic['backend']}")
    if semantic["refused"] or semantic["failures"]:
        print(f"note: {semantic['message'] or semantic['last_failure']}")
    print(
        f"{document['sim_seconds']:.1f} s, {'FELL' if document['fell'] else 'no fall'}, "
        f"{document['distance_m']:.1f} m at {document['speed_m_s']:.2f} m/s, return {document['return']:.1f}"
    )
    print()
    rows = [[name, *tick[key].values()] for name, key in (("tick", "duration_us"), ("wake-up", "wakeup_us"))]
    planner = document["planner"]
    if planner["plans"]:
        rows.append(["plan", *planner["duration_us"].values()])
    print(common.table(rows, ["microseconds", "p50", "p99", "p99.9", "max"]))
    print(f"{tick['count']} ticks at {tick['rate_hz']:g} Hz, {tick['misses']} missed")
    if document["allocations_in_tick"] is not None:
        print(f"{document['allocations_in_tick']} allocations, {document['locks_in_tick']} locks in ticks")
    if planner["plans"]:
        print(f"{planner['plans']} plans, {planner['rate_hz']:.0f} Hz, {planner['iterations_mean']:.1f} iterations")
    used = {name: count for name, count in document["ladder"].items() if count}
    if used:
        print("safety ladder: " + ", ".join(f"{name} {count}" for name, count in used.items()))
    for warning in document["warnings"]:
        print(f"warning: {warning}")
