"""What a laboratory run writes: a row for each person, or a table of counts. Nothing here is protected.

The laboratory works on files that its user already holds; what it writes must not leave as a result. Protection is
`linkage-server lab protect`, and in the service nothing else can be delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from linkage.released_table import TIME_STRATA
from linkage_core.counted_table import DAYS_A_YEAR, TOTAL, CountedTable, Line, PersonCube, Statistic, SumCube
from linkage_core.indicators import Measure, PersonValues
from linkage_core.indicators.values import Int64s
from linkage_core.intervals import Floats, Interval, interval_of
from linkage_server.lab.complete import CompletePeriods

_WORDS = ("indicator", "parameters", "statistic")
_NO_LINE = Line("", "", Statistic.PERSONS, ())


def per_person(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table:
    """One row for each indicator, parameter point, period and person: value (null where there is none) and reason.

    A value that does not fit whole units is written in full; one that its definition makes NaN or infinite is written
    as such, though nobody counts it.
    """
    return pa.concat_tables([_of_one(value, persons) for value in values])


def _of_one(value: PersonValues, persons: pa.Array) -> pa.Table:
    rows = len(persons)
    has_value = value.has_value
    of = value.of if value.of is not None else np.full(rows, value.scale, np.int64)
    shown = has_value
    if value.number is not None:
        number, shown = value.number, has_value | ~np.isfinite(value.number)
    else:
        number = np.divide(value.value, of, out=np.zeros(rows), where=of > 0)
    reasons = pa.DictionaryArray.from_arrays(pa.array(value.reason, pa.uint8()), pa.array(value.reasons))
    fraction = value.measure is Measure.FRACTION
    return pa.table(
        {
            "indicator": _constant(value.indicator.id, rows),
            "parameters": _constant(value.parameters, rows),
            "period": _constant(value.period.label if value.period else "", rows),
            "person_id": persons,
            "value": pa.array(number, pa.float64(), mask=~shown),
            "numerator": pa.array(value.value, pa.int64(), mask=~(has_value & fraction)),
            "denominator": pa.array(of, pa.int64(), mask=~(has_value & fraction)),
            "reason": reasons.cast(pa.string()),
        }
    )


def _constant(text: str, rows: int) -> pa.Array:
    return pa.array([text]).take(pa.array(np.zeros(rows, np.int64)))


def counts(table: CountedTable, *, complete: CompletePeriods | None = None) -> pa.Table:
    """The counted lines, one row a statistic and cell, as a released table has them but unprotected.

    Crossings share their margins; each is written once, where it comes first.

    Args:
        complete: tells periods that are over of a line that is incomplete as a whole.
    """
    persons = {(cube.persons_key, _names(cube)): cube.persons for cube in table.person_cubes}
    sums = {(cube.sum_key, _names(cube)): cube for cube in table.sum_cubes}
    # Curves, quantiles and paths have files of their own here, by persons.
    by_class = {told.axis for told in table.classes}
    axes = (axis for cube in table.person_cubes for axis in cube.dimensions)
    dimensions = {axis.name: axis.levels for axis in axes if axis.name not in by_class}
    seen: set[tuple[str, ...]] = set()
    parts = []
    for line in table.lines:
        part = _of_line(line, persons, sums, dimensions, complete)
        keys = list(zip(*(part[name].to_pylist() for name in (*_WORDS, *dimensions)), strict=True))
        parts.append(part.filter(pa.array([key not in seen for key in keys], pa.bool_())))
        seen.update(keys)
    # Without a line there are no crossings either.
    return pa.concat_tables(parts) if parts else _of_line(_NO_LINE, persons, sums, {}).slice(0, 0)


def _names(cube: PersonCube | SumCube) -> tuple[str, ...]:
    return tuple(axis.name for axis in cube.dimensions)


def _of_line(
    line: Line,
    persons: dict[tuple[str, tuple[str, ...]], Int64s],
    sums: dict[tuple[str, tuple[str, ...]], SumCube],
    dimensions: dict[str, tuple[str, ...]],
    complete: CompletePeriods | None = None,
) -> pa.Table:
    axes = [(*dimensions[name], TOTAL) for name in line.dimensions]
    cells = int(np.prod([len(axis) for axis in axes], dtype=np.int64))
    places = np.indices([len(axis) for axis in axes]).reshape(len(axes), cells)
    nothing = np.full(cells, np.nan)

    def counted(key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return persons[key, line.dimensions].ravel().astype(np.float64) if key else nothing

    def added(key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return sums[key, line.dimensions].sums.ravel() / sums[key, line.dimensions].scale if key else nothing

    numerator = added(line.sum_key) if line.sum_key else counted(line.numerator_key)
    denominator, years = counted(line.denominator_key), added(line.person_time_key) / DAYS_A_YEAR
    value, interval = estimate(line.statistic, line.interval, numerator, denominator, years)
    strata = {
        name: [axes[line.dimensions.index(name)][place] for place in places[line.dimensions.index(name)]]
        if name in line.dimensions
        else [TOTAL] * cells
        for name in dimensions
    }
    return pa.table(
        {
            "indicator": [line.indicator] * cells,
            "parameters": [line.parameters] * cells,
            **{name: pa.array(codes, pa.string()) for name, codes in strata.items()},
            "statistic": [line.statistic.value] * cells,
            **{
                name: pa.array(numbers, pa.float64(), from_pandas=True)
                for name, numbers in {
                    "value": value,
                    "lower": interval.lower,
                    "upper": interval.upper,
                    "numerator": numerator,
                    "denominator": denominator,
                    "person_time": years,
                }.items()
            },
            "status": _statuses(line, strata, complete),
        }
    )


def _statuses(line: Line, strata: Mapping[str, Sequence[str]], complete: CompletePeriods | None) -> list[str]:
    cells = len(next(iter(strata.values()), [""]))
    statuses = ["incomplete" if line.incomplete else "ok"] * cells
    for name in line.dimensions if line.incomplete and complete is not None else ():
        assert complete is not None
        if name in TIME_STRATA:
            over = {
                level
                for level in set(strata[name])
                if complete.has(level, stratum=name, indicator=line.indicator, parameters=line.parameters)
            }
            statuses = ["ok" if level in over else status for level, status in zip(strata[name], statuses, strict=True)]
    return statuses


def estimate(
    statistic: Statistic, limits_of: str, numerator: Floats, denominator: Floats, years: Floats
) -> tuple[Floats, Interval]:
    """Value and limits of a statistic, cell by cell.

    Args:
        limits_of: kind of interval; "" or "none" for none.
        years: person-years, for rates.
    """
    none = Interval(np.full_like(numerator, np.nan), np.full_like(numerator, np.nan))
    if statistic in (Statistic.PERSONS, Statistic.SUM):
        return numerator, none
    factor = 1.0 if statistic in (Statistic.SHARE, Statistic.MEAN) else 1000.0
    base = years if statistic is Statistic.RATE_PER_1000_PERSON_YEARS else denominator
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(base > 0, factor * numerator / base, np.nan)
    limits = interval_of(limits_of, numerator, base)
    return value, Interval(factor * limits.lower, factor * limits.upper)
