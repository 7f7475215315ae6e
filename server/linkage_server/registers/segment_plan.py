"""What the segments of a load will be like, from what its runs say: ranges of partitions, types, counts of nulls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage_core.narrow_columns import base_of, narrow
from linkage_server.registers.load_columns import ColumnKind
from linkage_server.registers.load_runs import PARTITIONS, Counts, Run, StreamKey
from linkage_server.registers.segment_layout import StoredColumn

MOST_ROWS = 1 << 28
"""Rows of a segment: few segments make quick orders, and a write that is interrupted starts over by the segment."""
MOST_ELEMENTS = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """One segment before it is written.

    Attributes:
        first, last: partitions [first, last).
        counts: rows of every partition of the load.
        kinds: of the columns.
        columns: as they will be stored.
        widths, bases: bytes of a stored value, and what was taken off it.
        date_number: the column that sorts a person's rows; None for a register without dates.
    """

    first: int
    last: int
    counts: Counts
    kinds: Sequence[ColumnKind]
    columns: Sequence[StoredColumn]
    widths: Sequence[int]
    bases: Sequence[int]
    date_number: int | None

    @property
    def rows(self) -> int:
        """Rows of the segment."""
        return int(self.counts[self.first : self.last].sum())

    def is_bits(self, key: StreamKey) -> bool:
        """Whether a part of a column is stored in bits."""
        number, part = key
        return part in ("absent", "value_absent") or (
            part == "values" and bool(pa.types.is_boolean(self.kinds[number].value_type))
        )


def plan_segments(
    kinds: Sequence[ColumnKind], runs: Sequence[Run], texts: dict[int, pa.StringArray], *, date_column: str | None
) -> Iterator[SegmentPlan]:
    """The segments of a load, by ascending range of ids; the same for the same rows, whatever the runs.

    Args:
        kinds: of the columns.
        runs: all of the load.
        texts: of each column of texts, over all runs.
        date_column: sorts the rows of a person.
    """
    counts = _sum(run.counts for run in runs)
    facts = [_of_all_runs(runs, number) for number in range(len(kinds))]
    fields = [
        _stored_field(kind, fact, texts.get(number))
        for number, (kind, fact) in enumerate(zip(kinds, facts, strict=True))
    ]
    names = [kind.field.name for kind in kinds]
    for first, last in _ranges(counts, [fact.elements for fact in facts]):
        here = slice(first, last)
        columns = [
            StoredColumn(
                field,
                nulls=int(fact.nulls[here].sum()),
                elements=int(fact.elements[here].sum()),
                element_nulls=int(fact.element_nulls[here].sum()),
                texts=texts.get(number),
            )
            for number, (field, fact) in enumerate(zip(fields, facts, strict=True))
        ]
        yield SegmentPlan(
            first,
            last,
            counts,
            kinds,
            columns,
            widths=[_width(field.type) for field in fields],
            bases=[base_of(field) for field in fields],
            date_number=None if date_column is None else names.index(date_column),
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a column over all runs; counts by partition."""

    least: int | None
    most: int | None
    nulls: Counts
    elements: Counts
    element_nulls: Counts


def _of_all_runs(runs: Sequence[Run], number: int) -> _Facts:
    facts = [run.facts[number] for run in runs]
    return _Facts(
        least=min((fact.least for fact in facts if fact.least is not None), default=None),
        most=max((fact.most for fact in facts if fact.most is not None), default=None),
        nulls=_sum(fact.nulls for fact in facts),
        elements=_sum(fact.elements for fact in facts),
        element_nulls=_sum(fact.element_nulls for fact in facts),
    )


def _sum(counts: Iterator[Counts | None]) -> Counts:
    total = np.zeros(PARTITIONS, np.int64)
    for count in counts:
        if count is not None:
            total += count
    return total


def _stored_field(kind: ColumnKind, facts: _Facts, texts: pa.StringArray | None) -> pa.Field:
    """The field of a column in its narrowest type: that of a column of its extremes only."""
    field = kind.field.with_type(kind.final_type)
    if texts is not None:
        codes = pa.DictionaryArray.from_arrays(pa.array([], pa.uint32()), texts)
        sample = pa.ListArray.from_arrays(pa.array([0], pa.int32()), codes) if kind.is_list else codes
    elif kind.is_list or kind.is_word or pa.types.is_boolean(kind.value_type):
        return field
    elif facts.least is None:
        sample = pa.nulls(1, kind.value_type)
    else:
        extremes = pa.array([facts.least, facts.most], _number_type(kind.value_type))
        sample = extremes.view(kind.value_type)
    return narrow(sample, field)[1]


def _number_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return kind
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _width(kind: pa.DataType) -> int:
    """Bytes of a stored value; a truth value takes one until it is packed."""
    if pa.types.is_list(kind):
        return _width(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _width(kind.index_type)
    return max(1, int(kind.bit_width) // 8)


def _ranges(counts: Counts, elements: Sequence[Counts]) -> Iterator[tuple[int, int]]:
    """Ranges of partitions that a segment can hold; as few as possible."""
    limited = [(counts, MOST_ROWS), *((one, MOST_ELEMENTS) for one in elements if one.any())]
    before = [(np.concatenate(([0], np.cumsum(one))), most) for one, most in limited]
    first = 0
    while first < PARTITIONS:
        # As many as every limit allows, and one in any case.
        ends = (int(np.searchsorted(total, total[first] + most, side="right")) - 1 for total, most in before)
        last = max(first + 1, min(ends))
        if counts[first:last].any():
            yield first, last
        first = last
