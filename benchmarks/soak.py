"""The soak: the real loop for an hour and more on the simulated robot, planner and semantic layer on.

    python benchmarks/soak.py --minutes 60 --out benchmarks/data/soak --docs docs/realtime.md

It starts itself again with libmwrt_interpose.so preloaded (where that lies beside the package), so that malloc, locks
and system calls in the ticks are counted.

A bare timer of the same priority runs on the same core beside the loop, so that every late tick can be laid to the
machine or to us. Memory is sampled every ten seconds. When the robot falls (or a controlled stop drops it) a new one
is put up, the controller is re-armed, and the loop goes on: what is on trial is the loop. Writes soak.json, and
soak_loop.svg, soak_timer.svg, soak_tick.svg and soak_memory.svg beside it. The true length is in all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import metaworld_rt as mw
from metaworld_rt import _core
from metaworld_rt.bundles import DEFAULT
from metaworld_rt.cli.common import finite, versions
from metaworld_rt.evaluate.observation import Observer, StateReader
from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.realtime import MujocoPlant
from metaworld_rt.qualify import host
from metaworld_rt.report import svg
from metaworld_rt.semantic import Skills
from metaworld_rt.semantic.runner import SemanticRunner
from soak_report import UNEXPLAINED, explained, replace_part

INSTRUCTIONS = ("walk forward", "stand still", "walk slowly", "walk forward")
INSTRUCTION_S = 30.0  # each is followed this long
SAMPLE_S = 10.0


class Robot:
    """Simulated robots, one after another, behind one loop."""

    def __init__(self, bundle: _core.Bundle, loop: _core.RealtimeLoop, controller: mw.Controller):
        self._bundle, self._loop, self._controller = bundle, loop, controller
        self._model = build("floor")
        self._reader = StateReader(self._model)
        self._observer = Observer(bundle.observation, self._reader.names)
        self._command = None
        self.episodes = self.late_steps = self.steps = self.falls = 0
        self.metres = 0.0
        self._plant = self._new()

    def _new(self) -> MujocoPlant:
        self.episodes += 1
        self._command = None
        plant = MujocoPlant(
            self._model,
            self._loop.observe,
            self._newest,
            observe=lambda data: self._observer.fill(self._reader.read(data, np.zeros(3))),
            seed=self.episodes,
            frozen_until_command=False,
        )
        plant.start()
        return plant

    def _newest(self):
        command = self._loop.command()
        if command is not None:
            self._command = command
        return self._command

    def look(self) -> None:
        """Puts a new robot up where the one before is down or stopped."""
        report = self._plant.report
        stopped = self._loop.status().mode == _core.Mode.stopped
        if report.error:
            raise RuntimeError(report.error)
        if report.fell or stopped:
            self.falls += report.fell and not stopped
            self.end()
            self._plant = self._new()
            self._controller.rearm()
        self._plant.recording.t.clear()
        self._plant.recording.qpos.clear()

    def end(self) -> None:
        """Stops the robot at hand and adds up."""
        report = self._plant.stop()
        self.steps += report.steps
        self.late_steps += report.late_steps
        self.metres += report.distance


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=DEFAULT)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--semantic", default="matcher", help="a backend, as of `run --semantic`")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="core of servo and bare timer")
    parser.add_argument("--priority", type=int, default=80)
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--docs", type=Path, help="a page whose marked part is replaced")
    args = parser.parse_args(arguments)
    preloaded(sys.argv[1:] if arguments is None else arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    document, histograms = soak(args)
    (args.out / "soak.json").write_text(json.dumps(finite(document), indent=1) + "\n", encoding="utf-8")
    figures(args.out, document, histograms)
    if args.docs:
        replace_part(args.docs, document)
    print(json.dumps({k: v for k, v in document.items() if k not in ("memory", "late", "versions")}, indent=1))
    return 0


def soak(args: argparse.Namespace) -> tuple[dict, dict[str, np.ndarray]]:
    bundle = mw.load(args.bundle)
    stop = threading.Event()
    ended_by = stopped_by_signals(stop)
    controller = mw.Controller(bundle)
    controller.post("walk", ttl_ns=10_000_000_000)
    planning, planner_name = None, "none"
    if bundle.planner is not None:
        planner, planner_name = _core.MppiPlanner(bundle, seed=0), "mppi"
        budget = round(1e6 * bundle.planner["deadline_ms"])
    else:
        planner, planner_name = _core.ReferencePlanner(bundle), "reference (this bundle has no world model)"
        budget = 0
    planning = _core.PlannerThread(controller, planner, budget, priority=args.priority - 10)
    loop = _core.RealtimeLoop(controller, priority=args.priority, cpu=args.cpu)
    watch = _core.SlowTickWatch(controller, bundle.tick_hz)
    timer = _core.BareTimer(bundle.tick_hz, args.priority, args.cpu)
    skills = Skills.of(tuple(bundle.descriptions.items()), bundle.safe_skill)
    semantic = SemanticRunner(args.semantic, skills, controller.post, clock=_core.monotonic_ns)
    steal = host_steal()
    started = time.monotonic()
    planning.start()
    loop.start()
    robot = Robot(bundle, loop, controller)
    timer.start()
    semantic.start()
    memory, next_sample, asked = [], 0.0, 0
    while not stop.is_set() and time.monotonic() - started < 60.0 * args.minutes:
        now = time.monotonic() - started
        if now >= next_sample:
            memory.append((round(now, 1), rss_kib()))
            next_sample += SAMPLE_S
            if len(memory) % 30 == 1:
                print(f"{now / 60:.1f} min, {memory[-1][1] / 1024:.1f} MiB, episodes {robot.episodes}", flush=True)
        if now >= asked * INSTRUCTION_S:
            semantic.ask(INSTRUCTIONS[asked % len(INSTRUCTIONS)])
            asked += 1
        robot.look()
        stop.wait(0.25)
    semantic.stop()
    loop.stop()
    loop.join()
    seconds = time.monotonic() - started
    beside = timer.stop()
    planning.stop()
    robot.end()
    slow = watch.stop()
    report = loop.report()
    late = explained(slow["slow"], beside["slow"], 1e9 / bundle.tick_hz)
    reasons = {reason: sum(1 for row in late if row["why"] == reason) for reason in sorted({r["why"] for r in late})}
    missed = [row for row in late if row["missed"]]
    unexplained = [row for row in missed if row["why"] == UNEXPLAINED]
    steady = [kib for t, kib in memory if t >= 120] or [kib for _, kib in memory]
    document = {
        "schema": "metaworld_rt.soak/1",
        "bundle": bundle.name,
        "bundle_digest": bundle.digest,
        "minutes": seconds / 60,
        "minutes_asked": args.minutes,
        "ended_early_by": ended_by[0] if ended_by else None,
        "rate_hz": report.rate_hz,
        "ticks": report.ticks,
        "misses": report.misses,
        "duration_us": report.duration.summary_us(),
        "wakeup_us": report.wakeup.summary_us(),
        "timer_wakeup_us": beside["wakeup"].summary_us(),
        "timer_misses": beside["misses"],
        "timer_ticks": beside["count"],
        "allocations_in_tick": report.allocations,
        "locks_in_tick": report.locks,
        "syscalls_in_tick": report.syscalls,
        "minor_faults": report.minor_faults,
        "major_faults": report.major_faults,
        "fifo": report.fifo,
        "memory_locked": report.locked,
        "late_ticks": len(late),
        "late_ticks_why": reasons,
        "missed_events": len(missed),
        "missed_events_explained": len(missed) - len(unexplained),
        "missed_unexplained": unexplained,
        "memory_mib_after_2_min": [min(steady) / 1024, max(steady) / 1024],
        "planner": planner_name,
        "plans": controller.statistics()["plans"],
        "plan_decisions": controller.statistics()["plan_decisions"],
        "decisions": controller.statistics()["decisions"],
        "semantic": semantic.report(),
        "ladder": {k: v for k, v in controller.statistics()["rungs"].items() if v},
        "robots": {"episodes": robot.episodes, "falls": robot.falls, "metres": robot.metres, "steps": robot.steps},
        "plant_late_steps": robot.late_steps,
        "records": slow["records"],
        "records_dropped": slow["dropped"],
        "host_steal_share": host_steal(steal),
        "load_average": list(os.getloadavg()),
        "host": host.facts(),
        "kernel": host.kernel(),
        "warnings": list(report.warnings),
        "memory": memory,
        "late": late,
        "versions": versions(),
    }
    return document, {"loop": report.wakeup.buckets_us(), "timer": beside["wakeup"].buckets_us(),
                      "tick": report.duration.buckets_us()}  # fmt: skip


def stopped_by_signals(stop: threading.Event) -> list[str]:
    """SIGINT and SIGTERM end the soak in order; says who sent them. Before any other thread is made."""
    numbers = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    said: list[str] = []

    def wait() -> None:
        got = signal.sigwaitinfo(numbers)
        said.append(f"signal {got.si_signo} of process {got.si_pid}")
        print(f"ended early by {said[0]}", flush=True)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    return said


def preloaded(arguments: Sequence[str]) -> None:
    """Starts this script again under the counting library, unless it is there already or is not to be had."""
    library = Path(_core.__file__).parent / "libmwrt_interpose.so"
    if "libmwrt_interpose" in os.environ.get("LD_PRELOAD", "") or not library.is_file():
        return
    os.environ["LD_PRELOAD"] = f"{library} {os.environ.get('LD_PRELOAD', '')}".strip()
    os.execv(sys.executable, [sys.executable, __file__, *arguments])


def rss_kib() -> int:
    """Resident memory of this process, KiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text()).group(1))


def host_steal(before: tuple[float, float] | None = None):
    """(steal, total) jiffies; with an earlier pair the share of time that the hypervisor took."""
    fields = [float(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    now = (fields[7] if len(fields) > 7 else 0.0, sum(fields[:8]))
    if before is None:
        return now
    return (now[0] - before[0]) / max(1.0, now[1] - before[1])


def figures(folder: Path, document: dict, histograms: dict[str, np.ndarray]) -> None:
    period = ("period", 1e6 / document["rate_hz"])
    for name, key in (("loop", "wakeup_us"), ("timer", "timer_wakeup_us"), ("tick", "duration_us")):
        marks = {label: document[key][q] for label, q in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))}
        save(folder / f"soak_{name}.svg", svg.latency_histogram(histograms[name], marks, period))
    t, kib = np.array(document["memory"], dtype=float).T
    mib = kib / 1024
    frame = svg.Frame((0.0, max(float(t[-1]), 1.0)), (0.0, float(mib.max()) * 1.15), height=170)
    save(folder / "soak_memory.svg", svg.line_chart(t, [svg.Series("resident memory, MiB", mib)], "MiB", frame))


def save(path: Path, text: str) -> None:
    """An SVG that stands alone: the page's styles are put in."""
    style = ("<style>text{font:11px system-ui,sans-serif;fill:#5c6a78}.axis{stroke:#5c6a78}"
             ".grid{stroke:#d9dfe5;stroke-width:.7}</style>")  # fmt: skip
    body = text[: text.index("</svg>") + 6].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    path.write_text(body.replace(">", f">{style}", 1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
