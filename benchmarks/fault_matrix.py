"""The fault matrix: every fault at twenty phases of the gait, in lockstep simulated time, as a table.

    python benchmarks/fault_matrix.py --realtime --json benchmarks/data/fault_matrix.json --docs docs/realtime.md

Exit status 1 if a promise was broken: a command that is not finite or beyond a limit, an outcome that the catalogue
does not allow, a rung that should have counted and did not. The two faults that need the wall clock (a servo thread
starved by a real FIFO hog, a planner thread that is stopped) are in `--realtime`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import metaworld_rt as mw
from metaworld_rt import _core
from metaworld_rt.bundles import DEFAULT
from metaworld_rt.cli.common import versions
from metaworld_rt.faults import FAULTS, Fault, FlightResult, Walk
from metaworld_rt.faults.flight import flights
from metaworld_rt.faults.wall_clock import hogged, planner_stopped

BEGIN, END = "<!-- fault matrix: begin -->", "<!-- fault matrix: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=DEFAULT)
    parser.add_argument("--skill", default="walk")
    parser.add_argument("--times", type=int, default=20, help="flights a fault")
    parser.add_argument("--realtime", action="store_true", help="the wall-clock faults too (minutes; a quiet machine)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", type=Path, help="a page whose marked table is replaced")
    args = parser.parse_args(arguments)
    bundle = mw.load(args.bundle)
    plain, planned = Walk.of(bundle, args.skill), Walk.of(bundle, args.skill, planner=True)
    rows = []
    for fault in FAULTS:
        rows.append(row(fault.name, fault, list(flights(planned if fault.planner else plain, fault, args.times))))
        print(line(rows[-1]), flush=True)
    if args.realtime:
        for name, run in (("servo starved 50 ms by a FIFO hog", hogged), ("planner thread stopped", planner_stopped)):
            found = [run(plain, repetition) for repetition in range(args.times)]
            rows.append(row(name, None, found))
            print(line(rows[-1]), flush=True)
    document = {
        "schema": "metaworld_rt.fault_matrix/1",
        "bundle": bundle.name,
        "bundle_digest": bundle.digest,
        "isa": isa(bundle),
        "times": args.times,
        "undisturbed_speed_m_s": plain.speed,
        "rows": rows,
        "versions": versions(),
    }
    if args.json:
        args.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if args.docs:
        replace_table(args.docs, document)
    broken = [f"{r['fault']}: {problem}" for r in rows for problem in r["problems"]]
    print("\n".join(broken) or "every promise was kept")
    return 1 if broken else 0


def isa(bundle: _core.Bundle) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "isa.mcap")
        controller = _core.Controller(bundle)
        _core.FlightRecorder(controller, file=path).stop()
        return _core.flight_information(path)["isa"]


def row(name: str, fault: Fault | None, found: list[FlightResult]) -> dict:
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
        "problems": [] if fault is None else problems(fault, found),
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
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    table = [
        "| fault | what happened, of how many flights | rungs that counted, in how many flights | m/s at the end | "
        "non-finite | beyond limits |",
        "|---|---|---|---|---|---|",
        *(line(r) for r in document["rows"]),
    ]
    note = (
        f"Bundle {document['bundle']} (digest {document['bundle_digest'][:12]}), {document['isa']} kernels, "
        f"{document['times']} flights a fault; undisturbed it walks at {document['undisturbed_speed_m_s']:.2f} m/s."
    )
    path.write_text(head + BEGIN + "\n" + "\n".join(table) + "\n\n" + note + "\n" + END + tail, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
