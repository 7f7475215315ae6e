"""Compares counted tables object for object, and makes up values of persons that no definition would give at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.indicator_definition import IndicatorSet
from linkage_core.counted_table import CountedTable
from linkage_core.events import Population
from linkage_core.indicators.values import NO_ROWS, OK, Measure, Period, PersonValues, RowEntries, RowValues
from tests.support.indicator_tables import drawn_set

DEFINITION: IndicatorSet = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }',
    'id = "users"\nkind = "users"\nrow_strata = ["atc"]\nobserve = { from = 0, to = 90 }',
    'id = "cost"\nkind = "cost"\nrow_strata = ["atc"]\nstatistic = ["sum", "mean"]\nobserve = { from = 0, to = 90 }',
    'id = "covered"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = 100 }\nthreshold = 0.5",
    'id = "event"\nkind = "event_in_window"\nregister = "par"\ndate = "admission_date"\nstatistic = ["count", "rate"]\n'
    "window = { from = 0, to = 90 }",
)
MEASURES = {
    "start": Measure.YES_NO,
    "users": Measure.YES_NO,
    "cost": Measure.AMOUNT,
    "covered": Measure.FRACTION,
    "event": Measure.YES_NO,
}
REASONS = (OK, "error:packages", "no_time", "excluded:used_before", NO_ROWS)


def assert_same_table(one: CountedTable, other: CountedTable) -> None:
    """Object for object, in the same order."""
    for name in ("splits", "lines", "reasons", "nestings", "row_parts"):
        assert getattr(one, name) == getattr(other, name), name
    for cubes, others in ((one.person_cubes, other.person_cubes), (one.sum_cubes, other.sum_cubes)):
        assert [(cube.dimensions, _key(cube)) for cube in cubes] == [(cube.dimensions, _key(cube)) for cube in others]
        for cube, its_twin in zip(cubes, others, strict=True):
            np.testing.assert_array_equal(_cells(cube), _cells(its_twin), err_msg=str(_key(cube)))
            assert _cells(cube).dtype == np.int64


def _cells(cube: Any) -> Any:
    return cube.persons if hasattr(cube, "persons") else cube.sums


def _key(cube: Any) -> tuple[object, ...]:
    return (cube.persons_key,) if hasattr(cube, "persons") else (cube.sum_key, cube.scale, cube.contributors_key)


def made_up_values(rng: np.random.Generator, *, persons: int) -> list[PersonValues]:
    """Values of every measure, with and without periods and rows, whose sets are now and then equal or nested."""
    books = [rng.choice(5, persons, p=odds).astype(np.uint8) for odds in ([1, 0, 0, 0, 0], [0.6, 0.1, 0, 0.1, 0.2])]
    values = []
    for indicator in DEFINITION.indicators:
        years = [2020, 2021, 2022][: rng.integers(0, 4)] if indicator.id in ("users", "cost") else []
        for parameters in ("", "within_days=30", "within_days=90")[: rng.integers(1, 4)]:
            levels = tuple(rng.permutation(["A01", "B01", "C10", "not_recorded"])[: rng.integers(1, 5)].tolist())
            for year in years or [None]:
                value = _value(rng, indicator, books[rng.integers(2)], levels)
                period = Period("year", str(year), year * 365) if year else None
                values.append(replace(value, parameters=parameters, period=period))
    return values


def _value(rng: np.random.Generator, indicator: Any, book: Any, levels: tuple[str, ...]) -> PersonValues:
    persons, measure = len(book), MEASURES[indicator.id]
    most = {Measure.YES_NO: 1, Measure.AMOUNT: 50, Measure.FRACTION: 100}[measure]
    value = rng.integers(-most if measure is Measure.AMOUNT else 0, most + 1, persons)
    rows = {}
    if indicator.id in ("users", "cost"):
        pairs = np.flatnonzero(rng.random(persons * len(levels)) < rng.random())
        person, level = np.divmod(pairs, len(levels))
        used, level = np.unique(level, return_inverse=True)
        of_level = rng.integers(-5, 9, len(pairs))
        names = tuple(levels[place] for place in used)
        overlap = bool(rng.integers(2)) and indicator.id == "cost"
        rows["atc"] = RowEntries(names, person.astype(np.int32), level.astype(np.int32), of_level, not overlap)
    return PersonValues(
        indicator=indicator,
        parameters="",
        measure=measure,
        value=value,
        reason=book,
        reasons=REASONS,
        scale=100 if measure is Measure.AMOUNT else 1,
        of=rng.integers(0, 120, persons) if measure is Measure.FRACTION else None,
        contributes=rng.random(persons) < 0.5 if measure is Measure.AMOUNT and rng.integers(2) else None,
        person_days=rng.integers(0, 400, persons) if indicator.id == "event" else None,
        rows=rows,
        incomplete=bool(rng.integers(2)),
    )


def part_of(values: list[PersonValues], first: int, last: int) -> list[PersonValues]:
    """The same values for the persons from `first` to before `last`."""
    return [_part(value, first, last) for value in values]


def _part(value: PersonValues, first: int, last: int) -> PersonValues:
    here = slice(first, last)
    rows = {name: _rows_part(rows, first, last) for name, rows in value.rows.items()}
    columns = {name: getattr(value, name) for name in ("value", "reason", "of", "contributes", "person_days")}
    return replace(value, rows=rows, **{name: None if part is None else part[here] for name, part in columns.items()})


def _rows_part(split: RowValues, first: int, last: int) -> RowValues:
    rows = split.entries()
    here = (rows.person >= first) & (rows.person < last)
    used, level = np.unique(rows.level[here], return_inverse=True)
    names = tuple(rows.levels[place] for place in used)
    person = rows.person[here] - np.int32(first)
    return replace(rows, levels=names, person=person, level=level.astype(np.int32), value=rows.value[here])


def made_up_population(rng: np.random.Generator, *, persons: int) -> Population:
    """Hospitals in regions, sexes, ages and index days; some of each unknown."""
    hospital = rng.integers(0, 4, persons)
    hospitals = np.array(["A", "B", "C", None], object)[hospital]
    regions = np.array(["north", "north", "south", "south" if rng.integers(2) else None], object)[hospital]
    days = rng.integers(18_000, 18_400, persons)
    return Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(persons)], pa.binary(16)),
        index_date=pa.array(days, pa.int32(), mask=rng.random(persons) < 0.05).cast(pa.date32()),
        birth_date=pa.array(days - rng.integers(15_000, 36_000, persons), pa.int32()).cast(pa.date32()),
        sex=pa.array(rng.integers(0 if rng.integers(2) else 1, 3, persons), pa.uint8()),
        strata={
            "hospital": pa.array(hospitals, pa.string()).dictionary_encode(),
            "region": pa.array(regions, pa.string()).dictionary_encode(),
        },
    )
