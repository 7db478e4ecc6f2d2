"""What one plan of the native planner costs, against samples, horizon, model size, threads and number of experts.

    python benchmarks/planner_curves.py measure     -> benchmarks/data/planner/curves.json
    python benchmarks/planner_curves.py draw        -> docs/media/planner_*.png
    python benchmarks/planner_curves.py compare     -> benchmarks/data/planner/engines.json (bench planner, all engines)

The machine must have nothing else to do. Every point is the median of the medians of five rounds of 8 plans or more.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

from metaworld_rt import _core
from metaworld_rt.bench import worlds
from metaworld_rt.bench.planner import IN_TICK, PRECISIONS, bench_planner
from metaworld_rt.train.world_model.config import PlannerConfig

ROOT = Path(__file__).resolve().parents[1]
DATA, MEDIA = ROOT / "benchmarks" / "data" / "planner", ROOT / "docs" / "media"
ROUNDS = 5
COLOURS = {"fp32": "#4477aa", "bf16": "#ee6677", "int8": "#228833", "int16": "#aa3377"}


def prepared(size: str, k: PlannerConfig, precision: str, threads: int, skills: int = 0) -> Callable[[], np.ndarray]:
    """What measures a few plans, in ms."""
    model = worlds.random_world(size, 0, skills=skills)
    cpus = list(range(1, threads))  # the caller has core 0
    planner = worlds.native(model, k, threads=threads, cpus=cpus, precision=precision, gate=False)
    inputs = worlds.request(model, worlds.random_situation(model, 1))
    return lambda: planner.measure(**inputs, seconds=0.15, least=8, warm_up=2) / 1e6


def points() -> list[tuple[str, dict]]:
    """Every curve's points: its name, and the arguments of `median_ms`."""
    full, found = PlannerConfig(), []
    for precision in PRECISIONS:
        base = {"size": "1M", "k": full, "precision": precision, "threads": 2}
        for n in (32, 64, 128, 256, 512, 1024, 2048):
            k = dataclasses.replace(full, samples=n, elites=min(64, n // 4), prior_trajectories=min(24, n // 4))
            found.append(("samples", {**base, "k": k, "x": n}))
        for h in (1, 2, 3, 4, 6, 8, 12, 16):
            found.append(("horizon", {**base, "k": dataclasses.replace(full, horizon=h), "x": h}))
        for size in ("xs", "small", "1M", "5M"):
            found.append(("size", {**base, "size": size, "x": size}))
        for threads in range(1, (os.cpu_count() or 1) + 1):
            found.append(("threads", {**base, "threads": threads, "x": threads}))
        for skills in (0, 1, 2, 4, 8, 16, 32):
            k = dataclasses.replace(full, expert_trajectories=8 if skills else 0, guidance=1.0 if skills else 0.0)
            found.append(("experts", {**base, "k": k, "skills": skills, "x": skills}))
        for n in (32, 64, 128, 192, 256):
            k = dataclasses.replace(IN_TICK, samples=n, elites=n // 4, prior_trajectories=min(24, n // 4))
            found.append(("in-tick", {**base, "size": "xs", "k": k, "threads": 1, "x": n}))
    return found


def measure() -> None:
    """Measures every point in ROUNDS shuffled rounds, so that a slow minute does not bend one curve."""
    os.sched_setaffinity(0, {0})
    todo, random = points(), np.random.default_rng(0)
    plans = [prepared(**{key: v for key, v in arguments.items() if key != "x"}) for _, arguments in todo]
    took = [[] for _ in todo]
    others, begun = elsewhere(), time.monotonic()
    for turn in range(ROUNDS):
        print(f"round {turn + 1} of {ROUNDS}", file=sys.stderr)
        for i in random.permutation(len(todo)):
            took[i].append(plans[i]())
    share = (elsewhere() - others) / (time.monotonic() - begun) / (os.cpu_count() or 1)
    rows = []
    for (curve, arguments), rounds in zip(todo, took, strict=True):
        k, every = arguments["k"], np.concatenate(rounds)
        times = {"p50_ms": float(np.median([np.median(r) for r in rounds])), "p99_ms": float(np.percentile(every, 99))}
        row = {"curve": curve, "x": arguments["x"], "precision": arguments["precision"], **times, "plans": len(every)}
        rows.append(row | {"samples": k.samples, "iterations": k.iterations, "horizon": k.horizon})
    peaks = {p: _core.measure_peak(p, 1.0) / 1e9 for p in PRECISIONS}
    about = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "commit": commit(), "others_share": share}
    _write("curves.json", {**about, "peak_gflops_one_core": peaks, "rows": rows})


def compare(models: list[str], threads: list[int], seconds: float) -> None:
    """All engines side by side, as `metaworld-rt bench planner` does it, one run for each model and number of threads.

    A run that is there already is replaced only by one from which other processes took less of the machine, or one with
    more contenders.
    """
    path = DATA / "engines.json"
    runs = json.loads(path.read_text())["runs"] if path.exists() else {}
    for model, count in itertools.product(models, threads):
        begun, others = time.monotonic(), elsewhere()
        found = bench_planner((model,), (count,), seconds=seconds, progress=lambda text: print(text, file=sys.stderr))
        share = (elsewhere() - others) / (time.monotonic() - begun) / (os.cpu_count() or 1)
        print(f"{model}, {count}: others took {share:.1%} of the machine", file=sys.stderr)
        key = f"{model}, {count} thread{'s' * (count > 1)}"
        older = runs.get(key)
        if older is None or len(older["rows"]) < len(found["rows"]) or share < (older["others_share"] or 1.0):
            about = {
                "date": time.strftime("%Y-%m-%d"),
                "seconds_a_row": seconds,
                "others_share": round(share, 4),
                "commit": commit(),
            }
            runs[key] = {**found, **about, "machine": machine(), "versions": versions()}
        _write("engines.json", {"runs": runs})


def elsewhere() -> float:
    """CPU seconds that other processes (and a hypervisor) have taken since the machine was started."""
    ticks = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    busy = sum(ticks) - ticks[3] - ticks[4]
    own = os.times()
    return busy / os.sysconf("SC_CLK_TCK") - sum(own[:4])


def commit() -> str:
    """Of this checkout; empty outside one."""
    done = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Of what takes part."""
    return {name: metadata.version(name) for name in ("torch", "onnxruntime", "numpy")}


def machine() -> str:
    """The processor's name and how many of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def _write(name: str, value: dict) -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / name).write_text(json.dumps(value, indent=1) + "\n")
    print(DATA / name)


AXES = {
    "samples": ("samples", "1M model, 6 iterations, horizon 3, 2 threads"),
    "horizon": ("horizon, steps", "1M model, 512 samples, 6 iterations, 2 threads"),
    "size": ("model", "512 samples, 6 iterations, horizon 3, 2 threads"),
    "threads": ("threads", "1M model, 512 x 6 x 3"),
    "experts": ("latent experts that guide", "1M model, 512 x 6 x 3, 2 threads"),
    "in-tick": ("samples", "xs model, 2 iterations, horizon 3, 1 thread: inside a 1 ms tick"),
}


def draw() -> None:
    """One picture a curve."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = json.loads((DATA / "curves.json").read_text())
    MEDIA.mkdir(parents=True, exist_ok=True)
    for curve, (label, title) in AXES.items():
        figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        for precision in PRECISIONS:
            rows = [r for r in data["rows"] if r["curve"] == curve and r["precision"] == precision]
            if not rows:
                continue
            at = range(len(rows)) if curve == "size" else [r["x"] for r in rows]
            axes.plot(at, [r["p50_ms"] for r in rows], "o-", ms=4, color=COLOURS[precision], label=precision)
            axes.fill_between(
                at, [r["p50_ms"] for r in rows], [r["p99_ms"] for r in rows], color=COLOURS[precision], alpha=0.15, lw=0
            )
        if curve == "size":
            axes.set_xticks(range(len(rows)), [r["x"] for r in rows])
            axes.set_yscale("log")
        if curve == "samples":
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
        if curve == "in-tick":
            axes.axhline(1.0, color="black", lw=0.8, ls=":")
        if curve == "threads":
            axes.set_xticks([r["x"] for r in rows])
        if curve not in ("size", "samples"):
            axes.set_ylim(bottom=0)
        axes.set(xlabel=label, ylabel="ms a plan (median to p99)")
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        path = MEDIA / f"planner_{curve.replace('-', '_')}.png"
        figure.savefig(path, dpi=110)
        plt.close(figure)
        print(path)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "compare", "draw"])
    parser.add_argument("--seconds", type=float, default=10.0, help="of compare, a row")
    parser.add_argument("--threads", default="1,2", help="of compare")
    parser.add_argument("--models", default="xs,1M,5M", help="of compare")
    args = parser.parse_args()
    models, threads = args.models.split(","), [int(n) for n in args.threads.split(",")]
    {"measure": measure, "compare": lambda: compare(models, threads, args.seconds), "draw": draw}[args.what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
