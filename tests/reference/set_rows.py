"""Twin of the kernel set_rows: rows of some codes, one row at a time."""

from __future__ import annotations


def picked(histories: list[list[tuple[int, int]]], member: set[int]) -> list[list[tuple[int, int]]]:
    """For each person, (position, day) of her rows (code, day) whose code is a member; positions run over all."""
    first, found = 0, []
    for rows in histories:
        found.append([(first + place, day) for place, (code, day) in enumerate(rows) if code in member])
        first += len(rows)
    return found
