"""What a soak's late ticks are laid to, and its table for the docs."""

from __future__ import annotations

import bisect
from pathlib import Path

NEAR_NS = 3_000_000  # a late wake-up of the bare timer this near explains a late tick
HOST, LONG, UNEXPLAINED = "host: the bare timer was late too", "the tick itself was long", "unexplained"
SHORT = "over before the bare timer's turn"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


def explained(slow: list, timer_slow: list, period_ns: float) -> list[dict]:
    """Every late tick with its reason: what the bare timer on the same core saw at the same time.

    Args:
        slow: rows of due time after what was skipped, how late it woke, how long the tick before took (ns), and the
            deadlines that passed since the tick before.
        timer_slow: the same rows of the bare timer; those that woke later than a quarter of a period.
        period_ns: of the loop.

    The timer wakes about half a period after the loop, so what held the core for little more than half a period is over
    before the timer is late enough for a row: such a tick woke less than 3/4 of a period late and met its deadline.
    """
    due = [row[0] for row in timer_slow]
    phase = due[0] % period_ns if due else period_ns / 2 + (slow[0][0] % period_ns if slow else 0)
    out: list[dict] = []
    for t, wakeup, duration, missed in slow:
        i = bisect.bisect_left(due, t - NEAR_NS - wakeup)
        near = []
        while i < len(due) and due[i] <= t + NEAR_NS:
            near.append(timer_slow[i][1])
            i += 1
        before = out[-1] if out and t - out[-1]["t_ns"] < 1.5 * period_ns else None
        until_timer = (phase - t) % period_ns
        if near:
            why = HOST
        elif wakeup > period_ns / 2 and wakeup - until_timer <= period_ns / 4 and not missed:
            why = SHORT
        elif wakeup > period_ns / 2:
            why = UNEXPLAINED
        elif duration > period_ns / 2:
            why = LONG
        elif before is not None:  # in time itself: it reports the deadline that the late tick before it passed
            why = before["why"]
        else:
            why = UNEXPLAINED
        out.append({"t_ns": t, "wakeup_us": wakeup * 1e-3, "duration_us": duration * 1e-3, "missed": missed,
                    "timer_us": max(near, default=0) * 1e-3, "why": why})  # fmt: skip
    return out


def replace_part(page: Path, d: dict) -> None:
    """Puts the run's table between the marks of a page."""

    def four(key: str) -> str:
        return " / ".join(f"{d[key][q]:.1f}" for q in ("p50", "p99", "p999", "max"))

    def count(key: str) -> str:
        return "not counted" if d[key] is None else str(d[key])

    host_facts = ", ".join(f"{name} {value}" for name, value in d["host"].items() if name != "load average")
    ended = f" It was ended early by {d['ended_early_by']}." if d["ended_early_by"] else ""
    robots, semantic = d["robots"], d["semantic"]
    lines = [
        f"{d['minutes']:.1f} minutes, {d['ticks']:,} ticks at {d['rate_hz']:g} Hz; {d['kernel']}; {host_facts}; load "
        f"average at the end {d['load_average'][0]:.1f}.{ended}",
        "",
        "| what | figure |",
        "|---|---|",
        f"| tick, p50 / p99 / p99.9 / max us | {four('duration_us')} |",
        f"| wake-up of the loop, us | {four('wakeup_us')} |",
        f"| wake-up of the bare timer beside it, us | {four('timer_wakeup_us')} |",
        f"| deadlines missed: loop, bare timer | {d['misses']}, {d['timer_misses']} |",
        f"| late ticks (more than half a period, or a miss) and why | {d['late_ticks']}"
        + "".join(f"; {why}: {n}" for why, n in d["late_ticks_why"].items())
        + " |",
        f"| events with a missed deadline, explained | {d['missed_events']}, {d['missed_events_explained']} |",
        f"| allocations, locks, system calls in the ticks | {count('allocations_in_tick')}, {count('locks_in_tick')}, "
        f"{count('syscalls_in_tick')} |",
        f"| page faults of the loop's thread, minor and major | {d['minor_faults']}, {d['major_faults']} |",
        "| resident memory after 2 minutes, least and most, MiB | "
        + ", ".join(f"{mib:.1f}" for mib in d["memory_mib_after_2_min"])
        + " |",
        f"| planner | {d['planner']}, {d['plans']} plans, in {d['plan_decisions']} of {d['decisions']} decisions |",
        f"| semantic layer | {semantic['backend']}, {semantic['calls']} calls, {semantic['failures']} failures |",
        f"| robots put up, of which fell; metres | {robots['episodes']}, {robots['falls']}; {robots['metres']:.0f} |",
        f"| records of the flight ring, dropped | {d['records']}, {d['records_dropped']} |",
        f"| share of the processors' time that the hypervisor took | {d['host_steal_share']:.4f} |",
        "",
        f"*{HOST}*: a thread of the same priority on the same core, which does nothing but wake up, was late within",
        "3 ms of it: the kernel or its host held the core, not the loop. "
        f"*{SHORT}*: woke over half a period late, but less than a",
        "quarter after the timer's next turn, which is about half a period after the loop's: such a hold the timer "
        "cannot see, and no",
        "deadline was missed by it. *unexplained*: late by over half a period with no late wake-up of the timer near.",
        "",
    ]
    if d["missed_unexplained"]:
        lines += [
            "Missed deadlines without an explanation:",
            "",
            "| woke late, us | tick before, us | deadlines missed |",
        ]
        lines += ["|---|---|---|"]
        rows = d["missed_unexplained"]
        lines += [f"| {r['wakeup_us']:.0f} | {r['duration_us']:.1f} | {r['missed']} |" for r in rows[:40]]
        lines += [f"| and {len(rows) - 40} more, in `soak.json` | | |"] if len(rows) > 40 else []
    else:
        lines += ["Every missed deadline is explained."]
    lines += ["", f"Bundle {d['bundle']} (digest {d['bundle_digest'][:12]}). Every late tick is in `soak.json`."]
    head, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1], encoding="utf-8")
