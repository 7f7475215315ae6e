"""Lines by class: counts, and curves and quantiles that are formed from open counts of their own cell alone.

Whatever is printed here can be computed from the counts that are printed beside it, so it tells nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from linkage_core.class_table import ENDLESS, ClassKind, ClassTable, Ended, PersonClass
from linkage_core.counted_table import Line, Statistic
from linkage_core.disclosure.cell_system import Flags, Floats, Ints
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.rate_lines import Limited
from linkage_core.intervals import interval_of
from linkage_core.survival import Ending
from linkage_core.survival.kaplan_meier import Estimate
from linkage_core.survival.life_table import Span, Steps, falls_below, incidence, steps_of, survival

_ANY = {ClassKind.TIMES: "ended=any", ClassKind.VALUES: "value=any", ClassKind.PATHS: "path=any"}
_ENDING = {Ended.EVENT: Ending.EVENT, Ended.COMPETING: Ending.COMPETING, Ended.CENSORED: Ending.CENSORED}


@dataclass(frozen=True, slots=True)
class ClassCells:
    """Counts of one class table and what became of them.

    Args:
        numbers: cells x (classes + total): cell numbers.
        counts: int64, the same shape.
        blank, small, company: bool, the same shape, as of person cells.
    """

    numbers: Ints
    counts: Ints
    blank: Flags
    small: Flags
    company: Flags


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One line over all its cells.

    Args:
        line: its words.
        numbers: numerator, denominator (NaN for none) and value with limits.
        closed, small, company: a count that it is formed from is blank; by itself; by company secrecy.
    """

    line: Line
    numerator: Floats
    denominator: Floats
    limited: Limited
    closed: Flags
    small: Flags
    company: Flags


def class_lines(told: ClassTable, cells: ClassCells, *, fewest: int) -> Iterator[ClassLine]:
    """All lines of a class table.

    Args:
        fewest: persons of whom a quantile is told, at least.
    """
    yield _count(told, cells, len(told.classes), _ANY[told.kind])
    for place, one in enumerate(told.classes):
        yield _count(told, cells, place, one.words)
    derived = {
        ClassKind.TIMES: lambda: _of_times(told, cells, fewest),
        ClassKind.VALUES: lambda: _quantiles(told, cells, fewest),
        ClassKind.PATHS: lambda: _shares(told, cells),
    }
    yield from derived[told.kind]()


def _line(told: ClassTable, statistic: Statistic, *words: str) -> Line:
    return Line(
        indicator=told.indicator,
        parameters=";".join(part for part in (told.parameters, *words) if part),
        statistic=statistic,
        dimensions=told.dimensions,
        numerator_key=told.persons_key,
        incomplete=told.incomplete,
    )


def _count(told: ClassTable, cells: ClassCells, place: int, words: str) -> ClassLine:
    counts = cells.counts[:, place].astype(np.float64)
    none = np.full(len(counts), nan)
    line, limited = _line(told, Statistic.PERSONS, words), Limited(counts, none, none)
    blank, small, company = (np.asarray(part[:, place]) for part in (cells.blank, cells.small, cells.company))
    return ClassLine(line, counts, none, limited, blank, small, company)


def _shares(told: ClassTable, cells: ClassCells) -> Iterator[ClassLine]:
    of = cells.counts[:, -1].astype(np.float64)
    none = np.full(len(of), nan)
    for place, one in enumerate(told.classes):
        counts = cells.counts[:, place].astype(np.float64)
        value = np.divide(counts, of, out=none.copy(), where=of > 0)
        pair = [place, len(told.classes)]
        limited = Limited(value, *interval_of(told.limits_of, counts, of))
        line = _line(told, Statistic.SHARE, one.words)
        closed, small, company = (
            np.asarray(part[:, pair].any(axis=1), np.bool_) for part in (cells.blank, cells.small, cells.company)
        )
        yield ClassLine(line, counts, of, limited, closed, small, company)


class _Collected:
    """Cells of lines that are formed one by one; a line that no cell has is not there."""

    def __init__(self, told: ClassTable, cells: ClassCells) -> None:
        self._told, self._cells = told, cells
        self._columns: dict[Line, Floats] = {}

    def put(
        self, cell: int, statistic: Statistic, words: str, estimate: Sequence[float], counted: Sequence[float]
    ) -> None:
        """Put in one number: value with limits, numerator and denominator."""
        line = _line(self._told, statistic, words)
        self.expect(statistic, words)
        self._columns[line][:, cell] = (*estimate, *counted, 0.0)

    def expect(self, statistic: Statistic, words: str) -> None:
        """Every cell has such a line; it is closed unless a number is put in."""
        columns = np.full((6, len(self._cells.counts)), nan)
        columns[-1] = 1.0
        self._columns.setdefault(_line(self._told, statistic, words), columns)

    def lines(self) -> Iterator[ClassLine]:
        """Those that were expected, in their order."""
        small, company = ((part & self._cells.blank).any(axis=1) for part in (self._cells.small, self._cells.company))
        for line, (value, lower, upper, numerator, denominator, closed) in self._columns.items():
            shut = closed > 0
            yield ClassLine(
                line, numerator, denominator, Limited(value, lower, upper), shut, shut & small, shut & company
            )


def _of_times(told: ClassTable, cells: ClassCells, fewest: int) -> Iterator[ClassLine]:
    found = _Collected(told, cells)
    last_days = {ended: [int(one.upper) for one in told.classes if one.ended is ended] for ended in _ENDING}
    if "km" in told.statistics:
        for day in last_days[Ended.EVENT]:
            found.expect(Statistic.SURVIVAL, f"at_day={day}")
    asked = []
    if "cif" in told.statistics and (last_days[Ended.COMPETING] or not told.competes):
        asked = [(Ended.EVENT, told.event), *([(Ended.COMPETING, "died")] if told.competes else [])]
    for ended, word in asked:
        for day in last_days[ended]:
            found.expect(Statistic.CUMULATIVE_INCIDENCE, f"measure={word};at_day={day}")
    if "median" in told.statistics:
        found.expect(Statistic.QUANTILE, "quantile=0.5")
    for cell in np.flatnonzero(~cells.blank[:, -1]).tolist():
        _tell_times(told, cells, cell, asked, found)
        if "median" in told.statistics and cells.counts[cell, -1] >= fewest:
            _tell_median(told, cells, cell, found)
    yield from found.lines()


def _tell_times(
    told: ClassTable, cells: ClassCells, cell: int, asked: Sequence[tuple[Ended, str]], found: _Collected
) -> None:
    """The curves of one cell, as far as counts are open."""
    persons, hidden = int(cells.counts[cell, -1]), np.flatnonzero(cells.blank[cell, :-1]).tolist()
    spans, known_until = _spans(told.classes, cells.counts[cell], hidden)
    competing_known = all(told.classes[place].ended is Ended.CENSORED for place in hidden) or not told.competes

    def known(steps: Steps) -> Iterator[tuple[int, int]]:
        return ((place, last) for place, last in enumerate(steps.last) if last <= known_until)

    alone = steps_of(persons, spans, of=Ending.EVENT, competing=False)
    curve = survival(alone, limits_of="log" if told.limits_of == "log" else "log-log")
    if "km" in told.statistics:
        for place, last in known(alone):
            numbers = _limits(curve[place])
            counted = (alone.ended[place], alone.at_risk[place])
            found.put(cell, Statistic.SURVIVAL, f"at_day={last}", numbers, counted)
    for ended, word in asked:
        steps = steps_of(persons, spans, of=_ENDING[ended], competing=told.competes)
        estimates, until = incidence(steps), np.cumsum(steps.ended)
        # Who left and who died may not be told apart among those that are hidden.
        first_hidden = min((told.classes[place].lower for place in hidden), default=np.inf)
        for place, last in known(steps):
            if competing_known or last < first_hidden:
                numbers = _limits(estimates[place])
                words = f"measure={word};at_day={last}"
                found.put(cell, Statistic.CUMULATIVE_INCIDENCE, words, numbers, (until[place], persons))


def _tell_median(told: ClassTable, cells: ClassCells, cell: int, found: _Collected) -> None:
    """The day on which the curve of one cell falls below a half, and the interval that it lies in."""
    persons, hidden = int(cells.counts[cell, -1]), np.flatnonzero(cells.blank[cell, :-1]).tolist()
    spans, known_until = _spans(told.classes, cells.counts[cell], hidden)
    alone = steps_of(persons, spans, of=Ending.EVENT, competing=False)
    places = [place for place, last in enumerate(alone.last) if last <= known_until]
    curve = [one.value for one in survival(alone, limits_of="log")][: len(places)]
    median = falls_below(alone, curve, 0.5)
    if median is not None or len(places) == len(alone.last):
        found.put(cell, Statistic.QUANTILE, "quantile=0.5", median or (nan, nan, nan), (nan, persons))


def _limits(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.lower, estimate.upper


def _spans(classes: Sequence[PersonClass], counts: Ints, hidden: Sequence[int]) -> tuple[list[Span], float]:
    """Intervals of a cell and the last day up to which they are known.

    Hidden classes of who left or died are known together: all others are open, and so are all persons. They are taken
    in proportion to days.
    """
    rest = float(counts[-1] - sum(int(counts[place]) for place in range(len(classes)) if place not in hidden))
    leaving = [place for place in hidden if classes[place].ended in (Ended.CENSORED, Ended.COMPETING)]
    days = sum(classes[place].upper - classes[place].lower + 1 for place in leaving)
    known_until = np.inf
    if len(leaving) < len(hidden):
        known_until = min(classes[place].lower for place in hidden) - 1
    spans = []
    for place, one in enumerate(classes):
        if one.ended is Ended.STILL_FOLLOWED:
            continue
        persons = float(counts[place])
        if place in hidden:
            persons = rest * (one.upper - one.lower + 1) / days if known_until == np.inf else 0.0
        spans.append(Span(_ENDING[one.ended], int(one.lower), int(one.upper), persons))
    return spans, known_until


def _quantiles(told: ClassTable, cells: ClassCells, fewest: int) -> Iterator[ClassLine]:
    found = _Collected(told, cells)
    for name in told.statistics:
        share = 0.5 if name == "median" else float(name.partition(":")[2])
        words = f"quantile={share:g}"
        found.expect(Statistic.QUANTILE, words)
        for cell in np.flatnonzero(~cells.blank[:, -1]).tolist():
            persons = int(cells.counts[cell, -1])
            place = _bin_of(share, cells.counts[cell, :-1], cells.blank[cell, :-1])
            if place is None or persons < fewest:
                continue
            one, before = told.classes[place], int(cells.counts[cell, :place].sum())
            within = (share * persons - before) / int(cells.counts[cell, place])
            ends = [nan if abs(end) == ENDLESS else end for end in (one.lower, one.upper)]
            value = one.lower + within * (one.upper - one.lower) if not np.isnan(ends).any() else nan
            found.put(cell, Statistic.QUANTILE, words, (value, *ends), (nan, persons))
    yield from found.lines()


def _bin_of(share: float, counts: Ints, blank: Flags) -> int | None:
    """The bin in which a quantile lies, if it is open and all bins on one side of it are."""
    place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    if place >= len(counts) or blank[place] or (blank[:place].any() and blank[place + 1 :].any()):
        return None
    return place


def class_cells(cells: Numbered, numbers: Ints, blank: Flags, small: Flags, company: Flags) -> ClassCells:
    """Counts of one class table, from the flags of all person cells.

    Args:
        numbers: cell numbers over strata and classes, margins last.
    """
    own = numbers.reshape(-1, numbers.shape[-1])
    return ClassCells(own, cells.values[own], blank[own], small[own], company[own])
