"""Fills the tables of docs/planner.md from benchmarks/data/planner: what stands between <!-- NAME --> and <!-- end -->.

python benchmarks/planner_page.py
"""

from __future__ import annotations

import json
import re
import sys

from planner_curves import DATA, PRECISIONS, ROOT

PAGE = ROOT / "docs" / "planner.md"
NAMES = {"native": "native", "onnxruntime": "ONNX Runtime, plan.onnx", "torch": "torch eager"}
NAMES["torch-compile"] = "torch.compile"


def read(name: str) -> dict:
    """A data file."""
    return json.loads((DATA / name).read_text())


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def engines() -> str:
    """Milliseconds a plan, a column for each model and number of threads."""
    rows = [r for run in runs().values() for r in run["rows"]]
    columns = list(dict.fromkeys((r["model"], r["threads"]) for r in rows))
    found = {(r["engine"], r["precision"], r["model"], r["threads"]): r for r in rows}
    lines = []
    for engine, precision in dict.fromkeys((r["engine"], r["precision"]) for r in rows):
        line = [f"{NAMES[engine]} {precision}"]
        for column in columns:
            r = found.get((engine, precision, *column))
            if r is None:
                line.append("-")
                continue
            text = f"{r['p50_ms']:.3g} / {r['p99_ms']:.3g}"
            line.append(f"{text} ({r['fraction_of_peak']:.2f})" if engine == "native" else text)
        lines.append(line)
    return table(["engine", *(f"{m}, {t} thread{'s' * (t > 1)}" for m, t in columns)], lines)


def runs() -> dict[str, dict]:
    """Every run of `compare`, the smallest model first."""
    found = read("engines.json")["runs"]
    return {k: found[k] for k in sorted(found, key=lambda k: (found[k]["rows"][0]["gflop"], k))}


def ratios() -> str:
    """How many times faster than the others, same threads, medians."""
    lines = []
    for name, run in runs().items():
        ms = {(r["engine"], r["precision"]): r["p50_ms"] for r in run["rows"]}
        line = [name]
        for other in ("torch-compile", "onnxruntime", "torch"):
            found = [ms[other, "fp32"] / ms["native", p] if ("native", p) in ms else None for p in PRECISIONS]
            line.append(" / ".join("-" if ratio is None else f"{ratio:.1f}" for ratio in found))
        lines.append(line)
    return table(["", "torch.compile", "ONNX Runtime", "torch eager"], lines)


def peaks() -> str:
    """What one core can do, as each run measured it."""
    lines = []
    for name, run in runs().items():
        rates = [f"{run['peak_gflops'].get(p, float('nan')):.0f}" for p in PRECISIONS]
        plans = [r["plans"] for r in run["rows"]]
        others = "not recorded" if run["others_share"] is None else f"{run['others_share']:.1%}"
        lines.append([name, *rates, f"{min(plans)}-{max(plans)}", run["date"], run["commit"], others])
    rates = [f"{p} G/s" for p in PRECISIONS]
    return table(["run", *rates, "plans a row", "date", "commit", "CPU taken by others"], lines)


def gemm() -> str:
    """Rates of the products, by library."""
    rows = read("gemm.json")["rows"]
    kinds = [
        ("fp32", "native"), ("fp32", "torch"), ("fp32", "numpy"), ("fp32", "onnxruntime"),
        ("int16", "native"), ("bf16", "native"), ("bf16", "torch"), ("int8", "native"), ("int8", "onnxruntime"),
    ]  # fmt: skip
    found = {(r["rows"], r["k"], r["n"], r["precision"], r["library"]): r["gops"] for r in rows}
    shapes = list(dict.fromkeys((r["rows"], r["k"], r["n"]) for r in rows))
    rate = [[found.get((*s, *kind), float("nan")) for kind in kinds] for s in shapes]
    lines = [[" x ".join(map(str, s)), *(f"{r:.0f}" for r in rates)] for s, rates in zip(shapes, rate, strict=True)]
    return table(["rows x K x N", *(f"{p} {library}" for p, library in kinds)], lines)


def isas() -> str:
    """Rates of our kernels on every instruction set."""
    rows = read("gemm.json")["isas"]
    lines = [[r["kernel"], f"{r['gops']:.0f}", f"{r['peak']:.0f}", f"{r['gops'] / r['peak']:.2f}"] for r in rows]
    return table(["kernel", "G/s at 56 x 512 x 512", "peak of its instruction", "fraction"], lines)


def servo() -> str:
    """The servo beside the planner."""
    lines = []
    for r in read("servo.json")["rows"]:
        d, w = r["duration_us"], r["wakeup_us"]
        times = [f"{d['p50']:.1f}", f"{d['p99']:.1f}", f"{d['p999']:.1f}", f"{r['duration_p999_over_idle']:.2f}"]
        times += [f"{w['p50']:.0f}", f"{w['p999']:.0f}", f"{r['wakeup_p999_over_idle']:.2f}"]
        lines.append([r["phase"], f"{r['ticks']}", f"{r['planner_busy']:.0%}", *times])
    head = ["planner", "ticks", "its core busy", "tick p50 us", "p99", "p99.9", "p99.9 / idle"]
    return table([*head, "wake-up p50 us", "p99.9", "p99.9 / idle"], lines)


def tick() -> str:
    """Planning inside the tick."""
    lines = []
    for r in read("tick.json")["rows"]:
        p, e = r["plan_us"], r["end_us"]
        line = [r["kernel"], f"{r['plans']}", *(f"{p[k]:.0f}" for k in ("p50", "p99", "p999")), f"{e['p99']:.0f}"]
        lines.append([*line, f"{r['skipped_ticks']}"])
    return table(["kernel", "plans", "plan p50 us", "p99", "p99.9", "from due to done, p99", "ticks skipped"], lines)


def quality() -> str:
    """Returns of the shipped bundle against the planner's budget, a column for each task; what the gate refused."""
    files = [json.loads(path.read_text()) for path in sorted(DATA.glob("quality-h1-locomotion-*.json"))]
    ran = [r for r in files[0]["rows"] if "return_mean" in r and "precision" in r]  # the experts have none
    settings = {(r["precision"], r["samples"], r["iterations"]): r for r in ran}
    lines = [["experts, no planner", "0"]]
    lines += [[f"{n} x {i}, {p}", f"{r['p50_ms']:.2f}"] for (p, n, i), r in settings.items()]
    for file in files:
        kept = [r for r in file["rows"] if "return_mean" in r]
        rows = {(r.get("precision"), r.get("samples"), r.get("iterations")): r for r in kept}
        full = next(r["return_mean"] for r in kept if "precision" in r)
        for line, key in zip(lines, [(None, None, None), *settings], strict=True):
            mean = rows[key]["return_mean"] if key in rows else None
            line.append("-" if mean is None else f"{mean:.1f} ({mean / full - 1:+.2%})")
    head = ["samples x iterations", "ms a plan, 1 thread", *(f"{file['task']}, return" for file in files)]
    asked: dict[str, dict[str, str]] = {}
    for r in files[0]["rows"]:
        if "precision" in r:
            asked.setdefault(r["precision"], {})[f"{r['samples']} x {r['iterations']}"] = r["refused"]
    refused = []
    for precision, budgets in asked.items():
        where = [budget for budget, why in budgets.items() if why]
        if where:
            refused.append(precision + (" at " + ", ".join(where) if len(where) < len(budgets) else ""))
    episodes = min(file["episodes"] for file in files)
    return (
        table(head, lines)
        + f"\n\nMean of {episodes} episodes, in brackets against the first row of the planner; seeds from "
        + f"{files[0]['seed']}, {files[0]['date']}. Refused by the gate: {', '.join(refused) or 'none'}."
    )


def gate() -> str:
    """What the gate says of trained models, each with the settings it is asked with."""
    lines = []
    for name, asked in read("gate.json").items():
        rows = {r["precision"]: r for r in asked["rows"]}
        for p in PRECISIONS:
            r = rows[p]
            if p == "fp32":
                lines.append([name, p, f"{r['ms']:.3g}", "1.0", "-", "-", "-"])
                continue
            figures = [f"{r['rank_correlation']:.5f}", f"{r['action_difference']:.4f}"]
            verdict = "passes" if r["used"] == p else "refused"
            lines.append([name, p, f"{r['ms']:.3g}", f"{rows['fp32']['ms'] / r['ms']:.2f}", *figures, verdict])
        lines.append([name, "auto", "-", "-", "-", "-", f"takes {rows['auto']['used']}"])
    head = ["model, planner settings", "precision", "ms a plan, 1 thread", "times faster than fp32"]
    return table([*head, "rank correlation, least", "first action, greatest difference", "gate"], lines)


def rounding() -> str:
    """Where low precision loses the order of trajectories."""
    rows = {(r["format"], r["rounded"]): r for r in read("rounding.json")["rows"]}
    formats = list(dict.fromkeys(f for f, _ in rows))
    lines = []
    for what in dict.fromkeys(w for _, w in rows):
        line = [what]
        for f in formats:
            r = rows.get((f, what))
            line.append("-" if r is None else f"{r['rank_least']:.5f} ({r['rank_median']:.5f})")
        lines.append(line)
    return table(["rounded", *(f"{f}: rank correlation, least (median)" for f in formats)], lines)


def main() -> int:
    """Writes the page."""
    text = PAGE.read_text()
    for name in (engines, ratios, peaks, gemm, isas, servo, tick, gate, rounding, quality):
        pattern = rf"(<!-- {name.__name__} -->\n).*?(<!-- end -->)"
        if not re.search(pattern, text, re.S):
            raise SystemExit(f"{PAGE} has no <!-- {name.__name__} -->")
        filled = name()
        text = re.sub(pattern, lambda m, filled=filled: m[1] + filled + "\n" + m[2], text, flags=re.S)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
