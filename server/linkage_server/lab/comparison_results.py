"""Units such as hospitals compared in a laboratory run: shares against all, against the target, and against before.

One row an indicator, period and unit. Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from linkage.errors import InputRefused
from linkage_core.comparisons import against_target, direction, funnel_limits, place_in_funnel, share_difference
from linkage_core.counted_table import Statistic
from linkage_core.events import Population
from linkage_core.grids import Crossing
from linkage_core.indicators import Measure, PersonValues
from linkage_server.lab.complete import CompletePeriods
from linkage_server.lab.period_cells import Counts, PeriodCells
from linkage_server.lab.results import estimate

_TEXTS = ("indicator", "parameters", "period", "stratum", "unit")
_NUMBERS = (
    "value",
    "lower",
    "upper",
    "numerator",
    "denominator",
    "overall",
    "lower_95",
    "upper_95",
    "lower_998",
    "upper_998",
)
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.float64()) for name in _NUMBERS),
        ("place", pa.string()),
        ("target_lower", pa.float64()),
        ("target_upper", pa.float64()),
        ("target", pa.string()),
        *((name, pa.float64()) for name in ("change", "change_lower", "change_upper")),
        ("trend", pa.string()),
        ("status", pa.string()),
    ]
)
_Row = dict[str, str | float | None]


def comparison(
    values: Sequence[PersonValues],
    *,
    population: Population,
    units: Sequence[str],
    trend: str | None,
    complete: CompletePeriods,
) -> pa.Table | None:
    """Every share by unit, with funnel limits around that of all; None where nothing is compared.

    Args:
        units: strata that are compared, each by itself.
        trend: index period (index:year, say) in which units are compared as well; shares of calendar periods are
            compared in each period anyway.
        complete: tells which periods are over.

    Raises:
        InputRefused: `trend` is no index period, or the population has no index days.
        EventsRejected: a stratum does not exist.
    """
    if trend is not None and (not trend.startswith("index:") or population.index_date is None):
        raise InputRefused(
            "--trend compares periods of index days.",
            mend="Write index:month, index:quarter or index:year, and give the population a column index_date.",
        )
    asked = [value for value in values if value.measure is Measure.YES_NO]
    if not units or not asked:
        return None
    with_trend = [[unit, trend] for unit in units] if trend is not None else []
    cells = PeriodCells(population, [*([unit] for unit in units), *with_trend])
    rows: list[_Row] = []
    before: dict[tuple[str, str], Counts] = {}
    for value in asked:
        counting, period = cells.of(value), value.period.label if value.period else ""
        for unit in units:
            counted = next(counting.counts(value, Crossing((unit,), None)))
            earlier = before.get((value.name, unit)) if value.period else None
            rows.extend(_units(value, unit, period, counted, earlier, is_complete=not value.incomplete))
            before[value.name, unit] = counted
            if with_trend and value.period is None:
                assert trend is not None
                crossed = next(counting.counts(value, Crossing((unit, trend), None)))
                rows.extend(_periods(value, unit, trend, crossed, complete))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _periods(value: PersonValues, unit: str, trend: str, crossed: Counts, complete: CompletePeriods) -> Iterator[_Row]:
    earlier: Counts | None = None
    for place, period in enumerate(crossed.axes[1].levels):
        counted = Counts(crossed.axes[:1], crossed.counted[:, place], crossed.persons[:, place], crossed.scale)
        over = not value.incomplete or complete.has(
            period, stratum=trend.replace(":", "_"), indicator=value.indicator.id, parameters=value.parameters
        )
        yield from _units(value, unit, period, counted, earlier, is_complete=over)
        earlier = counted


def _units(
    value: PersonValues, unit: str, period: str, counted: Counts, earlier: Counts | None, *, is_complete: bool
) -> Iterator[_Row]:
    """A row for each unit with persons, and for all of them together."""
    (axis,) = counted.axes
    events, persons = counted.counted.astype(np.float64), counted.persons.astype(np.float64)
    limits_of = getattr(value.indicator, "interval", "none")
    share, limits = estimate(Statistic.SHARE, "" if limits_of == "none" else limits_of, events, persons, persons)
    overall = float(share[-1])
    funnels = [funnel_limits(persons, overall, level=level) for level in (0.95, 0.998)]
    target = value.indicator.target
    for place, name in enumerate((*axis.levels, "total")):
        if not persons[place]:
            continue
        numbers = (share, *limits, events, persons, np.full_like(share, overall), *funnels[0], *funnels[1])
        change = _change(counted, earlier, name, place)
        yield {
            **dict(zip(_TEXTS, (value.indicator.id, value.parameters, period, unit, name), strict=True)),
            **{column: _number(part[place]) for column, part in zip(_NUMBERS, numbers, strict=True)},
            "place": place_in_funnel(float(share[place]), float(persons[place]), overall),
            "target_lower": target.lower if target else None,
            "target_upper": target.upper if target else None,
            "target": against_target(float(share[place]), target) if target else None,
            **change,
            "status": "ok" if is_complete else "incomplete",
        }


def _change(counted: Counts, earlier: Counts | None, name: str, place: int) -> _Row:
    """The share less that of the period before, where the unit had persons then."""
    nothing: _Row = dict.fromkeys(("change", "change_lower", "change_upper", "trend"))
    if earlier is None:
        return nothing
    levels = (*earlier.axes[0].levels, "total")
    if name not in levels or not earlier.persons[then := levels.index(name)]:
        return nothing
    found = share_difference(
        counted.counted[place], counted.persons[place], earlier.counted[then], earlier.persons[then]
    )
    numbers = [float(part) for part in found]
    return {**dict(zip(nothing, numbers, strict=False)), "trend": direction(numbers[1], numbers[2])}


def _number(number: float) -> float | None:
    return None if np.isnan(number) else float(number)
