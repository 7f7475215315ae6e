"""Blocks of persons: contiguous ranges of a population, each small enough to be computed within bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isqrt

import numpy as np

from linkage_core.events import PersonEvents, Population

# What is done once a block takes some 2 to 4 ms, as long as 25,000 persons do in most questions, and no two threads can
# do it at once. Twice as many persons a block take a tenth less time all in all, though they do not stay in the
# processor's second cache. In still larger ones others wait longer for their turn, which takes some 15 ms.
PERSONS_AT_MOST = 1 << 18

# Of b blocks side by side each saves a b-th of what persons take, and costs its own part once more: the best number
# grows with the square root of the persons. Two take less time than one from some 20,000 persons on, and half as much
# again of the processor, which others wait for.
PERSONS_SQUARED_A_BLOCK = 1 << 13

# Beside its stored columns a kept row passes through day, code, quantity, place and weight columns of indicators.
BYTES_A_KEPT_ROW = 96
# A value, its reason, two masks and their bits, for each parameter point and period.
BYTES_A_VALUE = 24
BYTES_A_PERSON = 256


def block_size(*, persons: int, rows_a_person: float, values: int, memory_bytes: int, threads: int) -> int:
    """Persons of a block, so that all blocks that are computed at once fit into the memory.

    persons x (rows a person x 96 + values x 24 + 256 bytes) x threads <= memory, at most 262,144 and at least 1; then
    so many that as many threads as are worth it have the same number of blocks: b of them from b x b x 8,192 persons.

    Args:
        persons: of the population.
        rows_a_person: rows of one person in all registers, on average.
        values: parameter points and periods.
        memory_bytes: what a run may use beside the mapped registers.
        threads: blocks computed at once.
    """
    a_person = rows_a_person * BYTES_A_KEPT_ROW + values * BYTES_A_VALUE + BYTES_A_PERSON
    fits = max(1, min(int(memory_bytes / (a_person * threads)), PERSONS_AT_MOST))
    blocks = -(-persons // fits)
    side_by_side = max(1, min(threads, isqrt(persons // PERSONS_SQUARED_A_BLOCK)))
    blocks = -(-blocks // side_by_side) * side_by_side
    return max(1, -(-persons // max(blocks, 1)))


def heavy_parts(events: Sequence[PersonEvents], *, persons: int, memory_bytes: int) -> list[tuple[int, int]]:
    """Cut a block whose persons turned out to have far more rows than others: positions from and to before.

    A part has no more rows than fit into the memory, or is one person.
    """
    if sum(int(joined.offsets[-1]) for joined in events) * BYTES_A_KEPT_ROW <= memory_bytes:
        return [(0, persons)]
    rows = sum((joined.offsets for joined in events), np.zeros(persons + 1, np.int64))
    full = rows[:-1] * BYTES_A_KEPT_ROW // max(memory_bytes // 2, 1)
    cuts = [0, *(np.flatnonzero(full[1:] > full[:-1]) + 1).tolist(), persons]
    return list(pairwise(cuts))


def persons_between(population: Population, first: int, last: int) -> Population:
    """The persons from position `first` to before `last`."""
    here = slice(first, last)
    assert population.words is not None  # The population split its ids when it was made.
    high, low = population.words
    return Population(
        hashed_ids=population.hashed_ids[here],
        index_date=None if population.index_date is None else population.index_date[here],
        birth_date=None if population.birth_date is None else population.birth_date[here],
        sex=None if population.sex is None else population.sex[here],
        strata={name: column[here] for name, column in population.strata.items()},
        excluded=None if population.excluded is None else population.excluded[here],
        words=(high[here], low[here]),
    )


def events_between(events: PersonEvents, first: int, last: int) -> PersonEvents:
    """The rows of the persons from position `first` to before `last`, without a copy."""
    offsets = events.offsets[first : last + 1]
    rows = events.rows.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return PersonEvents(
        offsets=np.asarray(offsets - offsets[0]),
        rows=rows,
        found=events.found[first:last],
        kept_codes=events.kept_codes,
    )
