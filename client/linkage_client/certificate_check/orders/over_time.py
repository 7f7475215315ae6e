"""Checks an order that goes on with a series of releases: what few people tell apart is told of neither.

Every number that any release printed of a cell must be the true one of the release that it is of, and true counts of
all releases must differ by those who moved. From who moved it is worked out anew what this release may tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.held_back import check_few, lowest_possible, waiting
from linkage_client.certificate_check.movement import Apart
from linkage_client.certificate_check.orders.evidence import Evidence, Side
from linkage_client.certificate_check.orders.person_rules import Demands
from linkage_client.certificate_check.orders.relations import Relations
from linkage_client.certificate_check.orders.series import BLANK, NOT_COUNTED, OLDER, Series
from linkage_client.certificate_check.rules import Flags
from linkage_client.certificate_check.said import Said, check_kept

_SAID, _MOVED, _CELLS = "said.parquet", "moved.parquet", "cells.parquet"
# Cells that change faster than their kind may be counted anew when so many times the expected number moved in fact.
_SURELY = 2
# Of a policy that does not write it down.
_EXPECTED_MOVES = 25
_Pairs = Mapping[tuple[int, int], Apart]


@dataclass(frozen=True, slots=True)
class CheckedSeries:
    """What is known of a series that passed.

    Args:
        said: what each release said, the newest last.
        since: by whom each of the others differs from the newest.
        nothing_new: the newest says of each cell what the one before it said.
        older: numbers of earlier releases that are of a release which is not in the series.
    """

    said: list[Said]
    since: list[Apart]
    nothing_new: bool
    older: int


def check_series(series: Series, side: Side, policy: Mapping[str, Any]) -> CheckedSeries:
    """Check what the releases said, cell by cell.

    Args:
        side: the cells of the newest, blank where it does not tell them.
        policy: the rules.

    Raises:
        CheckFailed: the first thing that does not fit.
    """
    newest = len(series.releases) - 1
    apart = {pair: series.moved.between(*pair) for pair in combinations(range(newest + 1), 2)}
    since = [apart[then, newest] for then in range(newest)]
    _check_counts(series, side, since)
    said = [_said(series, number, apart) for number in range(newest + 1)]
    if not np.array_equal(side.blank, ~said[-1].current):
        raise CheckFailed(f"{_CELLS}: a cell is open that is not told of this release, or blank though it is")
    for (one, other), people in apart.items():
        moved = people.moved(side.values.size)
        few = (moved > 0) & (moved < policy["minimum_cell"])
        if np.any(few & said[one].current & said[other].current):
            names = f"{series.releases[one]} and {series.releases[other]}"
            raise CheckFailed(f"{_SAID}: {names} both tell of a cell in which few people moved between them")
    check_few(said, since, policy["minimum_cell"], _SAID)
    if series.before is not None:
        check_kept(said, dict(apart), Path(_SAID))
        _check_pace(said, since, series, side, policy)
    nothing_new = bool(np.array_equal(series.as_of[-1], series.as_of[-2]))
    return CheckedSeries(said, since, nothing_new, int(np.count_nonzero(series.as_of == OLDER)))


def check_sums(found: CheckedSeries, series: Series, relations: Relations, policy: Mapping[str, Any]) -> None:
    """Check that nothing which a reader forms within one relation differs by few people from an earlier release.

    Raises:
        CheckFailed: something does; or somebody joined or left a whole and not one of its parts.
    """
    cells, now = series.true.shape[1], found.said[-1].current
    for then, (was, apart) in enumerate(zip(found.said, found.since, strict=False)):
        counted = series.true[then] >= 0
        # Of a level that there is no more, people stood in the whole and in none of the parts.
        adds_up = relations.rest_of(series.true[then]) == 0
        whole = ~relations.may_rest & relations.everywhere(counted) & adds_up
        if np.any(whole & (_moved(apart, relations, counted, cells=cells) > 0)):
            raise CheckFailed(f"{_MOVED}: somebody joins or leaves a whole and none of its parts")
        for lines, terms in _sums_of_both(relations, was.current, now):
            moved = _moved(apart, relations, terms, cells=cells)
            if np.any(lines & (moved > 0) & (moved < policy["minimum_cell"])):
                raise CheckFailed(
                    f"{_SAID}: what is left of a whole differs by few people from {series.releases[then]}"
                )


def demands_over_time(
    found: CheckedSeries, series: Series, side: Side, asked: Demands, policy: Mapping[str, Any]
) -> Demands:
    """What has to be proved of the cells of the newest release: all that it does not tell, as if it were small.

    Args:
        asked: what is asked of them in a table that stands alone.

    Raises:
        CheckFailed: a cell that the rules forbid is counted anew.
    """
    now, newest = found.said[-1], len(series.releases) - 1
    if np.any(asked.sensitive & asked.printed & (now.as_of == newest)):
        raise CheckFailed(f"{_SAID}: a cell that may not be known by the policy is counted anew")
    waits = waiting(found.said, found.since, policy["minimum_cell"])
    return replace(
        asked,
        lowest=lowest_possible(
            now,
            side.values,
            printed=series.value[-1],
            waits=waits,
            lowest=asked.lowest,
            threshold=policy["minimum_cell"],
        ),
        # The number of all persons is held back as any other is.
        fixed=np.zeros_like(asked.fixed),
        reach=np.where(now.current, 0, asked.reach),
    )


def demands_beside_others(found: CheckedSeries, side: Side, asked: Demands, policy: Mapping[str, Any]) -> Demands:
    """What has to be proved of the cells of a table that says no earlier line again.

    What an earlier release told, and in which nobody moved, everybody knows; what is blank because few moved may be
    empty, and nobody sees it.

    Args:
        asked: what is asked of them in a table that stands alone.
    """
    cells, threshold = side.values.size, policy["minimum_cell"]
    waits = waiting(found.said, found.since, threshold)
    few, told = np.zeros(cells, dtype=np.bool_), np.zeros(cells, dtype=np.bool_)
    for was, apart in zip(found.said, found.since, strict=False):
        moved = apart.moved(cells)
        few |= was.current & (moved > 0) & (moved < threshold)
        told |= was.current & (moved == 0)
    lowest = np.where(waits, 0, np.where(few, np.minimum(asked.lowest, side.values), asked.lowest))
    return replace(asked, lowest=lowest, fixed=asked.fixed | (told & ~asked.sensitive & ~waits & ~few))


def check_amounts(found: CheckedSeries, series: Series, evidence: Evidence) -> None:
    """Check that no sum is told of the same contributors as in an earlier release, but for few: amounts may change.

    Raises:
        CheckFailed: one is.
    """
    sums, persons, policy = evidence.sums, evidence.persons, evidence.plan["policy"]
    for was, apart, name in zip(found.said, found.since, series.releases, strict=False):
        few = (was.current | was.blank) & (apart.moved(persons.values.size) < policy["minimum_cell"])
        for one in evidence.plan["sums"]:
            names = tuple(one["dimensions"])
            own, behind = sums.cube(one["sum_key"], names), persons.cube(one["contributors_key"], names)
            if np.any(few[behind] & ~sums.blank[own]):
                raise CheckFailed(f"{_CELLS}: a sum is open of nearly the same people as in {name}")


def _check_counts(series: Series, side: Side, since: list[Apart]) -> None:
    """True counts differ by who moved, and every printed number is true of the release that it is of."""
    true, value, as_of = series.true, series.value, series.as_of
    newest = len(series.releases) - 1
    if not np.array_equal(true[newest], side.values):
        raise CheckFailed(f"{_SAID}: {series.releases[-1]} has other counts than {_CELLS}")
    for then, apart in enumerate(since):
        before = side.values.copy()
        np.subtract.at(before, apart.cell, apart.change * series.moved.persons[apart.person])
        if np.any((true[then] >= 0) & (true[then] != before)):
            raise CheckFailed(f"{_MOVED}: those who moved since {series.releases[then]} do not make up the difference")
    if np.any((as_of == NOT_COUNTED) != (true < 0)) or np.any((as_of < 0) & (value != 0)):
        raise CheckFailed(f"{_SAID}: a release says something of a cell that it does not have, or a number of a blank")
    if np.any(as_of[newest] < BLANK) or np.any(as_of[:newest] == newest):
        raise CheckFailed(f"{_SAID}: a number is of a release that cannot have told it")
    place = np.arange(true.shape[1])
    of = np.maximum(as_of, 0)
    # What a release said of an older one stands there as its own.
    printed = np.where(as_of[of, place] == OLDER, value[of, place], true[of, place])
    if np.any((as_of >= 0) & (value != printed)):
        raise CheckFailed(f"{_SAID}: a number is not the true one of the release that it is of")


def _said(series: Series, number: int, apart: _Pairs) -> Said:
    """What one release said of each cell, and which of it was true of its own people."""
    as_of = series.as_of[number]
    current = as_of == number
    for then in range(len(series.releases)):
        if then != number and np.any(as_of == then):
            people = apart[min(then, number), max(then, number)]
            alike = (series.as_of[then] != OLDER) & (people.moved(as_of.size) == 0)
            current |= (as_of == then) & alike
    return Said(np.where(as_of == OLDER, number, as_of), current)


def _check_pace(said: list[Said], since: list[Apart], series: Series, side: Side, policy: Mapping[str, Any]) -> None:
    """Check that no number was counted anew before enough moves were to be expected in a cell of its size."""
    newest, cells = len(said) - 1, side.values.size
    expected = policy.get("expected_moves", _EXPECTED_MOVES)
    last, number = np.full(cells, BLANK), np.zeros(cells, np.int64)
    for one, value in zip(said[:-1], series.value, strict=False):
        last, number = (np.where(one.blank, old, new) for old, new in ((last, one.as_of), (number, value)))
    anew = said[-1].as_of == newest
    for then, apart in enumerate(since):
        moved = apart.moved(cells)
        for block in side.blocks.values():
            own = block.ravel()
            # There is no other cell that somebody could have left.
            if own.size == 1:
                continue
            early = moved[own].sum() * number[own] < expected * side.values[own].sum()
            early &= (moved[own] > 0) & (moved[own] < _SURELY * expected)
            if np.any(early & anew[own] & (last[own] == then)):
                raise CheckFailed(f"{_SAID}: a cell is counted anew before so many moves as the policy expects")


def _moved(apart: Apart, relations: Relations, terms: Flags, *, cells: int) -> Ints:
    """By how many different people the sums of each relation differ: whole less parts, as far as they are `terms`."""
    own = terms[apart.cell]
    person, relation, _ = relations.changes(apart.person[own], apart.cell[own], apart.change[own], cells=cells)
    return apart.counted(relation, person, places=relations.whole.size)


def _sums_of_both(relations: Relations, was: Flags, now: Flags) -> Iterator[tuple[Flags, Flags]]:
    """Sums that are known of two releases: in which relations, and of which of their cells."""
    yield np.ones(relations.whole.size, dtype=np.bool_), was & now
    # What one of the two does not tell it has as the rest of the others, where nothing is left over.
    complete = relations.everywhere(was | now) & ~relations.may_rest
    yield complete, now
    yield complete, was
