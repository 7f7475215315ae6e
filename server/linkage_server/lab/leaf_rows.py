"""Reads the plain files of `lab protect`, column by column: one row a leaf cell, or a leaf cell and contributor."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute

from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Ints
from linkage_server.lab.layout import Codes

_DIGITS = 30
_MOST_UNITS = 1 << 63
_TEN_POWERS = {1: 0, 100: 2}


def leaf_places(rows: pa.Table, codes: dict[str, Codes], path: Path) -> tuple[Ints, ...]:
    """Number of the leaf of each row, by dimension.

    Raises:
        InputRefused: a column is missing, or holds a code that the hierarchy does not have as a leaf.
    """
    found: list[Ints] = []
    for name, own in codes.items():
        require_column(rows, name, path)
        leaves = pa.array(own.codes[: own.leaves], pa.string())
        at = pa.compute.index_in(_as_codes(rows[name], own), value_set=leaves)
        if at.null_count:
            raise InputRefused(
                f"{path}, row {_first(at.is_null())}: column {name!r} holds a code that is no leaf of its hierarchy.",
                mend="Write leaves only: totals are computed.",
            )
        found.append(at.to_numpy().astype(np.int64))
    return tuple(found)


def _as_codes(column: pa.ChunkedArray, own: Codes) -> pa.ChunkedArray:
    """Codes as text; a CSV reader takes "01" for the number 1, so lost leading zeros are put back."""
    text = column.cast(pa.string())
    if pa.types.is_integer(column.type):
        text = pa.compute.utf8_lpad(text, width=min(len(code) for code in own.codes[: own.leaves]), padding="0")
    return text


def whole_units(rows: pa.Table, name: str, scale: int, path: Path) -> Ints:
    """A column in whole units of 1 / scale, by the decimals that are written, without a tolerance.

    Raises:
        InputRefused: the column is missing, not numeric, or has more decimals than the units.
    """
    require_column(rows, name, path)
    column = rows[name]
    if not rows.num_rows:
        raise InputRefused(f"{path}: has column names but no row.", mend="Write a row for each leaf cell.")
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        raise InputRefused(f"{path}: column {name!r} is not numeric.", mend="Write numbers with a point for decimals.")
    try:
        # A binary fraction as text is the shortest decimal that gives it: the one that was written.
        exact = column.cast(pa.string()).cast(pa.decimal128(_DIGITS, _TEN_POWERS[scale]))
        units = pa.compute.multiply(exact, pa.scalar(Decimal(scale))).cast(pa.int64())
    except pa.ArrowException:
        wrong = _first(pa.compute.invert(_fits(column, scale)))
        raise InputRefused(
            f"{path}, row {wrong}: column {name!r} has a missing value or more decimals than can be kept exact.",
            mend=f"Write {'whole numbers' if scale == 1 else 'at most two decimals'}.",
        ) from None
    whole: Ints = units.to_numpy().astype(np.int64)
    return whole


def require_column(rows: pa.Table, name: str, path: Path) -> None:
    """Return if a column is there and filled.

    Raises:
        InputRefused: it is not.
    """
    if name not in rows.column_names:
        raise InputRefused(f"{path}: there is no column {name!r}.", mend="One column per dimension and measure.")
    if rows[name].null_count:
        row = _first(rows[name].is_null())
        raise InputRefused(
            f"{path}, row {row}: column {name!r} has a missing value.", mend="Fill it or leave the row out."
        )


def refuse_repeated_leaves(places: tuple[Ints, ...], codes: dict[str, Codes], path: Path) -> None:
    """Return if no leaf cell has two rows.

    Raises:
        InputRefused: one has; names both rows.
    """
    cells = np.zeros(places[0].size, dtype=np.int64)
    for own, place in zip(codes.values(), places, strict=True):
        cells = cells * len(own.codes) + place
    order = np.argsort(cells, kind="stable")
    again = np.flatnonzero(np.diff(cells[order]) == 0)
    if again.size:
        first, second = (int(row) + 1 for row in order[again[0] : again[0] + 2])
        raise InputRefused(
            f"{path}, rows {first} and {second}: the same leaf cell twice.", mend="Write each leaf cell once, added up."
        )


def refuse_negative_counts(counts: Ints, name: str, path: Path) -> None:
    """Return if no count is negative.

    Raises:
        InputRefused: one is; names its row.
    """
    if counts.min(initial=0) < 0:
        row = int(np.flatnonzero(counts < 0)[0]) + 1
        raise InputRefused(f"{path}, row {row}: column {name!r} holds a negative count.", mend="Count persons or rows.")


def _first(wrong: pa.ChunkedArray) -> int:
    """The first row that is wrong, from 1."""
    return int(pa.compute.index(wrong, True).as_py()) + 1


def _fits(column: pa.ChunkedArray, scale: int) -> pa.Array:
    """Which numbers are whole multiples of 1 / scale, as written, and small enough."""
    fits: list[bool] = []
    for value in column.cast(pa.string()).to_pylist():
        try:
            scaled = Decimal(value) * scale
            fits.append(scaled == scaled.to_integral_value() and abs(scaled) < _MOST_UNITS)
        except (ArithmeticError, TypeError):
            fits.append(False)
    return pa.array(fits)
