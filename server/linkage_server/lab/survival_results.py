"""Survival statistics of a laboratory run: curves at the days asked for, medians, restricted means, log-rank tests.

One row a statistic, day and cell of the strata. Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import WithCurves
from linkage_core.counted_table import TOTAL
from linkage_core.events import Population
from linkage_core.grids import counting_plan, crossings_of_persons
from linkage_core.indicators import PersonValues
from linkage_core.indicators.values import TimesToEvent
from linkage_core.strata import UNKNOWN
from linkage_core.survival import DayHistogram, Ending, cumulative_incidence, day_histograms, kaplan_meier, log_rank
from linkage_core.survival.kaplan_meier import UNKNOWN as NOTHING_KNOWN
from linkage_core.survival.kaplan_meier import Estimate


@dataclass(frozen=True, slots=True)
class _Row:
    """One statistic of one cell; `at_risk` and `events` are those on and up to the day, `compares` the strata compared.

    A log-rank test has its chi-square as value, and its degrees of freedom and p-value beside it.
    """

    statistic: str
    value: Estimate
    at_day: int | None = None
    at_risk: int | None = None
    events: int | None = None
    compares: str | None = None
    freedom: int | None = None
    p_value: float | None = None


def survival(values: Sequence[PersonValues], *, population: Population, by: Sequence[Sequence[str]]) -> pa.Table | None:
    """What the indicators ask of their times to an event; None where none does.

    Args:
        by: crossings, as in `count_by`; crossings with a row variable are left out, for a person has one time.
    """
    asked = [value for value in values if value.times is not None and value.indicator.laboratory_statistics]
    # Without an index date nobody has a time.
    if not asked or population.index_date is None:
        return None
    plan = counting_plan(population, crossings_of_persons(by), age_on=None)
    names = [plan.rules[name].dimension.name for name in plan.rules]
    rows = []
    seen = set()
    for value in asked:
        parameters = value.parameters.removesuffix(";measure=days")
        for crossing in plan.crossings:
            axes = {plan.rules[name].dimension.name: plan.rules[name].dimension.levels for name in crossing.strata}
            cell = plan.grid(crossing.strata).cell_of(
                {name: plan.rules[name].levels(population) for name in crossing.strata}, persons=population.persons
            )
            for levels, found in _cells(value, cell, axes):
                place = {name: levels.get(name, TOTAL) for name in names}
                for row in found:
                    key = (value.indicator.id, parameters, *place.values(), row.statistic, row.at_day, row.compares)
                    if key not in seen:
                        seen.add(key)
                        rows.append({**_words(value.indicator.id, parameters), **place, **_as_dict(row)})
    return pa.Table.from_pylist(rows, schema=_schema(names))


def _cells(
    value: PersonValues, cell: np.ndarray, axes: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[dict[str, str], list[_Row]]]:
    """Levels and statistics of each cell of a crossing with its margins."""
    indicator, times = value.indicator, value.times
    assert isinstance(indicator, WithCurves)
    assert times is not None
    sizes = [len(levels) for levels in axes.values()]
    whose = np.flatnonzero(value.has_value)
    finest = day_histograms(
        times.day[whose], times.ending[whose], stratum=cell[whose], strata=int(np.prod(sizes, dtype=np.int64))
    )
    place_of = np.arange(len(finest)).reshape(sizes)
    for chosen in product(*((*range(size), None) for size in sizes)):
        inside = place_of[tuple(slice(None) if place is None else place for place in chosen)].ravel()
        group = _merged([finest[place] for place in inside])
        levels = {name: TOTAL if place is None else axes[name][place] for name, place in zip(axes, chosen, strict=True)}
        if UNKNOWN in levels.values() and not group.persons:
            continue
        found = list(_statistics(indicator, group))
        if "logrank" in indicator.statistic:
            if axes and all(place is None for place in chosen):
                found.append(_compared(finest, ", ".join(axes)))
            if times.groups is not None:
                found.append(_compared(_groups_of(times, whose[np.isin(cell[whose], inside)]), times.groups.by))
        yield levels, found


def _groups_of(times: TimesToEvent, persons: np.ndarray) -> list[DayHistogram]:
    """Persons of each of the groups that a test compares."""
    assert times.groups is not None
    group = times.groups.of[persons]
    return day_histograms(times.day[persons], times.ending[persons], stratum=group, strata=times.groups.groups)


def _merged(parts: Sequence[DayHistogram]) -> DayHistogram:
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    return merged


def _statistics(indicator: WithCurves, group: DayHistogram) -> Iterator[_Row]:
    curve = kaplan_meier(group, limits_of=indicator.curve_limits)
    for day in indicator.at_days:
        events = int(group.events[: day + 1].sum())
        if "km" in indicator.statistic:
            yield _Row("km", curve.at(day), day, curve.at_risk_on(day), events)
        if "cif" in indicator.statistic:
            for name, ending in ((indicator.event_word, Ending.EVENT), ("died", Ending.COMPETING)):
                ends = group.events if ending is Ending.EVENT else group.competing
                if ending is Ending.EVENT or indicator.competing != "none":
                    estimate = cumulative_incidence(group, of=ending).at(day)
                    yield _Row(f"cif_{name}", estimate, day, curve.at_risk_on(day), int(ends[: day + 1].sum()))
    everybody, all_events = group.persons, int(group.events.sum())
    if "median" in indicator.statistic:
        yield _Row("median", curve.median(), None, everybody, all_events)
    for day in indicator.restricted_mean_days:
        yield _Row("rmst", curve.restricted_mean(day), day, everybody, int(group.events[: day + 1].sum()))


def _compared(groups: Sequence[DayHistogram], strata: str) -> _Row:
    outcome = log_rank(groups)
    everybody = _merged(groups)
    return _Row(
        "logrank",
        NOTHING_KNOWN._replace(value=outcome.chi_square),
        at_risk=everybody.persons,
        events=int(everybody.events.sum()),
        compares=strata,
        freedom=outcome.freedom,
        p_value=outcome.p_value,
    )


def _words(indicator: str, parameters: str) -> dict[str, str]:
    return {"indicator": indicator, "parameters": parameters}


def _as_dict(row: _Row) -> dict[str, str | int | float | None]:
    numbers = {name: None if np.isnan(number) else number for name, number in row.value._asdict().items()}
    unknown = row.p_value is None or np.isnan(row.p_value)
    return {
        "statistic": row.statistic,
        "at_day": row.at_day,
        **numbers,
        "at_risk": row.at_risk,
        "events": row.events,
        "compares": row.compares,
        "freedom": row.freedom,
        "p_value": None if unknown else row.p_value,
    }


def _schema(strata: Sequence[str]) -> pa.Schema:
    texts = ("indicator", "parameters", *strata, "statistic")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("at_day", pa.int32()),
            *((name, pa.float64()) for name in Estimate._fields),
            ("at_risk", pa.int64()),
            ("events", pa.int64()),
            ("compares", pa.string()),
            ("freedom", pa.int32()),
            ("p_value", pa.float64()),
        ]
    )
