"""Numbers as they may be told beside a population: two significant figures, and nothing exact about a few persons."""

from __future__ import annotations

FEWEST = 100
PAGE = 4096


def two_figures(number: float) -> float:
    """The number rounded to two significant figures."""
    return float(f"{number:.1e}")


def rough_count(count: int) -> str:
    """Persons or rows: "<100", or two significant figures."""
    return f"<{FEWEST}" if count < FEWEST else str(round(two_figures(count)))


def rough_bytes(count: int) -> int:
    """Bytes to two significant figures of whole pages, so that they do not tell a few rows either."""
    pages = -(-count // PAGE)
    return round(two_figures(pages * PAGE))
