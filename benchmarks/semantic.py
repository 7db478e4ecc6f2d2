"""The semantic layer's published figures: accuracy on the hand-written set, latency, and what chaos does to the loop.

    python benchmarks/semantic.py accuracy [--backend embedded] [--split all|dev|test] [--wrong]
    python benchmarks/semantic.py latency [--backend embedded] [--calls 200]
    python benchmarks/semantic.py chaos [--runs 100] [--seconds 10] [--modes raising,hanging]

Each takes --json FILE.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from metaworld_rt.semantic import make_backend
from metaworld_rt.semantic.backend import Skills, StateSummary
from metaworld_rt.semantic.callers import InProcess, Request
from metaworld_rt.semantic.heads import HOUSEHOLD
from metaworld_rt.semantic.pixels import read_image
from metaworld_rt.semantic.plan import SkillPlan
from metaworld_rt.semantic.runner import RunnerConfig
from metaworld_rt.train.semantic.score import cases, confusion, scores

TESTS = Path(__file__).parents[1] / "tests"
DATA = TESTS / "data"


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
    return {"backend": args.backend, "split": args.split, "scores": table}


def latency(args: argparse.Namespace) -> dict:
    image = read_image(DATA / "semantic_images" / "door_closed_1.png")
    skills, text = Skills.of(HOUSEHOLD), "please walk to the door, open it and go through, then stop"
    backend = make_backend(args.backend)
    rows = {}
    for name, picture in (("text", None), ("text and image", image)):
        rows[f"{name}, in process"] = [
            _timed(lambda picture=picture: backend.plan(text, picture, skills)) for _ in range(args.calls)
        ]
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
    return {"backend": args.backend, "latency": out, "child_start_s": started}


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


class _Storm:
    """A backend that answers well every fifth time, else fails as told; its runner calls ten times a second."""

    name = "storm"

    def __init__(self, mode: str):
        from semantic_chaos import Chaos

        self._good, self._bad, self._mode = Chaos("good"), Chaos(mode), mode
        self.calls = self.faults = 0
        self.config = RunnerConfig(period_s=0.1, timeout_s=0.1, backoff_s=0.1, start_timeout_s=30.0, ttl_s=1.0)

    def plan(self, *args):
        self.calls += 1
        if self.calls % 5 == 1:
            return self._good.plan(*args)
        self.faults += 1
        return self._bad.plan(*args)


class _Killer(InProcess):
    """A good child process that is sent a signal before each call but every fifth."""

    def __init__(self, what: signal.Signals | None):
        child = [sys.executable, str(TESTS / "semantic" / "semantic_chaos.py"), "good"]
        super().__init__("chaos", command=child)
        self._what, self.calls, self.faults = what, 0, 0
        self.config = RunnerConfig(period_s=0.1, timeout_s=0.1, backoff_s=0.1, start_timeout_s=30.0, ttl_s=1.0)

    def start(self, request: Request) -> None:
        self.calls += 1
        if self._what is not None and self.pid and self.calls % 5 != 1:
            os.kill(self.pid, self._what)
            self.faults += 1
        super().start(request)


def chaos(args: argparse.Namespace) -> dict:
    import metaworld_rt as mw
    from metaworld_rt.run.session import RunOptions, Session

    sys.path.insert(0, str(TESTS / "semantic"))
    from semantic_chaos import KINDS

    bundle = mw.load(args.bundle)
    rows = []
    kinds = {mode: (lambda mode=mode: _Storm(mode)) for mode in KINDS}
    kinds |= {what.name: (lambda what=what: _Killer(what)) for what in (signal.SIGKILL, signal.SIGSTOP)}
    if args.modes:
        kinds = {mode: kinds[mode] for mode in args.modes.split(",")}

    def one(backend, seconds: float) -> tuple[dict, float]:
        session = Session(bundle, backend, RunOptions("walk forward", task="walk", seconds=seconds, camera=False))
        session.run()
        return session.result, session.result["tick"]["duration_us"]["p999"]

    one(_Storm("good"), 2.0)
    for mode, make in kinds.items():
        before = one(_Storm("good"), args.seconds / 2)
        backend, seconds = make(), 0.0
        faults, falls, ticks, worst, refused = 0, 0, 0, [], 0
        counted: Counter[str] = Counter()
        while faults < args.runs and seconds < 12 * args.seconds:
            backend = make()
            result, p999 = one(backend, args.seconds)
            seconds += args.seconds
            faults += backend.faults
            falls += result["fell"]
            ticks += result["tick"]["count"]
            refused += result["ladder"]["semantic_rejected"]
            counted.update(result["semantic"]["failures_by_kind"])
            worst.append(p999)
        after = one(_Storm("good"), args.seconds / 2)
        idle = 0.5 * (before[1] + after[1])
        p999_us = float(np.median(worst))
        row = {
            "mode": mode,
            "faults": faults,
            "counted": dict(counted),
            "falls": falls,
            "idle_falls": before[0]["fell"] + after[0]["fell"],
            "ticks": ticks,
            "p999_us": p999_us,
            "idle_p999_us": idle,
            "ratio": p999_us / idle,
            "reached_the_controller": refused,
        }
        rows.append(row)
        print(
            f"  {mode:18} {faults:4} faults, counted {dict(counted)}, falls {falls} (idle {row['idle_falls']}),"
            f" tick p99.9 {p999_us:.1f} us, idle {idle:.1f}, ratio {row['ratio']:.2f}",
            flush=True,
        )
    print(f"  median ratio {np.median([row['ratio'] for row in rows]):.2f}, falls {sum(row['falls'] for row in rows)}")
    return {"bundle": args.bundle, "runs": args.runs, "rows": rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "latency", "chaos"])
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
        **{"accuracy": accuracy, "latency": latency, "chaos": chaos}[args.what](args),
    }
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
