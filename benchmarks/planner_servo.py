"""The servo's latency with a planner flat out on the other core, beside the same loop with that core idle.

    python benchmarks/planner_servo.py --seconds 8 --rounds 6      -> benchmarks/data/planner/servo.json

Needs two cores and SCHED_FIFO. The real loop at 1 kHz (the bundle's controller, recorder off) is pinned to one core, a
planner thread to the other. Phases alternate, so that a slow minute of the machine meets both: `idle`, where the
planner answers in microseconds and sleeps, and one for each world model, where a plan takes longer than the time
between two requests, so that its core never rests. The tick follows plans in every phase.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

import numpy as np

import metaworld_rt as mw
from metaworld_rt import _core
from metaworld_rt.bench import worlds
from metaworld_rt.bundles import DEFAULT
from metaworld_rt.train.world_model.config import PlannerConfig
from planner_curves import DATA, machine

SERVO, PLANNER = 0, 1  # cores
OBSERVATIONS_HZ = 500.0
LIMIT = 1.5


class Phase:
    """All runs of one kind of load, added up."""

    def __init__(self) -> None:
        self.wakeup, self.duration = _core.Histogram(), _core.Histogram()
        self.rounds: list[float] = []  # p99.9 of the duration, us
        self.ticks = self.misses = self.plans = 0
        self.busy = 0.0

    def run(self, bundle: mw.Bundle, planner: object, seconds: float) -> None:
        """One controller, one loop, one planner thread, for so long."""
        controller = mw.Controller(bundle)
        thread = _core.PlannerThread(controller, planner, cpu=PLANNER)
        loop = _core.RealtimeLoop(controller, rate_hz=1000.0, cpu=SERVO)
        thread.start()
        loop.start()
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            loop.observe(_core.monotonic_ns(), standing(bundle, now))
            time.sleep(1.0 / OBSERVATIONS_HZ)
        loop.stop()
        loop.join()
        thread.stop()
        report, planned = loop.report(), thread.report()
        if not (report.fifo and report.pinned):
            raise SystemExit(f"the loop is no real-time thread here: {'; '.join(report.warnings)}")
        self.wakeup.merge(report.wakeup)
        self.duration.merge(report.duration)
        self.rounds.append(report.duration.summary_us()["p999"])
        self.ticks += report.ticks
        self.misses += report.misses
        self.plans += planned.plans
        self.busy += planned.plans * planned.duration.summary_us()["p50"] * 1e-6 / seconds

    def row(self, name: str, planner: str) -> dict:
        """As the data file has it; times in us."""
        return {
            "phase": name,
            "planner": planner,
            "rounds": len(self.rounds),
            "ticks": self.ticks,
            "misses": self.misses,
            "plans": self.plans,
            "planner_busy": round(self.busy / len(self.rounds), 3),
            "duration_us": self.duration.summary_us(),
            "wakeup_us": self.wakeup.summary_us(),
            "duration_p999_us_of_each_round": self.rounds,
        }


def standing(bundle: mw.Bundle, t: float) -> np.ndarray:
    """A standing posture that moves a little, so that no sensor looks frozen."""
    o = np.zeros(bundle.observation_size)
    at = 0
    for kind, size in bundle.observation:
        if kind == "joint_pos":
            o[at : at + size] = bundle.default_pos + 0.05 * np.sin(6.28 * t + np.arange(size))
        elif kind == "joint_vel":
            o[at : at + size] = 0.3 * np.cos(6.28 * t + np.arange(size))
        elif kind == "base_pos":
            o[at + 2] = 0.98
        elif kind == "base_quat":
            o[at] = 1.0
        at += size
    return o


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=DEFAULT)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a phase")
    parser.add_argument("--rounds", type=int, default=6, help="of all phases")
    parser.add_argument("--models", default="1M,5M", help="world models, by size")
    args = parser.parse_args()
    os.sched_setaffinity(0, {PLANNER})  # this thread plays the robot; the loop's and the planner's pin themselves
    bundle = mw.load(args.bundle)
    planners = {"idle": _core.ReferencePlanner(bundle)}
    for size in args.models.split(","):
        model = worlds.random_world(size, 0, features=bundle.feature_size)
        planners[size] = worlds.native(model, PlannerConfig(), gate=False)
    phases = {name: Phase() for name in planners}
    for turn in range(args.rounds):
        for name, planner in planners.items():
            phases[name].run(bundle, planner, args.seconds)
            print(f"round {turn + 1} {name}: p99.9 {phases[name].rounds[-1]:.1f} us", file=sys.stderr)
    kernels = {name: getattr(p, "kernel", "reference") for name, p in planners.items()}
    rows = [phases[name].row(name, kernels[name]) for name in planners]
    for row in rows:
        for key in ("duration_us", "wakeup_us"):
            row[key.replace("_us", "_p999_over_idle")] = round(row[key]["p999"] / rows[0][key]["p999"], 3)
        print(json.dumps({k: v for k, v in row.items() if not k.endswith("round")}))
    found = {
        "machine": machine(),
        "bundle": bundle.name,
        "rate_hz": 1000,
        "seconds_a_phase": args.seconds,
        "date": time.strftime("%Y-%m-%d"),
        "rows": rows,
    }
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "servo.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(row["duration_p999_over_idle"] <= LIMIT for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
