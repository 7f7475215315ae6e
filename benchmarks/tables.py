"""Figures as Markdown tables, and the sections of benchmarks/README.md that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent / "README.md"


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of `rows`; columns in the order of the first row."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_shown(row.get(column, "")) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def write_section(name: str, text: str) -> None:
    """Replace the section of `name` in the README, between its two marks, or add it at the end."""
    page = README.read_text()
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    section = f"{start}\n{text}\n{end}"
    if start in page:
        page = page[: page.index(start)] + section + page[page.index(end) + len(end) :]
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    README.write_text(page)
