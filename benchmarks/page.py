"""Blocks of docs/ that a benchmark fills: what stands between <!-- NAME: begin --> and <!-- NAME: end -->."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def fill(page: str, name: str, text: str) -> str:
    """The page with this text in the block.

    Raises:
        SystemExit: the page has no such block.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    if not tail:
        raise SystemExit(f"the page has no block {name!r}")
    return f"{head}{begin}\n{text.strip()}\n{end}{tail}"


def keep(document: dict, data: Path, page: Path | None, name: str, table: Callable[[dict], str]) -> None:
    """Writes a measurement to its JSON file, and its table to the page's block where there is a page."""
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(document, indent=1) + "\n")
    if page:
        page.write_text(fill(page.read_text(), name, table(document)))
