"""Some neighbouring partitions of a load, brought together from all runs and sorted by (id, date, order of arrival)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage_core.events import NO_DATE, Int32s, UInt64s
from linkage_core.kernels.collect_rows import arrange, arrange_lists, collect, persons_in_order
from linkage_core.kernels.hashed_id_sort import sort_order
from linkage_server.registers.load_runs import HIGH, LOW, StreamKey
from linkage_server.registers.partition_window import PartitionWindow, StoredRuns
from linkage_server.registers.segment_plan import SegmentPlan

Words = npt.NDArray[Any]
_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(slots=True)
class SortedPartition:
    """Sorted rows.

    Attributes:
        rows: how many.
        keys_hi, keys_lo: ids of their persons, ascending.
        starts: first row of each person, from 0.
        columns: by column and part, as stored; flags as a byte each, and 1 where a value is present.
        first_day, last_day: of rows with a date.
    """

    rows: int
    keys_hi: UInt64s
    keys_lo: UInt64s
    starts: npt.NDArray[np.uint32]
    columns: dict[StreamKey, Words] = field(default_factory=dict)
    first_day: int | None = None
    last_day: int | None = None


def sort_partitions(plan: SegmentPlan, runs: StoredRuns, first: int, last: int) -> SortedPartition:
    """The rows of partitions [first, last) of all runs, sorted and as stored."""
    rows = int(plan.counts[first:last].sum())
    window = PartitionWindow(runs, first, last)
    high = _collected(window, HIGH, np.empty(rows, np.uint64))
    low = _collected(window, LOW, np.empty(rows, np.uint64))
    days = _days(plan, window, rows)
    order = sort_order(high, low, days)
    keys_hi, keys_lo, starts = np.empty(rows, np.uint64), np.empty(rows, np.uint64), np.empty(rows, np.uint32)
    persons = persons_in_order(high, low, order, keys_hi, keys_lo, starts)
    found = SortedPartition(rows, keys_hi[:persons].copy(), keys_lo[:persons].copy(), starts[:persons].copy())
    dated = days[days != NO_DATE] if plan.date_number is not None else days[:0]
    if len(dated):
        found.first_day, found.last_day = int(dated.min()), int(dated.max())
    for number in range(len(plan.columns)):
        _add_column(found, plan, window, number, order)
    return found


def _days(plan: SegmentPlan, window: PartitionWindow, rows: int) -> Int32s:
    """Dates to sort by; a row without one comes last."""
    if plan.date_number is None:
        return np.zeros(rows, np.int32)
    days = _collected(window, (plan.date_number, "values"), np.empty(rows, np.uint32)).view(np.int32)
    absent = _flags(window, (plan.date_number, "absent"), rows)
    if absent is not None:
        days[absent.view(np.bool_)] = NO_DATE
    return days


def _add_column(
    found: SortedPartition,
    plan: SegmentPlan,
    window: PartitionWindow,
    number: int,
    order: npt.NDArray[np.uint32],
) -> None:
    column, rows = plan.columns[number], found.rows
    if column.nulls:
        absent = _flags(window, (number, "absent"), rows)
        present = np.ones(rows, np.uint8) if absent is None else _arranged(absent ^ 1, order)
        found.columns[number, "absent"] = present
    width, base = plan.widths[number], plan.bases[number]
    if not plan.kinds[number].is_list:
        values = _collected(window, (number, "values"), np.empty(rows, _WORDS[width]), base=base)
        found.columns[number, "values"] = _arranged(values, order)
        return
    lengths = _collected(window, (number, "lengths"), np.empty(rows, np.uint32))
    starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64)
    found.columns[number, "lengths"] = _arranged(lengths, order)
    elements = int(starts[-1])
    if column.element_nulls:
        missing = _flags(window, (number, "value_absent"), elements)
        flags = np.ones(elements, np.uint8) if missing is None else missing ^ 1
        found.columns[number, "value_absent"] = _arranged_lists(flags, starts, order)
    values = _collected(window, (number, "values"), np.empty(elements, _WORDS[width]), base=base)
    found.columns[number, "values"] = _arranged_lists(values, starts, order)


def _collected(window: PartitionWindow, key: StreamKey, target: Words, *, base: int = 0) -> Words:
    collect(window.pieces(key, base=base), target)
    return target


def _flags(window: PartitionWindow, key: StreamKey, rows: int) -> npt.NDArray[np.uint8] | None:
    """1 where a value is absent; None where none is."""
    return _collected(window, key, np.empty(rows, np.uint8)) if window.holds(key) else None


def _arranged(values: Words, order: npt.NDArray[np.uint32]) -> Words:
    target = np.empty_like(values)
    arrange(values, order, target)
    return target


def _arranged_lists(values: Words, starts: npt.NDArray[np.int64], order: npt.NDArray[np.uint32]) -> Words:
    target = np.empty_like(values)
    arrange_lists(values, starts, order, target)
    return target
