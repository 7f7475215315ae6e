"""Series of a laboratory run by index period, each with the periods before it: rolling counts, sums, shares and means.

A person has one index day, so a rolling number is a sum of periods. Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from linkage_core.events import Population
from linkage_core.grids import Crossing, crossings_of_persons
from linkage_core.indicators import PersonValues
from linkage_core.strata import UNKNOWN
from linkage_server.lab.complete import CompletePeriods
from linkage_server.lab.period_cells import Axis, Counting, Counts, PeriodCells
from linkage_server.lab.rate_rows import Estimate, Rows, statistics_of

_INDEX = "index:"


def series(
    values: Sequence[PersonValues],
    *,
    population: Population,
    by: Sequence[Sequence[str]],
    rolling: int,
    complete: CompletePeriods,
) -> pa.Table | None:
    """Each crossing with an index period, `rolling` periods at a time; None where there is none.

    The first periods, which have too few before them, are left out.
    """
    crossings = [
        crossing for crossing in crossings_of_persons(by) if sum(name.startswith(_INDEX) for name in crossing) == 1
    ]
    asked = [value for value in values if value.period is None]
    if not crossings or not asked or population.index_date is None:
        return None
    cells = PeriodCells(population, crossings)
    found = Rows([name for name in cells.names if not name.startswith("index_")])
    for value in asked:
        counting = cells.of(value)
        for crossing in counting.crossings[1:]:
            for axes, label, one in _windows(value, counting, crossing, rolling):
                stratum = next(name for name in crossing.strata if name.startswith(_INDEX)).replace(":", "_")
                over = not value.incomplete or complete.has(
                    label, stratum=stratum, indicator=value.indicator.id, parameters=value.parameters
                )
                parameters = ";".join(part for part in (value.parameters, f"rolling={rolling}") if part)
                found.put(value, axes, one, parameters=parameters, period=label, is_complete=over)
    return found.table()


def _windows(
    value: PersonValues, counting: Counting, crossing: Crossing, rolling: int
) -> Iterator[tuple[Sequence[Axis], str, Estimate]]:
    """Axes, name of the last period, and each statistic, period after period."""
    cells = next(counting.counts(value, crossing))
    place = next(number for number, name in enumerate(crossing.strata) if name.startswith(_INDEX))
    labels = [label for label in cells.axes[place].levels if label != UNKNOWN]
    others = [axis for number, axis in enumerate(cells.axes) if number != place]
    counted, persons = (np.moveaxis(part, place, 0)[: len(labels)] for part in (cells.counted, cells.persons))
    for last in range(rolling - 1, len(labels)):
        window = slice(last + 1 - rolling, last + 1)
        sums = Counts(tuple(others), counted[window].sum(axis=0), persons[window].sum(axis=0), cells.scale)
        for one in statistics_of(value, sums):
            yield others, labels[last], one
