"""One self-contained HTML page: sections of charts, tables and notes. No script, nothing fetched."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

_STYLE = """
:root{color-scheme:light dark;
--ink:#1c2530;--soft:#5c6a78;--line:#d9dfe5;--paper:#fff;--panel:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa7b4;--line:#38424d;--paper:#14191f;--panel:#1c232b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:1000px;margin:0 auto;padding:24px}
h1{font-size:24px;margin:0 0 2px}
h2{font-size:17px;margin:34px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
p{margin:4px 0 10px}.note{color:var(--soft);font-size:13.5px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:18px 0}
.card{background:var(--panel);border-radius:8px;padding:10px 12px}.card b{display:block;font-size:20px;font-weight:600}
.card span{color:var(--soft);font-size:12.5px}
.bad b{color:#cc3a32}
table{border-collapse:collapse;font-size:13.5px;margin:6px 0}th{color:var(--soft);font-weight:500;text-align:left}
th,td{padding:3px 16px 3px 0;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
.axis{stroke:var(--soft)}.grid{stroke:var(--line);stroke-width:.7}
.legend{font-size:12.5px;color:var(--soft);margin:2px 0 8px}.legend span{margin-right:16px;white-space:nowrap}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:5px;vertical-align:-1px}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:4px 14px}
.small figcaption{font-size:12.5px;color:var(--soft)}figure{margin:0}
"""


def page(title: str, subtitle: str, body: Sequence[str]) -> str:
    """The whole document."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f'<h1>{html.escape(title)}</h1><p class="note">{html.escape(subtitle)}</p>{"".join(body)}</html>\n'
    )


def section(title: str, *parts: str) -> str:
    """A headed part of the page."""
    return f"<h2>{html.escape(title)}</h2>{''.join(parts)}"


def note(text: str) -> str:
    """A small grey sentence."""
    return f'<p class="note">{html.escape(text)}</p>'


def cards(items: Sequence[tuple[str, str, bool]]) -> str:
    """Key figures: (value, what it is, whether it is good)."""
    cells = (
        f'<div class="card{"" if good else " bad"}"><b>{html.escape(value)}</b><span>{html.escape(what)}</span></div>'
        for value, what, good in items
    )
    return f'<div class="cards">{"".join(cells)}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; numbers are set to the right."""
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    head = "".join(f"<th{_class(r)}>{html.escape(h)}</th>" for h, r in zip(header, right, strict=True))
    lines = (
        "".join(f"<td{_class(r)}>{html.escape(_text(value))}</td>" for value, r in zip(row, right, strict=True))
        for row in rows
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def small_multiples(charts: Sequence[tuple[str, str]]) -> str:
    """A grid of small charts: (caption, svg)."""
    figures = (f"<figure><figcaption>{html.escape(name)}</figcaption>{svg}</figure>" for name, svg in charts)
    return f'<div class="small">{"".join(figures)}</div>'


def _class(right: bool) -> str:
    return ' class="n"' if right else ""


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return "-" if value is None else str(value)
    return f"{value:.4g}"
