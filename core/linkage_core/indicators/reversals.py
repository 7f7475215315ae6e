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
    if not len(reversed_rows):
        return NettedRows(quantity, reversed_rows, None)
    if rule == "none":
        return NettedRows(np.abs(quantity), reversed_rows, None)
    if rule == "drop_negative":
        return NettedRows(np.maximum(quantity, 0), reversed_rows, None)
    left = np.empty(dispensings.rows, np.int32)
    net_reversals(
        dispensings.offsets,
        dispensings.day,
        quantity,
        [_numbers(dispensings, name) for name in ("atc", *PRODUCT_COLUMNS) if dispensings.has(name)],
        [_ordered(dispensings, name, reversed_rows) for name in _ORDERS_EQUALS if dispensings.has(name)],
        reversed_rows,
        left,
        by_row_order=rule == "net_latest",
    )
    matched = left[reversed_rows] == 0
    left[reversed_rows] = 0
    return NettedRows(left, reversed_rows, matched)


def _numbers(dispensings: Dispensings, concept: str) -> Int32s:
    """int32, one a row: equal where the values of a column are; a missing text is its own, a missing number is 0."""
    if not pa.types.is_integer(dispensings.column(concept).type):
        return dispensings.codes(concept).code
    numbers, _ = dispensings.numbers(concept)
    if numbers.dtype == np.int32:
        return np.asarray(numbers, np.int32)
    if not len(numbers) or max(-int(numbers.min()), int(numbers.max())) <= _INT32_MAX:
        return numbers.astype(np.int32)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int32)


def _ordered(dispensings: Dispensings, concept: str, reversed_rows: Int64s) -> tuple[Int32s, Int32s | None]:
    """Numbers of rows that order equals by what a column says, so that their own order has no say.

    Where the numbers do not say it themselves: the place of each from -1 on.
    """
    column = dispensings.column(concept)
    if pa.types.is_integer(column.type):
        return _numbers(dispensings, concept), None
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        codes = dispensings.codes(concept)
        return codes.code, _places(["", *codes.texts])
    rows = _rows_of_persons(dispensings, reversed_rows)
    lists = column.take(pa.array(rows))
    joined = pc.binary_join(lists.cast(pa.list_(pa.string())), ",").dictionary_encode()
    code = np.full(dispensings.rows, -1, np.int32)
    code[rows] = joined.indices.fill_null(-1)
    return code, _places(["", *(text or "" for text in joined.dictionary.to_pylist())])


def _places(texts: list[str]) -> Int32s:
    return np.argsort(np.argsort(np.array(texts))).astype(np.int32)


def _rows_of_persons(dispensings: Dispensings, rows: Int64s) -> Int64s:
    """All rows of the persons whom some rows belong to: few persons have a reversed row."""
    persons = np.unique(dispensings.person_at(rows))
    first, counts = dispensings.offsets[persons], np.diff(dispensings.offsets)[persons]
    before = np.concatenate(([0], np.cumsum(counts)))
    return np.repeat(first - before[:-1], counts) + np.arange(before[-1])
