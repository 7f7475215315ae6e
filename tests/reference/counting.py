"""Twins of the kernels person_sets, count_persons, count_levels, count_weighed and give_reasons: person by person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]


def count_by_cell(cell: Ints, among: Sequence[bool], cells: int) -> list[int]:
    return [sum(bool(is_in) for where, is_in in zip(cell, among, strict=True) if where == one) for one in range(cells)]


def add_by_cell(cell: Ints, among: Sequence[bool], value: Ints, cells: int) -> list[int]:
    lines = list(zip(cell.tolist(), among, value.tolist(), strict=True))
    return [sum(what for where, is_in, what in lines if is_in and where == one) for one in range(cells)]


def millionths(value: Ints, of: Ints) -> Ints:
    least = np.maximum(of, 1)
    return np.asarray((2_000_000 * value + least) // (2 * least))


def subsets(sets: Sequence[Sequence[Sequence[bool]]]) -> list[list[int]]:
    """Which sets lie in which: a set is one list of persons a period."""
    who = [[{person for person, is_in in enumerate(mask) if is_in} for mask in masks] for masks in sets]
    return [[int(all(map(set.issubset, part, whole))) for whole in who] for part in who]


def reasons_given(
    speaks: Sequence[Sequence[bool]], number: Sequence[int], *, persons: int, leave_out: int
) -> tuple[list[int], list[int]]:
    """The number of the first rule that speaks about each person, and whether none of those that leave out does."""
    about = [[place for place, whose in enumerate(speaks) if whose[person]] for person in range(persons)]
    reason = [number[places[0]] if places else 0 for places in about]
    return reason, [int(not any(place < leave_out for place in places)) for places in about]


def count_by_level(
    person: Ints, level: Ints, value: Ints, starts: Ints, *, among: Ints, cell: Ints, levels: int
) -> tuple[list[list[list[int]]], list[list[list[int]]], list[int]]:
    periods = len(starts) - 1
    counts, sums = np.zeros((2, periods + 1, levels), np.int64), np.zeros((2, periods, levels), np.int64)
    ever: set[tuple[int, int]] = set()
    for period in range(periods):
        for entry in range(starts[period], starts[period + 1]):
            who, what = int(person[entry]), int(level[entry])
            if among[period][who]:
                counts[cell[who], period, what] += 1
                sums[cell[who], period, what] += value[entry]
                ever.add((who, what))
    for who, what in ever:
        counts[cell[who], periods, what] += 1
    used = [int(what in set(level.tolist())) for what in range(levels)]
    return counts.tolist(), sums.tolist(), used


def tallied(
    entries: Sequence[tuple[int, int, int, Sequence[int]]],
    cell: Ints,
    among: Sequence[Ints],
    counted: Sequence[Ints],
    *,
    windows: int,
    levels: int,
) -> tuple[list[list[list[list[int]]]], list[int]]:
    """Persons with more than 0 of the first weight; anybody, and sums of the first and the third."""
    tally, used = np.zeros((2, windows + 1, levels, 4), np.int64), [0] * levels
    ever: set[tuple[int, int, int]] = set()
    for window, person, level, sums in entries:
        here = tally[cell[person], window, level]
        for column, added, wanted in ((0, [], sums[0] > 0), (1, [0, 2], True)):
            used[level] |= int(wanted and counted[window][person])
            if wanted and among[window][person]:
                here[column] += 1
                for place, weight in enumerate(added, start=1):
                    here[column + place] += sums[weight]
                ever.add((person, level, column))
    for person, level, column in ever:
        tally[cell[person], windows, level, column] += 1
    return tally.tolist(), used
