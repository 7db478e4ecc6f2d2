"""Charts as inline SVG text: lines, stacked areas and latency histograms. Pure numpy, no plotting library."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Eight colours that stay apart for colour-blind eyes, on white and on dark.
COLOURS = ("#3b76d6", "#e07b1a", "#1f9e7a", "#c94f8a", "#8a63d2", "#b8971f", "#4aa8d8", "#7a8691")
MAX_POINTS = 1200


@dataclass(frozen=True)
class Series:
    """One curve: y over the chart's x; `dash` draws it dashed."""

    label: str
    y: np.ndarray
    colour: str = COLOURS[0]
    dash: bool = False


@dataclass(frozen=True)
class Frame:
    """The plotting area in pixels, and the data ranges that it shows."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 900
    height: int = 220
    left: int = 52
    right: int = 12
    top: int = 10
    bottom: int = 34
    log_x: bool = False
    log_y: bool = False

    def px(self, value):
        """Data x to pixel."""
        return self.left + (self.width - self.left - self.right) * _fraction(value, self.x, self.log_x)

    def py(self, value):
        """Data y to pixel."""
        return self.top + (self.height - self.top - self.bottom) * (1.0 - _fraction(value, self.y, self.log_y))


def _fraction(value, limits, log):
    low, high = limits
    if log:
        value, low, high = np.log10(np.maximum(value, low)), math.log10(low), math.log10(high)
    return (np.asarray(value, dtype=float) - low) / ((high - low) or 1.0)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that cover [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten in [low, high], with 2 and 5 between them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > 5 else (1, 2, 5)
    return [m * 10.0**p for p in powers for m in factors if low <= m * 10.0**p <= high * 1.0001]


def decimated(x: np.ndarray, *ys: np.ndarray) -> list[np.ndarray]:
    """Every k-th sample so that a curve has at most MAX_POINTS."""
    step = max(1, math.ceil(len(x) / MAX_POINTS))
    return [np.asarray(a)[::step] for a in (x, *ys)]


def padded(values: np.ndarray, floor: float | None = None) -> tuple[float, float]:
    """The range of finite values with a margin; never empty."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    margin = 0.06 * (high - low) or 0.05
    return (low - margin if floor is None else min(floor, low), high + margin)


def line_chart(t: np.ndarray, series: Sequence[Series], unit: str, frame: Frame | None = None, small=False) -> str:
    """Curves over time.

    Args:
        t: (T,) s, increasing.
        series: curves of T values each; NaN leaves a gap.
        unit: what the y axis is in.
        frame: size and ranges; None takes them from the data.
        small: a small multiple: few ticks, no axis names.
    """
    if frame is None:
        frame = Frame(_time(t), padded(np.concatenate([s.y for s in series]) if series else np.zeros(1)))
    body = [_axes(frame, "" if small else "time, s", "" if small else unit, 2 if small else 5)]
    for s in series:
        x, y = decimated(t, s.y)
        body.append(_path(frame.px(x), frame.py(y), s.colour, dash=s.dash, title=s.label))
    return _svg(frame, body) + ("" if small else legend([(s.label, s.colour) for s in series]))


def stacked(t: np.ndarray, parts: Sequence[Series], top: float = 1.0, frame: Frame | None = None) -> str:
    """Non-negative parts on top of each other over time, filling up to `top`."""
    frame = frame or Frame(_time(t), (0.0, top), height=160)
    body, below = [], np.zeros(len(t))
    for part in parts:
        above = below + np.nan_to_num(part.y)
        x, low, high = decimated(t, below, above)
        xs = np.concatenate([frame.px(x), frame.px(x)[::-1]])
        ys = np.concatenate([frame.py(high), frame.py(low)[::-1]])
        body.append(
            f'<polygon points="{_points(xs, ys)}" fill="{part.colour}" fill-opacity=".8">'
            f"<title>{html.escape(part.label)}</title></polygon>"
        )
        below = above
    body.append(_axes(frame, "time, s", "weight", 5, grid=False))
    return _svg(frame, body) + legend([(p.label, p.colour) for p in parts])


def strips(t: np.ndarray, rows: Sequence[tuple[str, np.ndarray]]) -> str:
    """When things were on: one strip a row, filled where its values are true.

    Args:
        t: (T,) s, increasing.
        rows: name, and (T,) truth values.
    """
    height, left = 18, 170
    frame = Frame(_time(t), (0.0, 1.0), height=height * len(rows) + 40, left=left, top=6)
    step = float(np.median(np.diff(t))) if len(t) > 1 else 1e-3
    body = [_axes(frame, "time, s", "", 5, grid=False, y_ticks=False)]
    for i, (name, on) in enumerate(rows):
        y = frame.top + i * height
        body.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{html.escape(name)}</text>')
        edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(on, dtype=np.int8), [0]])))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            x0, x1 = float(frame.px(t[begin])), float(frame.px(t[end - 1] + step))
            body.append(
                f'<rect x="{x0:.1f}" y="{y + 2}" width="{max(1.5, min(x1, frame.width - frame.right) - x0):.1f}" '
                f'height="{height - 5}" fill="{COLOURS[i % len(COLOURS)]}">'
                f"<title>{html.escape(name)} {t[begin]:.3f} to {t[end - 1] + step:.3f} s</title></rect>"
            )
    return _svg(frame, body)


def latency_histogram(buckets: np.ndarray, marks: dict[str, float], limit: tuple[str, float] | None = None) -> str:
    """Counts over microseconds, both logarithmic, with the quantiles marked.

    Args:
        buckets: (B, 3) lower edge us, upper edge us, count; count > 0.
        marks: name to us, drawn as vertical lines.
        limit: a name and us of a dashed line (a deadline); shown if it is within 20 times the largest value.
    """
    if len(buckets) == 0:
        return '<p class="note">no samples</p>'
    bars = _merged(buckets)
    low, high = max(bars[0, 0], 1e-3) / 1.3, bars[-1, 1] * 1.5
    if limit and limit[1] < 20 * high:
        high = max(high, limit[1] * 1.3)
    frame = Frame((low, high), (0.5, max(2.0, bars[:, 2].max() * 1.6)), height=230, top=44, log_x=True, log_y=True)
    body = [_axes(frame, "microseconds", "ticks", 5)]
    base = float(frame.py(0.5))
    for left, right, count in bars:
        x0, x1, y = float(frame.px(left)), float(frame.px(right)), float(frame.py(count))
        body.append(
            f'<rect x="{x0:.1f}" y="{y:.1f}" width="{max(1.0, x1 - x0 - 0.6):.1f}" height="{base - y:.1f}" '
            f'fill="{COLOURS[0]}"><title>{left:.4g} to {right:.4g} us: {int(count)}</title></rect>'
        )
    for i, (name, value) in enumerate(marks.items()):
        body.append(_mark(frame, value, f"{name} {value:.3g}", 10 + 11 * (i % 3), COLOURS[1]))
    if limit and limit[1] <= high:
        body.append(_mark(frame, limit[1], f"{limit[0]} {limit[1]:.4g}", 43, COLOURS[7], dash=True))
    return _svg(frame, body)


def _merged(buckets: np.ndarray, per_decade: int = 24) -> np.ndarray:
    """Buckets joined to equal widths on a logarithmic axis."""
    centre = np.sqrt(np.maximum(buckets[:, 0], 1e-3) * np.maximum(buckets[:, 1], 1e-3))
    index = np.floor(np.log10(centre) * per_decade).astype(int)
    found, where = np.unique(index, return_inverse=True)
    counts = np.bincount(where, weights=buckets[:, 2])
    return np.column_stack([10.0 ** (found / per_decade), 10.0 ** ((found + 1) / per_decade), counts])


def _mark(frame: Frame, value: float, text: str, y: float, colour: str, dash: bool = False) -> str:
    x = float(frame.px(value))
    style = ' stroke-dasharray="5 4"' if dash else ""
    anchor, dx = ("end", -4) if x > 0.8 * frame.width else ("start", 4)
    bottom = frame.height - frame.bottom
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8:.1f}" y2="{bottom}" stroke="{colour}"{style}/>'
        f'<text x="{x + dx:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
    )


def legend(items: Sequence[tuple[str, str]]) -> str:
    """Colour keys under a chart."""
    keys = "".join(f'<span><i style="background:{c}"></i>{html.escape(name)}</span>' for name, c in items)
    return f'<div class="legend">{keys}</div>'


def _time(t: np.ndarray) -> tuple[float, float]:
    return (float(t[0]), max(float(t[-1]), float(t[0]) + 1e-3)) if len(t) else (0.0, 1.0)


def _points(xs: np.ndarray, ys: np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))


def _path(xs: np.ndarray, ys: np.ndarray, colour: str, dash: bool, title: str) -> str:
    commands, pen_up = [], True
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y):
            pen_up = True
            continue
        commands.append(f"{'M' if pen_up else 'L'}{x:.1f} {y:.1f}")
        pen_up = False
    style = ' stroke-dasharray="5 4"' if dash else ""
    return (
        f'<path d="{"".join(commands)}" fill="none" stroke="{colour}" stroke-width="1.3"{style}>'
        f"<title>{html.escape(title)}</title></path>"
    )


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:g}"


def _axes(frame: Frame, x_name: str, y_name: str, count: int, grid: bool = True, y_ticks: bool = True) -> str:
    x0, x1 = frame.left, frame.width - frame.right
    y0, y1 = frame.height - frame.bottom, frame.top
    out = [f'<line class="axis" x1="{x0}" x2="{x1}" y1="{y0}" y2="{y0}"/>']
    for value in log_ticks(*frame.x) if frame.log_x else ticks(*frame.x, count=2 * count):
        x = float(frame.px(value))
        out.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y0}" y2="{y0 + 4}"/>')
        out.append(f'<text x="{x:.1f}" y="{y0 + 15}" text-anchor="middle">{_number(value)}</text>')
    marks = log_ticks(*frame.y) if frame.log_y else ticks(*frame.y, count=count)
    for value in marks if y_ticks else ():
        y = float(frame.py(value))
        if grid:
            out.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{x0 - 5}" y="{y + 3.5:.1f}" text-anchor="end">{_number(value)}</text>')
    if x_name:
        out.append(
            f'<text x="{(x0 + x1) / 2}" y="{frame.height - 4}" text-anchor="middle">{html.escape(x_name)}</text>'
        )
    if y_name:
        middle = (y0 + y1) / 2
        out.append(
            f'<text x="11" y="{middle}" text-anchor="middle" transform="rotate(-90 11 {middle})">'
            f"{html.escape(y_name)}</text>"
        )
    return "".join(out)


def _svg(frame: Frame, body: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img">{"".join(body)}</svg>'
