"""Rows of code sets with eight persons side by side, as kernels read them that ask eight persons at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.set_supply import drugs_of_sets
from linkage_core.indicators.values import Int32s, Int64s
from linkage_core.kernels.rows_side_by_side import SIDE, lay_column, order_persons


@dataclass(frozen=True, slots=True)
class RowsSideBySide:
    """Rows of persons who have about as many rows and drugs, in blocks of `SIDE` persons.

    Args:
        person: int32, blocks x `SIDE`: positions of persons, the last of all in every lane that is left.
        drugs: int32, one a block: the most drugs of one of its persons.
        block_at: int64, blocks + 1: rows of the persons with most before each block.
        day, drug: int32, rows x `SIDE`: day of each row and number of its drug.
    """

    picked: SetRows
    person: Int32s
    drugs: Int32s
    block_at: Int64s
    day: Int32s
    drug: Int32s
    _laid: dict[int, tuple[Int32s, Int32s]] = field(default_factory=dict)

    def laid(self, column: Int32s) -> Int32s:
        """int32, rows x `SIDE`: what a column of the picked rows has in each place, 0 where there is no row.

        Raises:
            EventsRejected: a row is negative.
        """
        if id(column) not in self._laid:
            self._laid[id(column)] = column, _laid(self.picked, self.person, self.block_at, column)
        return self._laid[id(column)][1]


def side_by_side(context: RunContext, register: str, names: Sequence[str]) -> RowsSideBySide:
    """The rows that some code sets pick, laid once for all indicators that read them.

    Raises:
        EventsRejected: rows are out of order.
    """
    return context.remember(
        _key(register, names),
        lambda: lay_rows(context.set_rows(register, *names), drugs_of_sets(context, register, names)),
    )


def is_laid(context: RunContext, register: str, names: Sequence[str]) -> bool:
    """Whether another indicator asked for the rows side by side before."""
    return context.remembers(_key(register, names))


def _key(register: str, names: Sequence[str]) -> tuple[str, ...]:
    return "side by side", register, *names


def lay_rows(picked: SetRows, code: Int32s) -> RowsSideBySide:
    """Lay rows by the drug of each.

    Raises:
        EventsRejected: rows are out of order.
    """
    blocks = -(-len(picked.with_rows) // SIDE)
    person, drugs = np.empty(blocks * SIDE, np.int32), np.empty(blocks, np.int32)
    block_at = np.empty(blocks + 1, np.int64)
    number, room = np.empty(len(code), np.int32), np.empty(len(picked.with_rows) + len(code), np.int32)
    order_persons(picked.with_rows, picked.offsets, picked.day, code, number, room, person, drugs, block_at)
    day = _laid(picked, person, block_at, picked.day, of_no_row=int(FAR), may_be_negative=True)
    return RowsSideBySide(picked, person, drugs, block_at, day, _laid(picked, person, block_at, number))


def _laid(
    picked: SetRows,
    person: Int32s,
    block_at: Int64s,
    column: Int32s,
    *,
    of_no_row: int = 0,
    may_be_negative: bool = False,
) -> Int32s:
    laid = np.empty(int(block_at[-1]) * SIDE, np.int32)
    lay_column(picked.offsets, person, block_at, column, laid, of_no_row=of_no_row, may_be_negative=may_be_negative)
    return laid
