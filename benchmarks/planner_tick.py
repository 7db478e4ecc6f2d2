"""Planning inside the tick: the compact model at 1 kHz on one core, paced and with SCHED_FIFO as a servo thread is.

    python benchmarks/planner_tick.py --seconds 10      -> benchmarks/data/planner/tick.json

Every millisecond one whole plan: xs model, 128 samples x 2 iterations x horizon 3, warm-started from the plan of the
millisecond before. `plan` is the time inside the planner, `end` from the moment the tick was due to the plan's return
(wake-up, Python and all). A tick that is due before the last one ended is skipped and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from metaworld_rt import _core
from metaworld_rt.bench import worlds
from metaworld_rt.bench.planner import IN_TICK, PRECISIONS
from planner_curves import DATA, machine

PERIOD_NS = 1_000_000
CPU = 1


def ticks(precision: str, seconds: float) -> dict:
    """One plan each millisecond."""
    model = worlds.random_world("xs", 0)
    planner = worlds.native(model, IN_TICK, precision=precision, gate=False)
    inputs = worlds.request(model, worlds.random_situation(model, 1))
    planner.measure(**inputs, seconds=0.2)
    plan, end = _core.Histogram(), _core.Histogram()
    due, skipped, n = time.monotonic_ns() + PERIOD_NS, 0, round(seconds * 1e9) // PERIOD_NS
    for k in range(n):
        time.sleep(max(0, due - time.monotonic_ns()) * 1e-9)
        result = planner.plan(**inputs, t_ns=due, decision=k)
        now = time.monotonic_ns()
        plan.record(result["duration_ns"])
        end.record(now - due)
        due += PERIOD_NS
        while due < now:
            due += PERIOD_NS
            skipped += 1
    return {
        "precision": precision,
        "kernel": planner.kernel,
        "plans": n,
        "skipped_ticks": skipped,
        "plan_us": plan.summary_us(),
        "end_us": end.summary_us(),
    }


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each precision")
    args = parser.parse_args()
    os.sched_setaffinity(0, {CPU})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(80))
    rows = [ticks(precision, args.seconds) for precision in PRECISIONS]
    for row in rows:
        print(json.dumps(row))
    DATA.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "rows": rows}
    (DATA / "tick.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
