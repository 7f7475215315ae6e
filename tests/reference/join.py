"""The join written to be obviously right: one dictionary, one loop, Python objects.

Twins of the kernels hashed_id_index (places_of), hashed_id_sort (sorted_order), hashed_id_join (slices_of, kept_rows,
merged_order) and gather_rows (fetched).
"""

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


def places_of(keys: Sequence[tuple[int, int]], asked: Sequence[tuple[int, int]]) -> list[int]:
    """Position of each id among the keys, -1 where it is not there."""
    place = {key: position for position, key in enumerate(keys)}
    return [place.get(key, -1) for key in asked]


def sorted_order(lines: Sequence[tuple[int, int, int]]) -> list[int]:
    """Rows by both words of the id, then by day, then as they came."""
    return sorted(range(len(lines)), key=lambda row: (*lines[row], row))


def slices_of(found: Sequence[int], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """First row and number of rows of each person found; none for a person who is not."""
    return [(0, 0) if at < 0 else (offsets[at], offsets[at + 1] - offsets[at]) for at in found]


def kept_rows(slices: Sequence[tuple[int, int]], codes: Sequence[int | None], wanted: set[int]) -> list[list[int]]:
    """The rows of each slice whose code is wanted."""
    return [[row for row in range(first, first + rows) if codes[row] in wanted] for first, rows in slices]


def fetched(rows: Sequence[int], values: Sequence[int], base: int) -> list[int]:
    """The values of the rows, counted from `base`."""
    return [base + values[row] for row in rows]


def merged_order(persons: Sequence[Sequence[Sequence[int]]]) -> list[int]:
    """Rows of each person by day; rows of one day slice by slice, as they came."""
    order: list[int] = []
    first = 0
    for slices in persons:
        days = [day for part in slices for day in part]
        order += [first + row for row in sorted(range(len(days)), key=days.__getitem__)]
        first += len(days)
    return order


def _follow(hashed_id: bytes, changes: dict[bytes, bytes]) -> bytes:
    while hashed_id in changes:
        hashed_id = changes[hashed_id]
    return hashed_id
