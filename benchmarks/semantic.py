"""The semantic layer's published figures: accuracy on the hand-written set, latency, and what chaos does to the loop.

    python benchmarks/semantic.py accuracy [--backend embedded] [--split all|dev|test] [--wrong]
    python benchmarks/semantic.py latency [--backend embedded] [--calls 200]
    python benchmarks/semantic.py chaos [--runs 100] [--seconds 10] [--modes raising,hanging]

    python benchmarks/semantic.py write

Each takes --json FILE; `write` puts what lies in benchmarks/data/semantic (accuracy.json, latency.json, chaos.json)
into docs/semantic.md. What the plan itself is worth on a task of several skills, once a bundle has those:
`metaworld-rt eval --tasks door --controllers full,no-semantic --episodes 20`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaworld_rt.semantic import make_backend
from metaworld_rt.semantic.backend import Skills, StateSummary
from metaworld_rt.semantic.callers import InProcess, Request
from metaworld_rt.semantic.heads import HOUSEHOLD
from metaworld_rt.semantic.pixels import read_image
from metaworld_rt.semantic.plan import SkillPlan, StagePlan
from metaworld_rt.semantic.runner import RunnerConfig
from metaworld_rt.train.semantic.score import cases, confusion, scores
from page import fill

TESTS = Path(__file__).parents[1] / "tests"
DATA = TESTS / "data"
FIGURES = Path(__file__).parent / "data" / "semantic"


def accuracy(args: argparse.Namespace) -> dict:
    found = cases(make_backend(args.backend), DATA / "semantic_set.jsonl", args.split)
    table = scores(found)
    print(f"{args.backend} on {len(found)} hand-written instructions ({args.split})")
    for name, row in table.items():
        target = f"  target {row['target']:.0%}" if "target" in row else ""
        print(f"  {name:10} {row['share']:7.1%} of {row['cases']:3}{target}")
    print(confusion(found))
    if args.wrong:
        for case in found:
            if not case.exact or not all(case.goals()):
                wanted, said = (case.wanted, case.row.get("goals", "")), (case.got, case.plan and case.plan.text)
                print(f"  {case.row['text']!r} [{case.row['image'] or '-'}]: right {wanted}, said {said}")
    splits = {split: scores([case for case in found if case.row["split"] == split]) for split in ("dev", "test")}
    return {
        "backend": args.backend,
        "split": args.split,
        "scores": {args.split: table} if args.split != "all" else {**splits, "all": table},
        "confusion": confusion(found),
        "wrong": sum(not case.exact for case in found),
    }


def latency(args: argparse.Namespace) -> dict:
    image = read_image(DATA / "semantic_images" / "door_closed_1.png")
    skills, text = Skills.of(HOUSEHOLD), "please walk to the door, open it and go through, then stop"
    backend = make_backend(args.backend)
    rows, cpu = {}, {}
    for name, picture in (("text", None), ("text and image", image)):
        spent = time.process_time()
        rows[f"{name}, in process"] = [
            _timed(lambda picture=picture: backend.plan(text, picture, skills)) for _ in range(args.calls)
        ]
        cpu[f"{name}, in process"] = 1e3 * (time.process_time() - spent) / args.calls
    child = InProcess(args.backend)
    start = time.perf_counter()
    _ask(child, skills, text, image, 0)
    started = time.perf_counter() - start
    rows["text and image, in a child"] = [
        _timed(lambda i=i: _ask(child, skills, text, image, i)) for i in range(1, args.calls + 1)
    ]
    child.close()
    out = {
        name: {
            "p50_ms": 1e3 * float(np.percentile(t, 50)),
            "p99_ms": 1e3 * float(np.percentile(t, 99)),
            "max_ms": 1e3 * max(t),
        }
        for name, t in rows.items()
    }
    for name, row in out.items():
        print(f"  {name:28} p50 {row['p50_ms']:7.2f} ms   p99 {row['p99_ms']:7.2f} ms   max {row['max_ms']:7.2f} ms")
    print(f"  a child's first answer after {started:.2f} s")
    print(", ".join(f"{name}: {ms:.2f} ms of CPU a call" for name, ms in cpu.items()))
    load = os.getloadavg()[0]
    return {"backend": args.backend, "latency": out, "cpu_ms": cpu, "child_start_s": started, "load_average": load}


def _timed(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _ask(child: InProcess, skills: Skills, text: str, image: np.ndarray, number: int) -> SkillPlan:
    child.start(Request(number, text, image, skills, StateSummary()))
    reply = child.poll(60.0)
    if reply is None or reply.plan is None:
        raise RuntimeError(f"no answer: {reply}")
    return reply.plan


# --- chaos

_EVERY = 5  # of so many calls the first is answered well, so that the robot always has something to do
_HURRY = RunnerConfig(period_s=0.1, timeout_s=0.1, backoff_s=0.1, start_timeout_s=30.0, ttl_s=5.0)


class _Idle:
    """A backend that is asked once."""

    name = "idle"
    config = RunnerConfig(period_s=3600.0, ttl_s=3600.0)

    def plan(self, *_):
        return SkillPlan((StagePlan({"walk": 1.0}),))


class _Storm:
    """A backend that answers well every fifth time, else fails as told; its runner calls ten times a second."""

    name = "storm"
    config = _HURRY

    def __init__(self, mode: str):
        from semantic_chaos import Chaos

        self._good, self._bad = Chaos("good"), Chaos(mode)
        self.calls = self.faults = 0

    def plan(self, *args):
        self.calls += 1
        if self.calls % _EVERY == 1:
            return self._good.plan(*args)
        self.faults += 1
        return self._bad.plan(*args)


class _Child(InProcess):
    """A child process that hangs, or is sent a signal, at each call but every fifth; then a new one is started."""

    config = _HURRY

    def __init__(self, fault: str | signal.Signals):
        child = [sys.executable, str(TESTS / "semantic" / "semantic_chaos.py"), "told"]
        super().__init__("chaos", command=child)
        self._fault, self.calls, self.faults = fault, 0, 0

    def start(self, request: Request) -> None:
        self.calls += 1
        bad = self.calls % _EVERY != 1 and self.pid is not None
        self.faults += bad
        if bad and isinstance(self._fault, signal.Signals):
            os.kill(self.pid, self._fault)
        told = self._fault if bad and isinstance(self._fault, str) else "good"
        super().start(replace(request, instruction=told))


def chaos(args: argparse.Namespace) -> dict:
    import metaworld_rt as mw
    from metaworld_rt.run.session import RunOptions, Session

    sys.path.insert(0, str(TESTS / "semantic"))
    from semantic_chaos import KINDS

    bundle = mw.load(args.bundle)
    kinds = {mode: (lambda mode=mode: _Storm(mode)) for mode in KINDS}
    children = ("hanging", signal.SIGKILL, signal.SIGSTOP)
    kinds |= {getattr(what, "name", what): (lambda what=what: _Child(what)) for what in children}
    if args.modes:
        kinds = {mode: kinds[mode] for mode in args.modes.split(",")}

    def one(backend, seconds: float) -> dict:
        session = Session(bundle, backend, RunOptions("walk forward", task="walk", seconds=seconds, camera=False))
        session.run()
        return session.result

    def p999(result: dict) -> float:
        return result["tick"]["duration_us"]["p999"]

    one(_Idle(), 2.0)
    rows, idle = [], one(_Idle(), args.seconds)
    for mode, make in kinds.items():
        total: Counter[str] = Counter()
        kinds_counted: Counter[str] = Counter()
        worst, spent = [], 0.0
        while total["faults"] < args.runs and spent < 15 * args.seconds:
            backend = make()
            result = one(backend, args.seconds)
            spent += args.seconds
            rungs, semantic = result["ladder"], result["semantic"]
            total.update(faults=backend.faults, falls=int(result["fell"]), ticks=result["tick"]["count"])
            total.update(missed=result["tick"]["misses"], invalid_commands=rungs["semantic_rejected"])
            total.update(
                stale=rungs["semantic_stale"], safe=rungs["semantic_safe"], unconfirmed=semantic["unconfirmed"]
            )
            kinds_counted.update(semantic["failures_by_kind"])
            worst.append(p999(result))
        before, idle = idle, one(_Idle(), args.seconds)
        quiet = 0.5 * (p999(before) + p999(idle))
        row = {
            "mode": mode,
            **total,
            "counted": dict(kinds_counted),
            "idle_falls": before["fell"] + idle["fell"],
            "runs": len(worst),
            "p999_us": float(np.median(worst)),
            "idle_p999_us": quiet,
            "ratio": float(np.median(worst)) / quiet,
        }
        rows.append(row)
        print(
            f"  {mode:18} {row['faults']:4} faults, counted {row['counted']}, unconfirmed {row['unconfirmed']},"
            f" falls {row['falls']} of {row['runs']} (idle {row['idle_falls']}), tick p99.9 {row['p999_us']:.1f} us,"
            f" idle {quiet:.1f}, ratio {row['ratio']:.2f}",
            flush=True,
        )
    print(f"  median ratio {np.median([row['ratio'] for row in rows]):.2f}, falls {sum(row['falls'] for row in rows)}")
    return {"bundle": bundle.name, "bundle_digest": bundle.digest, "wanted_faults": args.runs, "rows": rows}


def _joined(path: Path, result: dict) -> dict:
    """With the rows of an earlier call of the same benchmark (`--modes`) that this one did not measure again."""
    if "rows" in result and path.is_file():
        found = {row["mode"] for row in result["rows"]}
        result["rows"] = [row for row in json.loads(path.read_text())["rows"] if row["mode"] not in found] + result[
            "rows"
        ]
    return result


# --- the page


def _accuracy_table(data: dict) -> str:
    dev, test, whole = (data["scores"][split] for split in ("dev", "test", "all"))
    lines = ["| share right | dev | test | all | cases (all) | target |", "|---|---|---|---|---|---|"]
    for name, row in whole.items():
        target = f"{row['target']:.0%}" if "target" in row else ""
        shares = " | ".join(f"{part[name]['share']:.1%}" for part in (dev, test, whole))
        lines.append(f"| {name} | {shares} | {row['cases']} | {target} |")
    return "\n".join(
        [*lines, "", "First skill, right (down) and answered (across):", "", "```text", data["confusion"], "```"]
    )


def _latency_table(data: dict) -> str:
    lines = ["| call, ms | p50 | p99 | max | CPU |", "|---|---|---|---|---|"]
    for name, row in data["latency"].items():
        cpu = f"{data['cpu_ms'][name]:.1f}" if name in data["cpu_ms"] else ""
        lines.append(f"| {name} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['max_ms']:.1f} | {cpu} |")
    start, load = data["child_start_s"], data["load_average"]
    return "\n".join([*lines, "", f"A child's first answer after {start:.1f} s. Load average {load:.1f} on 2 cores."])


def _chaos_table(data: dict) -> str:
    lines = [
        "| fault | times | in the report | flights | falls | invalid commands | tick p99.9 us | idle | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in data["rows"]:
        counted = ", ".join(f"{kind} {count}" for kind, count in row["counted"].items())
        counted = counted or (f"unconfirmed {row['unconfirmed']}" if row["unconfirmed"] else "clipped")
        lines.append(
            f"| {row['mode'].replace('_', ' ')} | {row['faults']} | {counted} | {row['runs']} | {row['falls']} |"
            f" {row['invalid_commands']} | {row['p999_us']:.1f} | {row['idle_p999_us']:.1f} | {row['ratio']:.2f} |"
        )
    ratios, idle_falls = [row["ratio"] for row in data["rows"]], sum(row["idle_falls"] for row in data["rows"])
    lines += [
        "",
        f"Bundle {data['bundle']} (digest {data['bundle_digest'][:12]}); ratios: median {np.median(ratios):.2f},"
        f" largest {max(ratios):.2f}; falls in the flights with an idle backend between them: {idle_falls}.",
    ]
    return "\n".join(lines)


def write(_: argparse.Namespace) -> dict:
    path = TESTS.parent / "docs" / "semantic.md"
    page = path.read_text(encoding="utf-8")
    for name, table in (("accuracy", _accuracy_table), ("latency", _latency_table), ("chaos", _chaos_table)):
        measured = FIGURES / f"{name}.json"
        if measured.is_file():
            page = fill(page, name, table(json.loads(measured.read_text())))
    path.write_text(page, encoding="utf-8")
    return {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "latency", "chaos", "write"])
    parser.add_argument("--backend", default="embedded")
    parser.add_argument("--split", default="all", choices=["all", "dev", "test"])
    parser.add_argument("--wrong", action="store_true", help="print every wrong answer")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--runs", type=int, default=100, help="faults of each kind (chaos)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of one run (chaos)")
    parser.add_argument("--modes", help="kinds of fault, comma-separated; default all (chaos)")
    parser.add_argument("--bundle", default="h1-locomotion")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = {
        "schema": "metaworld_rt.semantic_benchmark/1",
        **{"accuracy": accuracy, "latency": latency, "chaos": chaos, "write": write}[args.what](args),
    }
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(_joined(args.json, result), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
