"""The fault matrix: every fault at twenty phases of the gait, in lockstep simulated time, as a table.

    python benchmarks/fault_matrix.py --realtime --json benchmarks/data/fault_matrix.json --docs docs/realtime.md

Exit status 1 if a promise was broken: a command that is not finite or beyond a limit, an outcome that the catalogue
does not allow, a rung that should have counted and did not. The two faults that need the wall clock (a servo thread
starved by a real FIFO hog, a planner thread that is stopped) are in `--realtime`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import metaworld_rt as mw
from metaworld_rt import _core
from metaworld_rt.bundles import DEFAULT
from metaworld_rt.cli.common import versions
from metaworld_rt.faults import FAULTS, Fault, FlightResult, Walk, fly
from metaworld_rt.faults.catalogue import STOP, State
from metaworld_rt.faults.wall_clock import hogged, planner_stopped
from page import fill

WALL_CLOCK = (
    (
        "servo starved 50 ms by a FIFO hog",
        hogged,
        Fault("", 50, State, ("deadline_missed", "controlled_stop"), (), STOP),
    ),
    ("planner thread stopped", planner_stopped, Fault("", 0, State, ("late_plan", "stale_plan"))),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=DEFAULT)
    parser.add_argument("--skill", default="walk")
    parser.add_argument("--times", type=int, default=20, help="flights a fault")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the flights in lockstep")
    parser.add_argument("--realtime", action="store_true", help="the wall-clock faults too (minutes; a quiet machine)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--resume", action="store_true", help="keep the rows that --json holds of this very bundle")
    parser.add_argument("--docs", type=Path, help="a page whose marked table is replaced")
    args = parser.parse_args(arguments)
    bundle = mw.load(args.bundle)
    walk = Walk.of(bundle, args.skill)
    kept = earlier(args.json, bundle, args.times) if args.resume and args.json else {}
    rows = []
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(args.jobs, fork, initializer=_WALK.append, initargs=(walk,)) as pool:
        for i, fault in enumerate(FAULTS):
            flown = kept.get(fault.name) or row(fault.name, fault, list(pool.map(one, *flights(i, args.times))))
            rows.append(flown)
            print(line(rows[-1]), flush=True)
    save(args, bundle, walk, rows)
    if args.realtime:
        for name, run, fault in WALL_CLOCK:
            rows.append(row(name, fault, [run(walk, repetition) for repetition in range(args.times)]))
            print(line(rows[-1]), flush=True)
    document = save(args, bundle, walk, rows)
    if args.docs:
        replace_table(args.docs, document)
    broken = [f"{r['fault']}: {problem}" for r in rows for problem in r["problems"]]
    print("\n".join(broken) or "every promise was kept")
    return 1 if broken else 0


def save(args: argparse.Namespace, bundle: _core.Bundle, walk: Walk, rows: list[dict]) -> dict:
    """The document, written to --json where that is given; also before the wall-clock faults, for --resume."""
    document = {
        "schema": "metaworld_rt.fault_matrix/1",
        "bundle": bundle.name,
        "bundle_digest": bundle.digest,
        "isa": isa(bundle),
        "times": args.times,
        "planner": "mppi" if bundle.planner is not None else "reference",
        "undisturbed_speed_m_s": walk.speed,
        "rows": rows,
        "versions": versions(),
    }
    if args.json:
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


_WALK: list[Walk] = []  # of a process that flies


def one(fault: int, repetition: int, of: int) -> FlightResult:
    """One flight in lockstep, in a process of the pool."""
    return fly(_WALK[0], FAULTS[fault], repetition, of)


def flights(fault: int, times: int) -> tuple[list[int], range, list[int]]:
    """The arguments of `one` for all repetitions of a fault, one at every phase of the gait."""
    return [fault] * times, range(times), [times] * times


def earlier(path: Path, bundle: _core.Bundle, times: int) -> dict[str, dict]:
    """Rows of an earlier run by name, if it flew this bundle as often with these kernels."""
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    same = (document["bundle_digest"], document["isa"], document["times"]) == (bundle.digest, isa(bundle), times)
    return {r["fault"]: r for r in document["rows"]} if same else {}


def isa(bundle: _core.Bundle) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "isa.mcap")
        controller = _core.Controller(bundle)
        _core.FlightRecorder(controller, file=path).stop()
        return _core.flight_information(path)["isa"]


def row(name: str, fault: Fault, found: list[FlightResult]) -> dict:
    rungs: Counter[str] = Counter()
    for result in found:
        rungs.update(result.rungs.keys())
    outcomes = Counter(result.outcome for result in found)
    stops = sorted(result.stop_ms for result in found if result.stop_ms is not None)
    return {
        "fault": name,
        "flights": len(found),
        "outcomes": dict(outcomes),
        "rungs_in_flights": {rung: count for rung, count in sorted(rungs.items()) if rung != "output_clamped"},
        "stop_ms": [stops[0], stops[-1]] if stops else None,
        "non_finite": sum(r.non_finite for r in found),
        "beyond_limits": sum(r.beyond_limits + r.too_fast for r in found),
        "speed_m_s": sum(r.speed for r in found) / len(found),
        "problems": problems(fault, found),
    }


def problems(fault: Fault, found: list[FlightResult]) -> list[str]:
    """What the catalogue does not allow."""
    out = []
    for i, result in enumerate(found):
        if not result.clean:
            out.append(f"flight {i}: a command broke a limit")
        if result.outcome not in fault.may:
            out.append(f"flight {i}: {result.outcome}, allowed {', '.join(fault.may)}")
        out += [f"flight {i}: rung {rung} did not count" for rung in fault.counts if not result.rungs.get(rung)]
        out += [f"flight {i}: rung {rung} counted" for rung in fault.silent if result.rungs.get(rung)]
    return out


def line(r: dict) -> str:
    outcomes = ", ".join(f"{name} {count}" for name, count in r["outcomes"].items())
    rungs = ", ".join(f"{name} {count}" for name, count in r["rungs_in_flights"].items()) or "-"
    stop = f" after {r['stop_ms'][0]:.0f}-{r['stop_ms'][1]:.0f} ms" if r["stop_ms"] else ""
    return (
        f"| {r['fault']} | {outcomes}{stop} | {rungs} | {r['speed_m_s']:.2f} | "
        f"{r['non_finite']} | {r['beyond_limits']} |"
    )


def replace_table(path: Path, document: dict) -> None:
    text = path.read_text(encoding="utf-8")
    table = [
        "| fault | what happened, of how many flights | rungs that counted, in how many flights | m/s at the end | "
        "non-finite | beyond limits |",
        "|---|---|---|---|---|---|",
        *(line(r) for r in document["rows"]),
    ]
    note = (
        f"Bundle {document['bundle']} (digest {document['bundle_digest'][:12]}), {document['isa']} kernels, "
        f"{document['times']} flights a fault, planner ({document['planner']}) on; undisturbed it walks at "
        f"{document['undisturbed_speed_m_s']:.2f} m/s."
    )
    path.write_text(fill(text, "fault matrix", "\n".join([*table, "", note])), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
