"""The semantic layer's published figures: accuracy on the hand-written set, latency, and what chaos does to the loop.

    python benchmarks/semantic.py accuracy [--backend embedded] [--split all|dev|test] [--wrong]
    python benchmarks/semantic.py latency [--backend embedded] [--calls 200]

Each takes --json FILE.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from metaworld_rt.semantic import make_backend
from metaworld_rt.semantic.backend import Skills, StateSummary
from metaworld_rt.semantic.callers import InProcess, Request
from metaworld_rt.semantic.pixels import read_image
from metaworld_rt.semantic.plan import SkillPlan
from metaworld_rt.train.semantic.score import cases, confusion, scores
from metaworld_rt.train.semantic.skills import HOUSEHOLD

DATA = Path(__file__).parents[1] / "tests" / "data"


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "latency"])
    parser.add_argument("--backend", default="embedded")
    parser.add_argument("--split", default="all", choices=["all", "dev", "test"])
    parser.add_argument("--wrong", action="store_true", help="print every wrong answer")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = {
        "schema": "metaworld_rt.semantic_benchmark/1",
        **{"accuracy": accuracy, "latency": latency}[args.what](args),
    }
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
