"""Quantiles of persons' values in a laboratory run, by cell of the strata. Nothing here is protected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.indicator_kinds import WithCurves
from linkage_core.events import Population
from linkage_core.grids import crossings_of_persons
from linkage_core.indicators import Measure, PersonValues
from linkage_core.intervals import Floats, Interval
from linkage_core.quantiles import ValueHistogram, merged, value_histograms
from linkage_core.rates import Inhabitants
from linkage_server.lab.period_cells import PeriodCells
from linkage_server.lab.rate_rows import Estimate, Rows

_LIMITS_OF = "order statistics"

Histograms = npt.NDArray[np.object_]
"""Of `ValueHistogram`."""


def quantiles(
    values: Sequence[PersonValues],
    *,
    population: Population,
    by: Sequence[Sequence[str]],
    inhabitants: Inhabitants | None = None,
) -> pa.Table | None:
    """The medians and other quantiles that the indicators ask of amounts and fractions; None where none does.

    Persons without rows count with 0, as in means; persons without a value do not count.

    Args:
        by: crossings, as in `count_by`; crossings with a row variable are left out, for a person is in one cell.
        inhabitants: tells what `age` alone means.
    """
    asked = [value for value in values if value.measure is not Measure.YES_NO and _shares(value)]
    if not asked:
        return None
    cells = PeriodCells(population, crossings_of_persons(by), inhabitants)
    found = Rows(cells.names)
    for value in asked:
        counting = cells.of(value)
        for crossing in counting.crossings:
            axes, cell = counting.finest(crossing)
            sizes = [len(axis.levels) for axis in axes]
            has_value = value.has_value
            finest = value_histograms(
                _numbers(value)[has_value], cell=cell[has_value], cells=int(np.prod(sizes, dtype=np.int64))
            )
            for name, share in _shares(value).items():
                found.put(value, axes, _estimate(name, share, _with_margins(finest, sizes)))
    return found.table()


def _shares(value: PersonValues) -> dict[str, float]:
    """The quantiles asked for, by name; the median of a curve is in `survival`, where censored times are not ends."""
    if isinstance(value.indicator, WithCurves):
        return {}
    names = [name for name in value.indicator.statistic if name.startswith(("median", "quantile:"))]
    return {name: 0.5 if name == "median" else float(name.partition(":")[2]) for name in names}


def _numbers(value: PersonValues) -> Floats:
    """float64, one a person; 0 where there is nothing to divide by."""
    if value.number is not None:
        return value.number
    of = value.of if value.of is not None else np.full(len(value.reason), value.scale, np.int64)
    return np.divide(value.value, of, out=np.zeros(len(of)), where=of > 0)


def _with_margins(finest: Sequence[ValueHistogram], sizes: Sequence[int]) -> Histograms:
    """Histograms of levels + total by axis."""
    place = np.arange(len(finest)).reshape(sizes)
    found = np.empty([size + 1 for size in sizes], object)
    for chosen in product(*(range(size + 1) for size in sizes)):
        inside = tuple(slice(None) if level == size else level for level, size in zip(chosen, sizes, strict=True))
        found[chosen] = merged([finest[number] for number in np.ravel(place[inside]).tolist()])
    return found


def _estimate(name: str, share: float, histograms: Histograms) -> Estimate:
    of_cells = [histogram.quantile(share) for histogram in histograms.ravel()]
    value, lower, upper = (np.array(part).reshape(histograms.shape) for part in zip(*of_cells, strict=True))
    persons = np.array([histogram.count for histogram in histograms.ravel()]).reshape(histograms.shape)
    return Estimate(name, value, Interval(lower, upper), _LIMITS_OF, denominator=persons)
