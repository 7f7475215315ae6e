"""How counts by prescribing reason add up: one stands under several sets of reasons, or under one of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from linkage.indicator_kinds import ByReason, Indicator
from linkage.released_table import NOT_RECORDED
from linkage_core.counted_table import CountedTable, Dimension, PersonCube, Split, SumCube
from linkage_core.indicators.prescribing_reason import ANY_SET, parts_of_everybody
from linkage_core.indicators.row_dimensions import OTHER
from linkage_core.indicators.run_context import joined
from linkage_core.indicators.values import Int64s
from linkage_core.partial_counts import PartialCounts
from linkage_core.points import Point

Cube = TypeVar("Cube", PersonCube, SumCube)


def with_reasons(table: CountedTable, counts: PartialCounts, indicators: Iterable[Indicator]) -> CountedTable:
    """The table with what ties counts by reason to each other and to those of all persons.

    Args:
        table: of everything.
        counts: of all blocks.
        indicators: those that are asked for.
    """
    ties = _Ties(table, counts)
    for indicator in indicators:
        if indicator.by_reason is not None:
            ties.put(indicator.id, indicator.by_reason)
    return ties.added()


@dataclass(frozen=True, slots=True)
class _Keys:
    """Names of what a point counts and adds up, those of everything that it has in one order."""

    persons: tuple[str, ...]
    sums: tuple[str, ...]


class _Ties:
    """Splits and cubes while they are put together."""

    def __init__(self, table: CountedTable, counts: PartialCounts) -> None:
        self._table, self._counts = table, counts
        self._points = {point.name: point for point in counts.layout.points}
        self._unheard = {name for name, persons in counts.reasons.items() if not persons}
        self._persons = _by_key((cube.persons_key, cube) for cube in table.person_cubes)
        self._sums = _by_key((cube.sum_key, cube) for cube in table.sum_cubes)
        self._splits: dict[Split, None] = {}
        self._cubes: list[PersonCube] = []
        self._amounts: list[SumCube] = []

    def put(self, indicator: str, asked: ByReason) -> None:
        """Put in the ties of all points of one indicator."""
        for point in self._points.values():
            if point.indicator != indicator or point.is_by_reason or point.parameters == f"{asked.rule}_reason_missing":
                continue
            by_name = {
                name: self._points[f"{indicator}/{joined(f'{asked.rule}_reason={name}', point.parameters)}"]
                for name in dict.fromkeys([*asked.sets, *parts_of_everybody(asked)])
            }
            keys = {name: self._keys(own) for name, own in by_name.items()}
            parts = [keys[name] for name in parts_of_everybody(asked)]
            self._share_out(self._keys(point), parts)
            if len(asked.sets) > 1:
                self._cover(keys[ANY_SET], [keys[name] for name in asked.sets])
            self._missing(indicator, asked, keys)

    def _keys(self, point: Point) -> _Keys:
        family = self._counts.families["/".join(point.periods)]
        shared = family.shared_names(self._unheard)
        denominator = shared.get(point.denominator, point.denominator)
        return _Keys((denominator, point.counted), (point.added, point.at_risk))

    def _share_out(self, whole: _Keys, parts: Sequence[_Keys]) -> None:
        for names in _columns(whole, parts):
            key, *own = names
            # Equal sets have one name: one part is everybody, and the others nobody.
            if key and key not in own:
                self._splits[Split(key, tuple(dict.fromkeys(own)))] = None

    def _cover(self, whole: _Keys, sets: Sequence[_Keys]) -> None:
        """All sets together have whoever is in any; where nobody is in two they share them out."""
        apart = _added_up(self._persons, [one.persons[0] for one in sets])
        together = {cube.dimensions: cube.persons for cube in self._persons.get(whole.persons[0], ())}
        if all(np.array_equal(counts, together[axes]) for axes, counts in apart.items() if axes in together):
            self._share_out(whole, sets)
            return
        for key, *own in zip(whole.persons, *(one.persons for one in sets), strict=True):
            if not key:
                continue
            name = f"{key}/times in a set"
            counted = _added_up(self._persons, own)
            self._cubes += [PersonCube(name, axes, counts) for axes, counts in counted.items()]
            self._splits[Split(name, tuple(own))] = None
            self._splits[Split(name, (key, f"{name} without {key}"))] = None
        for key, *own in zip(whole.sums, *(one.sums for one in sets), strict=True):
            cubes = self._sums.get(key, ())
            if not cubes or any(np.any(cube.sums < 0) for name in (key, *own) for cube in self._sums[name]):
                continue
            name = f"{key}/times in a set"
            contributors = f"{cubes[0].contributors_key}/times in a set"
            for axes, sums in _added_up(self._sums, own).items():
                self._amounts.append(SumCube(name, axes, sums, cubes[0].scale, contributors))
            self._splits[Split(name, tuple(own))] = None
            self._splits[Split(name, (key, f"{name} without {key}"))] = None

    def _missing(self, indicator: str, asked: ByReason, keys: Mapping[str, _Keys]) -> None:
        """Who has no value by reason may still have dispensings, with or without one."""
        missing = self._keys(self._points[f"{indicator}/{asked.rule}_reason_missing"])
        of_told = [keys[name].persons[0] for name in parts_of_everybody(asked)[:1]] + [keys[OTHER].persons[0]]
        for whole, parts in (
            (missing.persons[1], [keys[NOT_RECORDED].persons[0]]),
            (missing.persons[0], [*of_told, missing.persons[1]]),
        ):
            if whole not in parts:
                self._splits[Split(whole, (*dict.fromkeys(parts), f"{whole} without them"))] = None

    def added(self) -> CountedTable:
        """The table with what was put in."""
        return replace(
            self._table,
            person_cubes=(*self._table.person_cubes, *self._cubes),
            sum_cubes=(*self._table.sum_cubes, *self._amounts),
            splits=tuple(dict.fromkeys([*self._table.splits, *self._splits])),
        )


def _added_up(cubes: Mapping[str, Sequence[Cube]], keys: Sequence[str]) -> dict[tuple[Dimension, ...], Int64s]:
    """Counts or sums of some sets together, by dimensions that all of them are counted over."""
    found = {}
    for cube in cubes.get(keys[0], ()):
        own = [one for key in keys for one in cubes.get(key, ()) if one.dimensions == cube.dimensions]
        if len(own) == len(keys):
            found[cube.dimensions] = np.asarray(np.sum([_numbers(one) for one in own], axis=0), np.int64)
    return found


def _numbers(cube: PersonCube | SumCube) -> Int64s:
    return cube.persons if isinstance(cube, PersonCube) else cube.sums


def _columns(whole: _Keys, parts: Sequence[_Keys]) -> Iterator[tuple[str, ...]]:
    yield from zip(whole.persons, *(one.persons for one in parts), strict=True)
    yield from zip(whole.sums, *(one.sums for one in parts), strict=True)


def _by_key(cubes: Iterable[tuple[str, Cube]]) -> dict[str, list[Cube]]:
    found: dict[str, list[Cube]] = {}
    for key, cube in cubes:
        found.setdefault(key, []).append(cube)
    return found
