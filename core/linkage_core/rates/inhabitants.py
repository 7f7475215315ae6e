"""Mean populations by period and stratum: how many live there, whoever they are.

The laboratory reads them from a plain table (`lab evaluate --inhabitants`). A service that knows the population
register can hand over the same type: rates only ask for the mean of a period, by stratum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa

from linkage.errors import InputRefused
from linkage_core.indicators.follow_up import day_number
from linkage_core.indicators.values import Int64s
from linkage_core.intervals import Floats
from linkage_core.rates.age_groups import age_group

AGE = "age"
"""The stratum whose levels are age groups; nobody but it is ordered by age."""

PERSONS = "persons"
PERIODS = ("year", "quarter", "month")
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
_WRITTEN = {"year": "2024", "quarter": "2024-Q1", "month": "2024-01"}


@dataclass(frozen=True)
class Inhabitants:
    """Mean numbers of inhabitants.

    Args:
        first, after: int64, one a period, ascending: day numbers of its first day and of the first day after it.
        strata: levels by name, in order; `AGE` has age groups, youngest first, which share no age.
        persons: float64, periods x levels of the first stratum x ...
    """

    first: Int64s
    after: Int64s
    strata: Mapping[str, tuple[str, ...]]
    persons: Floats

    def mean(self, first: int, after: int) -> Floats:
        """The mean population of the days [first, after), by stratum: that of the period which holds them all, else the
        mean of several by their days; NaN where a day of it is in no period.
        """
        days = np.maximum(np.minimum(self.after, after) - np.maximum(self.first, first), 0)
        if days.sum() < after - first:
            return np.full(self.persons.shape[1:], np.nan)
        (inside,) = np.nonzero(days)
        if len(inside) == 1:
            return np.asarray(self.persons[inside[0]], np.float64)
        return np.asarray(np.tensordot(days, self.persons, axes=1) / (after - first), np.float64)


def inhabitants_of(table: pa.Table) -> Inhabitants:
    """Read a table of inhabitants.

    Args:
        table: one of the columns year, quarter and month, `persons`, and strata; `age` has age groups.

    Raises:
        InputRefused: a column is missing, a cell is empty, negative, written twice or not written, or ages overlap.
            Empty cells must say 0: a missing line cannot be told from a forgotten one.
    """
    names = table.column_names
    told = [name for name in PERIODS if name in names]
    if len(told) != 1 or PERSONS not in names:
        raise InputRefused(
            "the table of inhabitants needs one of the columns year, quarter and month, and the column persons.",
            mend="Write one line a period and cell of the strata.",
        )
    columns = {name: _texts(table[name], name) for name in names if name != PERSONS}
    labels, of_period = _numbered(columns[told[0]], sorted(set(columns[told[0]])))
    strata = {name: _levels(name, columns[name]) for name in names if name not in (PERSONS, told[0])}
    sizes = (len(labels), *map(len, strata.values()))
    places = [of_period, *(_numbered(columns[name], levels)[1] for name, levels in strata.items())]
    cell = np.ravel_multi_index(places, sizes) if table.num_rows else np.zeros(0, np.int64)
    lines = np.bincount(cell, minlength=int(np.prod(sizes)))
    if (lines != 1).any():
        wrong = int(np.flatnonzero(lines != 1)[0])
        where = [int(place) for place in np.unravel_index(wrong, sizes)]
        levels = [f"{name} {levels[place]}" for (name, levels), place in zip(strata.items(), where[1:], strict=True)]
        raise InputRefused(
            f"the table of inhabitants has {lines[wrong]} lines for {', '.join([labels[where[0]], *levels])}.",
            mend="Write each cell of each period once, 0 where nobody lives.",
        )
    persons = np.zeros(sizes)
    persons.ravel()[cell] = _numbers(table[PERSONS])
    first, after = np.array([_days(label, told[0]) for label in labels], np.int64).reshape(-1, 2).T
    return Inhabitants(first, after, strata, persons)


def _texts(column: pa.ChunkedArray, name: str) -> list[str]:
    if column.null_count:
        raise InputRefused(f"the table of inhabitants has an empty cell in {name!r}.", mend="Fill it in.")
    return [str(text).strip() for text in column.cast(pa.string()).to_pylist()]


def _numbered(texts: Sequence[str], levels: Sequence[str]) -> tuple[Sequence[str], Int64s]:
    place = {level: number for number, level in enumerate(levels)}
    return levels, np.array([place[text] for text in texts], np.int64)


def _levels(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    if name != AGE:
        return tuple(sorted(set(texts)))
    groups = sorted({age_group(text): text for text in texts}.items())
    if len(groups) < len(set(texts)) or any(one.meets(other) for (one, _), (other, _) in pairwise(groups)):
        raise InputRefused("the table of inhabitants has age groups that overlap.", mend="Give each age one group.")
    return tuple(text for _, text in groups)


def _numbers(column: pa.ChunkedArray) -> Floats:
    try:
        persons = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowException:
        persons = np.full(len(column), np.nan)
    if not (np.isfinite(persons) & (persons >= 0)).all():
        raise InputRefused("the table of inhabitants has no number in persons, or a negative one.", mend="Mend it.")
    return persons


def _days(label: str, step: str) -> tuple[int, int]:
    found = _PERIOD.fullmatch(label)
    if found is None or (found[2] is not None) != (step == "quarter") or (found[3] is not None) != (step == "month"):
        raise InputRefused(
            f"the table of inhabitants has a {step} that is not written as {_WRITTEN[step]}.", mend="Mend the column."
        )
    year, months = int(found[1]), {"year": 12, "quarter": 3, "month": 1}[step]
    month = 3 * int(found[2]) - 3 if found[2] else int(found[3] or 1) - 1
    later = month + months
    return day_number(date(year, month + 1, 1)), day_number(date(year + later // 12, later % 12 + 1, 1))
