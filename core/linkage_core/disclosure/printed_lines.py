"""What a reader gets to see: a number only where everything it is computed from is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.released_table import NUMBER_COLUMNS, TIME_STRATA, TOTAL, LineStatus, ReleasedDimension, schema_of
from linkage_core.counted_table import DAYS_A_YEAR, CountedTable, Dimension, Line, RateLine, Statistic
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.class_cells import class_cube
from linkage_core.disclosure.class_lines import class_cells, class_lines
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.rate_lines import Cells, Limited, crude_rate, rate_numbers
from linkage_core.intervals import interval_of

PROTECTED = "small_cell_protection"
"""The one reason of all suppressed lines: a reader must not tell small cells from those kept back for their sake."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Cells and what became of them.

    Args:
        persons: person cells.
        small: sensitive person cells.
        blank_persons: person cells a reader must not learn.
        sums: sum cells.
        few: sensitive sum cells.
        blank_sums: sum cells a reader must not learn.
        scales: units per whole of each sum.
        company_persons, company_sums: person and sum cells that tell what one company sells.
        fewest_for_quantiles: persons of whom a quantile is told, at least.
    """

    persons: Numbered
    small: Flags
    blank_persons: Flags
    sums: Numbered
    few: Flags
    blank_sums: Flags
    scales: dict[str, int]
    company_persons: Flags
    company_sums: Flags
    fewest_for_quantiles: int = 0


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a block of lines: its values, which are blank, which are sensitive by themselves, and which of
    these by company secrecy.
    """

    name: str
    values: Floats
    blank: Flags
    sensitive: Flags
    company: Flags

    def rule(self, cell: int) -> str:
        """Why a blank cell is blank, for officers."""
        if self.company[cell]:
            return "company_secrecy"
        return "small_cell" if self.sensitive[cell] else "protects_small_cell"


@dataclass(slots=True)
class _Block:
    """One line over all its cells."""

    line: Line
    cells: int
    inputs: dict[str, Input]
    people: Floats | None = None
    limited: Limited | None = None

    def value(self, name: str) -> Floats:
        return self.inputs[name].values if name in self.inputs else np.full(self.cells, np.nan)

    @property
    def closed(self) -> Flags:
        closed = np.zeros(self.cells, dtype=np.bool_)
        for one in self.inputs.values():
            closed |= one.blank
        return closed


def printed_table(
    table: CountedTable, dimensions: tuple[Dimension, ...], numbers: Numbers
) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """Return the released layout, and (row, rule, input) of each blank input for officers.

    Lines come in the order of `table.lines`, their cells in the order of levels, totals last. A cell that several
    lines of one statistic share (common margins of two crossings) is printed once, where it comes first.
    """
    schema = schema_of([ReleasedDimension(d.name, d.levels, d.multi_response) for d in dimensions])
    parts: list[pa.Table] = []
    why: list[tuple[int, str, str]] = []
    seen: set[tuple[str, ...]] = set()
    rows = 0
    for block in _blocks(table, numbers):
        words = _words(block.line, dimensions, block.cells)
        keys = list(zip(*words.values(), strict=True))
        fresh = np.array([key not in seen for key in keys], dtype=np.bool_)
        seen.update(keys)
        columns = {**words, **_numbers_of(block)}
        part = pa.table({field.name: pa.array(columns[field.name], field.type, from_pandas=True) for field in schema})
        parts.append(part.filter(pa.array(fresh)))
        why += _why(block, fresh, rows)
        rows += int(fresh.sum())
    return pa.concat_tables([schema.empty_table(), *parts]).combine_chunks(), why


def reasons_table(table: CountedTable, numbers: Numbers) -> pa.Table:
    """Why persons had no value: indicator, reason, persons, status."""
    cells = [int(numbers.persons.cube(key, ())) for _, _, key in table.reasons]
    blank = [bool(numbers.blank_persons[cell]) for cell in cells]
    persons = [None if hidden else int(numbers.persons.values[cell]) for cell, hidden in zip(cells, blank, strict=True)]
    return pa.table(
        {
            "indicator": pa.array([indicator for indicator, _, _ in table.reasons], pa.string()),
            "reason": pa.array([reason for _, reason, _ in table.reasons], pa.string()),
            "persons": pa.array(persons, pa.int64()),
            "status": pa.array([(LineStatus.SUPPRESSED if b else LineStatus.OK).value for b in blank], pa.string()),
        }
    )


def officer_table(why: list[tuple[int, str, str]]) -> pa.Table:
    """For officers: row of the table, rule, and which input is blank."""
    return pa.table(
        {
            "row": pa.array([row for row, _, _ in why], pa.int64()),
            "rule": pa.array([rule for _, rule, _ in why], pa.string()),
            "input": pa.array([name for _, _, name in why], pa.string()),
        }
    )


def _blocks(table: CountedTable, numbers: Numbers) -> Iterator[_Block]:
    for line in table.lines:
        yield _block(line, numbers, table)
    for rate in table.rates:
        yield _rate_block(rate, numbers, table)
    yield from _class_blocks(numbers, table)


def _class_blocks(numbers: Numbers, table: CountedTable) -> Iterator[_Block]:
    for told in table.classes:
        places = class_cube(numbers.persons, told)
        cells = class_cells(numbers.persons, places, numbers.blank_persons, numbers.small, numbers.company_persons)
        for found in class_lines(told, cells, fewest=numbers.fewest_for_quantiles):
            flags = (found.closed, found.small, found.company)
            inputs = {"numerator": Input("numerator", found.numerator, *flags)}
            if not np.isnan(found.denominator).all():
                inputs["denominator"] = Input("denominator", np.rint(found.denominator), *flags)
            yield _Block(found.line, len(found.numerator), inputs, limited=found.limited)


def _rate_block(rate: RateLine, numbers: Numbers, table: CountedTable) -> _Block:
    line = rate.line
    if line.numerator_key:
        cells = Cells(numbers.persons, 1, numbers.blank_persons, numbers.small, numbers.company_persons)
    else:
        scale = numbers.scales[line.sum_key]
        cells = Cells(numbers.sums, scale, numbers.blank_sums, numbers.few, numbers.company_sums)
    found = rate_numbers(rate, cells, table)
    flags = (part.ravel() for part in (found.closed, found.small, found.company))
    counts = Input("numerator", found.counted.ravel(), *flags)
    limited = Limited(*(part.ravel() for part in found.rate))
    return _Block(line, counts.values.size, {"numerator": counts}, found.people.ravel(), limited)


def _block(line: Line, numbers: Numbers, table: CountedTable) -> _Block:
    inputs: dict[str, Input] = {}
    for name, key in (("numerator", line.numerator_key), ("denominator", line.denominator_key)):
        if key:
            cells = numbers.persons.cube(key, line.dimensions).ravel()
            values = numbers.persons.values[cells].astype(np.float64)
            blank, small = numbers.blank_persons[cells], numbers.small[cells]
            inputs[name] = Input(name, values, blank, small, numbers.company_persons[cells])
    for name, key in (("sum", line.sum_key), ("person_time", line.person_time_key)):
        if key:
            cells = numbers.sums.cube(key, line.dimensions).ravel()
            values = numbers.sums.values[cells] / numbers.scales[key]
            blank, few = numbers.blank_sums[cells], numbers.few[cells]
            inputs[name] = Input(name, values, blank, few, numbers.company_sums[cells])
    block = _Block(line, next(iter(inputs.values())).values.size, inputs)
    if line.inhabitants_key:
        block.people = table.inhabitants(line.inhabitants_key, line.dimensions).ravel()
    return block


def _words(line: Line, dimensions: tuple[Dimension, ...], cells: int) -> dict[str, list[str]]:
    by_name = {dimension.name: [*dimension.levels, TOTAL] for dimension in dimensions}
    places = np.indices([len(by_name[name]) for name in line.dimensions]).reshape(len(line.dimensions), cells)
    codes = {
        name: [by_name[name][i] for i in place.tolist()] for name, place in zip(line.dimensions, places, strict=True)
    }
    if line.period[0]:
        codes[line.period[0]] = [line.period[1]] * cells
    strata = {dimension.name: codes.get(dimension.name, [TOTAL] * cells) for dimension in dimensions}
    # The same for every line that holds the cell: a month is that month also in a crossing with years of the index day.
    times = [codes[name] for name in TIME_STRATA if name in codes]
    period = [next((code for code in cell if code != TOTAL), TOTAL) for cell in zip(*times, strict=True)]
    return {
        "indicator": [line.indicator] * cells,
        "parameters": [line.parameters] * cells,
        "period": period or [TOTAL] * cells,
        **strata,
        "statistic": [line.statistic.value] * cells,
    }


def _numbers_of(block: _Block) -> dict[str, object]:
    """Number columns, status and reason of a block; NaN becomes null."""
    line, closed = block.line, block.closed
    value, lower, upper = _values(block)
    person_years = block.value("person_time") / DAYS_A_YEAR
    numbers = {
        "value": value,
        "lower": lower,
        "upper": upper,
        "numerator": block.value("sum" if _divides_a_sum(block) else "numerator"),
        "denominator": block.value("denominator"),
        "person_time": person_years,
    }
    open_status = LineStatus.INCOMPLETE if line.incomplete else LineStatus.OK
    status = np.where(closed, LineStatus.SUPPRESSED.value, open_status.value).astype(object)
    status[~closed & np.isnan(value)] = LineStatus.UNDEFINED.value
    if block.people is not None:
        # Mean populations need not be whole; what is divided by is the number itself.
        numbers |= {"denominator": np.rint(block.people), "person_time": block.people * line.days / DAYS_A_YEAR}
    columns: dict[str, object] = {name: np.where(closed, np.nan, numbers[name]) for name in NUMBER_COLUMNS}
    return {**columns, "status": status, "reason": np.where(closed, PROTECTED, "").astype(object)}


def _values(block: _Block) -> tuple[Floats, Floats, Floats]:
    """Value and interval of each cell; NaN where there is nobody to count over."""
    line = block.line
    if block.limited is not None:
        return block.limited
    if block.people is not None:
        counted = block.value("numerator" if line.numerator_key else "sum")
        return crude_rate(line, counted, block.people)
    numerator, denominator = block.value("numerator"), block.value("denominator")
    none = np.full(block.cells, np.nan)
    if line.statistic is Statistic.PERSONS:
        return numerator, none, none
    if line.statistic is Statistic.SUM:
        return block.value("sum"), none, none
    base, factor = denominator, 1.0
    if line.statistic is Statistic.MEAN:
        numerator = block.value("sum")
    elif line.statistic is Statistic.RATE_PER_1000_PERSON_YEARS:
        numerator = block.value("sum") if line.sum_key else numerator
        base, factor = block.value("person_time") / DAYS_A_YEAR, 1000.0
    elif line.statistic is Statistic.PER_1000:
        factor = 1000.0
    some = base > 0
    value = np.divide(numerator, base, out=none.copy(), where=some) * factor
    if not line.interval:
        return value, none, none
    lower, upper = none.copy(), none.copy()
    lower[some], upper[some] = interval_of(line.interval, numerator[some], base[some])
    return value, lower * factor, upper * factor


def _divides_a_sum(block: _Block) -> bool:
    if block.people is not None:
        return "sum" in block.inputs
    rates = (Statistic.MEAN, Statistic.RATE_PER_1000_PERSON_YEARS)
    return block.line.statistic in rates and bool(block.line.sum_key)


def _why(block: _Block, fresh: Flags, first_row: int) -> list[tuple[int, str, str]]:
    rows = first_row + np.cumsum(fresh) - 1
    return [
        (int(rows[cell]), one.rule(cell), one.name)
        for one in block.inputs.values()
        for cell in np.flatnonzero(one.blank & fresh).tolist()
    ]
