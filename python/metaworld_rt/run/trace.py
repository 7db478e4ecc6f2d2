"""What a run looked like, sampled at the decision rate: for the report and the returned figures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Trace:
    """Rows at the decision rate. Arrays come out of `array`; nothing here is read by the control loop.

    Row fields: t (s since the start), base_pos (3, m), heading (rad), target and position (n, rad),
    weights (skills, fused), goal_speed (m/s; NaN if none), mode (0 running, 1 holding, 2 stopped), reward.
    """

    joints: list[str]
    skills: list[str]
    rows: dict[str, list] = field(default_factory=dict)
    events: list[tuple[float, str]] = field(default_factory=list)

    def add(self, **row) -> None:
        """Appends one row; every row must have the same fields."""
        if not self.rows:
            self.rows = {name: [] for name in row}
        if row.keys() != self.rows.keys():
            raise ValueError(f"a row has {sorted(row)}, the first had {sorted(self.rows)}")
        for name, value in row.items():
            self.rows[name].append(value)

    def event(self, t: float, text: str) -> None:
        """Something that happened at t (s)."""
        self.events.append((t, text))

    def __len__(self) -> int:
        return len(self.rows.get("t", ()))

    def array(self, name: str) -> np.ndarray:
        """(T, ...) float64 of one field; empty before the first row."""
        return np.asarray(self.rows.get(name, ()), dtype=np.float64)

    def forward_speed(self, window_s: float = 0.7) -> np.ndarray:
        """(T,) m/s: horizontal speed along the base's heading, over a centred window (about one gait cycle)."""
        t, position, heading = self.array("t"), self.array("base_pos"), self.array("heading")
        if len(t) < 3:
            return np.zeros(len(t))
        half = window_s / 2
        first = np.searchsorted(t, t - half)
        last = np.minimum(np.searchsorted(t, t + half), len(t) - 1)
        moved = position[last, :2] - position[first, :2]
        along = moved[:, 0] * np.cos(heading) + moved[:, 1] * np.sin(heading)
        return along / np.maximum(t[last] - t[first], 1e-3)
