"""What the runner counts; constant memory."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Statistics:
    """Counters of a runner: `failures` by kind, `reasons` for asking, latencies (s) of answers, good or bad."""

    calls: int = 0
    posted: int = 0
    renewed: int = 0
    superseded: int = 0
    unconfirmed: int = 0
    refused: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    last_failure: str = ""
    max_latency_s: float = 0.0
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=4096))
    _first: float = math.nan
    _last: float = math.nan

    def answered(self, latency_s: float, now_s: float) -> None:
        """Notes one answer."""
        self._latencies.append(latency_s)
        self.max_latency_s = max(self.max_latency_s, latency_s)
        self._first = now_s if math.isnan(self._first) else self._first
        self._last = now_s

    def failed(self, kind: str, message: str) -> None:
        """Notes one failure."""
        self.failures[kind] += 1
        self.last_failure = message[:300]

    def to_json(self) -> dict[str, Any]:
        """Keys as in the contract of `run`, and more beside them."""
        ordered = sorted(self._latencies)
        span = self._last - self._first
        return {
            "calls": self.calls,
            "failures": sum(self.failures.values()),
            "failures_by_kind": dict(self.failures),
            "last_failure": self.last_failure,
            "latency_ms": {
                "p50": 1e3 * ordered[len(ordered) // 2] if ordered else None,
                "max": 1e3 * self.max_latency_s if ordered else None,
            },
            "rate_hz": (len(ordered) - 1) / span if len(ordered) > 1 and span > 0 else None,
            "posted": self.posted,
            "renewed": self.renewed,
            "superseded": self.superseded,
            "unconfirmed": self.unconfirmed,
            "refused": self.refused,
            "reasons": dict(self.reasons),
        }
