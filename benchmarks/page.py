"""Blocks of docs/ that a benchmark fills: what stands between <!-- NAME: begin --> and <!-- NAME: end -->."""

from __future__ import annotations


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
