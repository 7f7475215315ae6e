"""Rows of statistics that are of one period each: a statistic in the cells of some axes, each cell once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.counted_table import TOTAL, Statistic
from linkage_core.indicators import Measure, PersonValues
from linkage_core.intervals import Floats, Interval
from linkage_core.points import STATISTICS
from linkage_server.lab.period_cells import Axis, Counts
from linkage_server.lab.results import estimate

_NUMBERS = ("value", "lower", "upper", "numerator", "denominator", "person_time", "outside")


_OF_MEASURE = {
    Measure.YES_NO: ("count", "share", "per_1000"),
    Measure.AMOUNT: ("sum", "mean"),
    Measure.FRACTION: ("mean",),
}


def point_of_rows(value: PersonValues) -> tuple[str, str, str]:
    """Indicator, period, and parameters without the rows that a value counts."""
    parameters = ";".join(part for part in value.parameters.split(";") if not part.startswith("rows="))
    return value.indicator.id, value.period.label if value.period else "", parameters


@dataclass(frozen=True, slots=True)
class Estimate:
    """One statistic in the cells of some axes: arrays of levels + total by axis."""

    statistic: str
    value: Floats
    limits: Interval | None = None
    limits_of: str = ""
    numerator: npt.NDArray[np.number] | None = None
    denominator: npt.NDArray[np.number] | None = None
    person_time: Floats | None = None
    outside: npt.NDArray[np.number] | None = None

    def columns(self) -> dict[str, Floats]:
        """The numbers by column; NaN where there is none."""
        lower, upper = self.limits or (None, None)
        told = (self.value, lower, upper, self.numerator, self.denominator, self.person_time, self.outside)
        nothing = np.full(self.value.shape, np.nan)
        return {
            name: np.broadcast_to(nothing if part is None else np.asarray(part, np.float64), self.value.shape).ravel()
            for name, part in zip(_NUMBERS, told, strict=True)
        }


@dataclass
class Rows:
    """The rows of the result; cells that several crossings share are written once.

    Args:
        names: columns of strata, whether or not an axis has them; those of other axes come behind.
    """

    names: Sequence[str]
    _parts: list[tuple[dict[str, str], dict[str, list[str]], Estimate, npt.NDArray[np.bool_]]] = field(
        default_factory=list
    )
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def put(
        self,
        value: PersonValues,
        axes: Sequence[Axis],
        told: Estimate,
        *,
        parameters: str | None = None,
        period: str | None = None,
        is_complete: bool | None = None,
    ) -> None:
        """Add a statistic of a value.

        Args:
            axes: of its arrays.
            parameters, period, is_complete: in place of the value's own.
        """
        own_period = value.period.label if value.period else ""
        complete = not value.incomplete if is_complete is None else is_complete
        words = {
            "indicator": value.indicator.id,
            "parameters": value.parameters if parameters is None else parameters,
            "period": own_period if period is None else period,
            "status": "ok" if complete else "incomplete",
        }
        sizes = [len(axis.levels) + 1 for axis in axes]
        places = np.indices(sizes).reshape(len(axes), int(np.prod(sizes, dtype=np.int64)))
        # Cells are alike where they are totals of the same axes: all of them are new, or none.
        totals = places == np.array(sizes, np.int64)[:, np.newaxis] - 1
        pattern = (totals * (1 << np.arange(len(axes)))[:, np.newaxis]).sum(axis=0)
        new = np.ones(places.shape[1], np.bool_)
        for number in np.unique(pattern).tolist():
            own = frozenset(axis for place, axis in enumerate(axes) if not number >> place & 1)
            key = (*words.values(), told.statistic, told.limits_of, own)
            if key in self._seen:
                new[pattern == number] = False
            self._seen.add(key)
        strata = {
            axis.name: [(*axis.levels, TOTAL)[place] for place in places[number][new].tolist()]
            for number, axis in enumerate(axes)
        }
        self._parts.append((words, strata, told, new))

    def table(self) -> pa.Table:
        """All rows."""
        others = (name for _, strata, _, _ in self._parts for name in strata)
        names = list(dict.fromkeys([*self.names, *others]))
        return pa.concat_tables([self._part(names, *part) for part in self._parts])

    @staticmethod
    def _part(
        names: Sequence[str],
        words: Mapping[str, str],
        strata: Mapping[str, list[str]],
        told: Estimate,
        new: npt.NDArray[np.bool_],
    ) -> pa.Table:
        rows = int(np.count_nonzero(new))
        numbers = {name: column[new] for name, column in told.columns().items()}
        return pa.table(
            {
                **{name: pa.repeat(words[name], rows) for name in ("indicator", "parameters", "period")},
                **{name: pa.array(strata.get(name, [TOTAL] * rows), pa.string()) for name in names},
                "statistic": pa.repeat(told.statistic, rows),
                "interval": pa.repeat(told.limits_of, rows),
                **{name: pa.array(column, pa.float64(), from_pandas=True) for name, column in numbers.items()},
                "status": pa.repeat(words["status"], rows),
            }
        )


def statistics_of(value: PersonValues, cells: Counts) -> Iterator[Estimate]:
    """The statistics of counted cells that the indicator asks for and the measure has."""
    limits_of = getattr(value.indicator, "interval", "none")
    is_yes_no = value.measure is Measure.YES_NO
    counted, persons = cells.counted / cells.scale, cells.persons.astype(np.float64)
    for name in value.indicator.statistic:
        if name not in _OF_MEASURE[value.measure]:
            continue
        statistic = STATISTICS[name]
        own = limits_of if is_yes_no and statistic is not Statistic.PERSONS and limits_of != "none" else ""
        number, limits = estimate(statistic, own, counted, persons, np.full_like(persons, np.nan))
        is_count = statistic in (Statistic.PERSONS, Statistic.SUM)
        yield Estimate(statistic.value, number, limits, own, counted, None if is_count else persons)
