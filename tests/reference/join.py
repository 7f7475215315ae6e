"""The join written to be obviously right: one dictionary, one loop, Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

Row = dict[str, Any]
Segment = Sequence[tuple[bytes, Row]]


def numbers_of_one_person(hashed_id: bytes, changes: dict[bytes, bytes]) -> set[bytes]:
    """Every id that ends, change after change, in the same id as this one."""
    end = _follow(hashed_id, changes)
    return {end} | {old for old in changes if _follow(old, changes) == end}


def rows_by_person(
    population: Sequence[bytes], segments: Sequence[Segment], *, changes: dict[bytes, bytes] | None = None
) -> list[list[Row]]:
    """Rows of each person by date, then in the order in which the segments and their lines came."""
    found = []
    for person in population:
        numbers = numbers_of_one_person(person, changes or {})
        rows = [row for segment in segments for number in sorted(numbers) for who, row in segment if who == number]
        found.append(sorted(rows, key=lambda row: row["day"] or date.max))
    return found


def _follow(hashed_id: bytes, changes: dict[bytes, bytes]) -> bytes:
    while hashed_id in changes:
        hashed_id = changes[hashed_id]
    return hashed_id
