"""Statistics of a laboratory run that are of one period each: rates per inhabitant, shares of rows, rolling periods.

One row a statistic, period and cell of the strata. Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import InputRefused
from linkage.indicator_kinds import AmountIndicator, GenericSubstitution
from linkage.released_table import NOT_RECORDED
from linkage_core.counted_table import Statistic
from linkage_core.events import Population
from linkage_core.indicators import PersonValues
from linkage_core.rates import AGE, Inhabitants
from linkage_server.lab.inhabitant_rates import put_inhabitant_rates, rates_asked
from linkage_server.lab.period_cells import Axis, Counting, Counts, PeriodCells
from linkage_server.lab.rate_rows import Estimate, Rows, point_of_rows, statistics_of
from linkage_server.lab.results import estimate


def rates(
    values: Sequence[PersonValues],
    *,
    population: Population,
    by: Sequence[Sequence[str]],
    inhabitants: Inhabitants | None = None,
) -> pa.Table | None:
    """What the indicators ask of periods; None where none does.

    Args:
        by: crossings, as in `count_by`; a rate is left out of those with a stratum that the inhabitants lack.

    Raises:
        InputRefused: a rate is asked for and nobody says how many inhabitants there are, or of which ages.
    """
    asked = [value for value in values if _is_asked(value, inhabitants)]
    if not asked:
        return None
    cells = PeriodCells(population, by, inhabitants)
    found = Rows(cells.names)
    others = {point_of_rows(value): value for value in asked if _has_share(value) and not _is_substituted(value)}
    for value in asked:
        counting = cells.of(value)
        if rates_asked(value):
            put_inhabitant_rates(found, value, counting)
        if rolls(value):
            _ordinary(found, value, counting)
        if _has_share(value) and _is_substituted(value):
            _shares(found, value, others[point_of_rows(value)], counting)
    return found.table()


def rolls(value: PersonValues) -> bool:
    """Whether a value is of a period that overlaps with others of its indicator."""
    indicator = value.indicator
    return isinstance(indicator, AmountIndicator) and indicator.calendar is not None and indicator.calendar.rolling > 1


def _is_asked(value: PersonValues, inhabitants: Inhabitants | None) -> bool:
    if (rate := next(iter(rates_asked(value)), None)) is not None:
        if inhabitants is None:
            raise InputRefused(
                f"indicator {value.indicator.id!r} asks for {rate}: how many inhabitants are there?",
                mend="Give --inhabitants FILE: a line for each year and cell, with the column persons.",
            )
        if getattr(value.indicator, "standard", None) is not None and AGE not in inhabitants.strata:
            raise InputRefused(
                f"indicator {value.indicator.id!r} is standardised by age, which the table of inhabitants lacks.",
                mend="Give it a column age_group.",
            )
        return True
    return rolls(value) or _has_share(value)


def _has_share(value: PersonValues) -> bool:
    return isinstance(value.indicator, GenericSubstitution) and "share" in value.indicator.statistic


def _is_substituted(value: PersonValues) -> bool:
    return isinstance(value.indicator, GenericSubstitution) and value.parameters.startswith("rows=substituted")


def _ordinary(found: Rows, value: PersonValues, counting: Counting) -> None:
    """Counts, shares, sums and means of a rolling period, as the table has them of periods that do not overlap."""
    for crossing in counting.crossings:
        for cells in counting.counts(value, crossing):
            for one in statistics_of(value, cells):
                found.put(value, cells.axes, one)


def _shares(found: Rows, value: PersonValues, others: PersonValues, counting: Counting) -> None:
    """Substituted rows of these and those that were not; limits as if rows were of different persons."""
    assert isinstance(value.indicator, GenericSubstitution)
    own = "" if value.indicator.interval == "none" else value.indicator.interval
    parameters = point_of_rows(value)[2]
    for crossing in counting.crossings:
        for were, were_not in zip(counting.counts(value, crossing), counting.counts(others, crossing), strict=True):
            axes = _axes_of_both(were, were_not)
            events, rest = (_on_axes(one, axes).astype(np.float64) for one in (were, were_not))
            rows = events + rest
            number, limits = estimate(Statistic.SHARE, own, events, rows, np.full_like(rows, np.nan))
            found.put(value, axes, Estimate("share", number, limits, own, events, rows), parameters=parameters)


def _axes_of_both(one: Counts, other: Counts) -> tuple[Axis, ...]:
    """Their axes; only the levels of a row variable can differ."""
    if one.axes == other.axes:
        return one.axes
    levels = {*one.axes[-1].levels, *other.axes[-1].levels}
    in_order = sorted(levels, key=lambda level: (level == NOT_RECORDED, level))
    return (*one.axes[:-1], Axis(one.axes[-1].name, tuple(in_order)))


def _on_axes(counts: Counts, axes: Sequence[Axis]) -> npt.NDArray[np.int64]:
    """What is counted, with levels of rows that nobody has as 0."""
    if counts.axes == tuple(axes):
        return counts.counted
    known = counts.axes[-1].levels
    place = [known.index(level) if level in known else len(known) for level in axes[-1].levels]
    padded = np.concatenate((counts.counted[..., :-1], np.zeros_like(counts.counted[..., :1])), axis=-1)
    return np.concatenate((padded[..., place], counts.counted[..., -1:]), axis=-1)
