"""Nets reversed rows (corrections with negative packages) and tells what was netted.

Dropping the negative row keeps the dispensing that it cancels; summing is right for money and amounts only. See
indicators.md section 5 and tests/spec/indicators/test_reversals.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.indicator_kinds import Reversals
from linkage.indicator_kinds.register_columns import PRODUCT_COLUMNS
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.values import Bools, Int32s, Int64s
from linkage_core.kernels.net_reversals import net_reversals

_ORDERS_EQUALS = ("days_supply", "dosage_text", "daily_dose", "prescribing_reason")
"""What may tell rows of one product, day and quantity apart: else their order would decide which of them is left."""

_INT32_MAX = int(np.iinfo(np.int32).max)
_MARKED_A_NUMBER = 4


@dataclass(frozen=True, slots=True)
class NettedRows:
    """What each row still has.

    Args:
        left: int32, one a row, hundredths of a package; 0 for reversed and cancelled rows.
        reversed_at: positions of rows with negative packages, ascending.
        matched: bool, one a reversed row: it found all that it cancels; None where the rule does not look for it.
    """

    left: Int32s
    reversed_at: Int64s
    matched: Bools | None

    @property
    def reversed_rows(self) -> int:
        """Rows with negative packages."""
        return len(self.reversed_at)

    @property
    def netted_rows(self) -> int:
        """Of these, rows that found all they cancel."""
        return 0 if self.matched is None else int(self.matched.sum())

    @property
    def unmatched_rows(self) -> int:
        """Of these, rows that did not."""
        return 0 if self.matched is None else int((~self.matched).sum())


def net(dispensings: Dispensings, rule: Reversals) -> NettedRows:
    """Apply a rule for reversed rows.

    `net`: same person and product; exact opposite quantity on the same day, then nearest earlier, then, for what is
    partial, last in, first out. `net_latest`: in row order, from the latest earlier rows that still have packages.
    `drop_negative` forgets reversed rows; `none` takes each for a dispensing.
    """
    quantity = dispensings.quantity
    reversed_rows = np.flatnonzero(quantity < 0)
    if rule == "none":
        return NettedRows(np.abs(quantity), reversed_rows, None)
    if rule == "drop_negative" or not len(reversed_rows):
        return NettedRows(np.maximum(quantity, 0), reversed_rows, None)
    # Few persons have a reversed row, and rows of others keep what they have.
    persons = np.unique(dispensings.person_at(reversed_rows))
    first, counts = dispensings.offsets[persons], np.diff(dispensings.offsets)[persons]
    offsets = np.concatenate(([0], np.cumsum(counts)))
    rows = np.repeat(first - offsets[:-1], counts) + np.arange(offsets[-1])
    netted = np.empty(len(rows), np.int32)
    net_reversals(
        offsets,
        dispensings.day[rows],
        product_of_row(dispensings, rows),
        quantity[rows],
        _tie_breaker(dispensings, rows),
        netted,
        by_row_order=rule == "net_latest",
    )
    left = quantity.copy()
    left[rows] = netted
    matched = left[reversed_rows] == 0
    return NettedRows(np.maximum(left, 0, out=left), reversed_rows, np.asarray(matched, np.bool_))


def product_of_row(dispensings: Dispensings, rows: Int64s) -> Int32s:
    """int32, one of the rows: the same number for the same product, by ATC and whatever else tells products apart."""
    parts = [_numbers(dispensings, concept, rows) for concept in ("atc", *PRODUCT_COLUMNS) if dispensings.has(concept)]
    if not parts or not len(rows):
        return np.zeros(len(rows), np.int32)
    number, most = np.zeros(len(rows), np.int64), 0
    for part in parts:
        smallest = int(part.min())
        size = int(part.max()) - smallest + 1
        if (most + 1) * size > _INT32_MAX:
            # Too many combinations to number them all: number those that there are.
            number, most = _dense(number)
        number, most = number * size + (part - smallest), (most + 1) * size - 1
    if most > _INT32_MAX:
        number, _ = _dense(number)
    return number.astype(np.int32)


def _numbers(dispensings: Dispensings, concept: str, rows: Int64s) -> Int32s:
    """Numbers of rows that are equal where the values of a column are; missing values are one value of their own, 0."""
    column = dispensings.column(concept)
    if not pa.types.is_integer(column.type):
        return dispensings.codes(concept).code[rows] + np.int32(1)
    numbers = dispensings.numbers(concept)[0][rows]
    if len(numbers) and numbers.min() >= -1 and numbers.max() < np.iinfo(np.int32).max:
        return numbers.astype(np.int32) + np.int32(1)
    _, place = np.unique(numbers, return_inverse=True)
    return place.astype(np.int32)


def _tie_breaker(dispensings: Dispensings, rows: Int64s) -> Int32s:
    """Orders rows of one product, day and quantity by what they say, so that their own order has no say."""
    tie = np.zeros(len(rows), np.int64)
    most = 0
    for concept in _ORDERS_EQUALS:
        if dispensings.has(concept):
            numbers = _rank(dispensings, concept, rows)
            size = int(numbers.max(initial=0)) + 1
            if (most + 1) * size > _INT32_MAX:
                tie, most = _dense(tie)
            tie, most = tie * size + numbers, (most + 1) * size - 1
    if most > _INT32_MAX:
        tie, _ = _dense(tie)
    return tie.astype(np.int32)


def _rank(dispensings: Dispensings, concept: str, rows: Int64s) -> Int64s:
    """Numbers of rows in the order of what a column says."""
    column = dispensings.column(concept)
    if pa.types.is_integer(column.type):
        return _numbers(dispensings, concept, rows).astype(np.int64)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lists = column.take(pa.array(rows))
        joined = pc.binary_join(lists.cast(pa.list_(pa.string())), ",").dictionary_encode()
        texts = ["", *(text or "" for text in joined.dictionary.to_pylist())]
        code = np.asarray(joined.indices.fill_null(-1), np.int64) + 1
    else:
        texts = ["", *dispensings.codes(concept).texts]
        code = _numbers(dispensings, concept, rows).astype(np.int64)
    return np.asarray(np.argsort(np.argsort(np.array(texts)))[code], np.int64)


def _dense(numbers: Int64s) -> tuple[Int64s, int]:
    """The same order in numbers from 0 on, and the largest of them; none is negative."""
    most = int(numbers.max(initial=0))
    if most > _MARKED_A_NUMBER * len(numbers):
        distinct, place = np.unique(numbers, return_inverse=True)
        return place.astype(np.int64), max(len(distinct) - 1, 0)
    # Far cheaper than to sort them: mark those that there are, and count the marks.
    marks = np.zeros(most + 1, np.int64)
    marks[numbers] = 1
    place = np.cumsum(marks)
    return place[numbers] - 1, max(int(place[-1]) - 1, 0)
