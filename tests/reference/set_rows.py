"""Twin of the kernel set_rows: rows of groups of codes, one row at a time."""

from __future__ import annotations


def picked(histories: list[list[tuple[int, int]]], codes: set[int]) -> list[list[tuple[int, int]]]:
    """For each person, (position, what is told) of her rows (code, told) of the codes; positions run over all."""
    first, found = 0, []
    for rows in histories:
        found.append([(first + place, told) for place, (code, told) in enumerate(rows) if code in codes])
        first += len(rows)
    return found
