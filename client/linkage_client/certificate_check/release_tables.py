"""The tables of a release beside their truth, row by row, and what they print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.dimensions import Dimension, Ints, add_totals
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, file_of, places_of, read_table, units_of
from linkage_client.certificate_check.rounding import Rounding
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class Tables:
    """A release and its truth.

    Args:
        released, officer, truth: as read, and from where.
        place: position of the cell of each row of the officer's copy.
        leaf: position of the cell of each row of the truth.
        shown: cells that some table shows, flat.
        absent: of these, cells without a row, if a reader cannot tell them from blank ones.
    """

    released: pa.Table
    released_file: Path
    officer: pa.Table
    officer_file: Path
    truth: pa.Table
    truth_file: Path
    place: Ints
    leaf: Ints
    shown: Flags
    absent: Flags

    @property
    def released_place(self) -> Ints:
        """Position of the cell of each row of the released table."""
        return self.place[self.shown[self.place]]

    @property
    def copies(self) -> tuple[tuple[pa.Table, Path, Ints], ...]:
        """The released table and the officer's copy: each with its file and the position of each row's cell."""
        return (
            (self.released, self.released_file, self.released_place),
            (self.officer, self.officer_file, self.place),
        )


def read_tables(
    folder: Path, truth: Path, dimensions: list[Dimension], shown: Flags, *, absent_unknown: bool
) -> Tables:
    """Read a release.

    Args:
        folder: of the release.
        truth: the table of leaf cells.
        dimensions: of the layout.
        shown: cells that some table shows, flat.
        absent_unknown: a reader does not take cells without a row for 0.

    Raises:
        CheckFailed: a table is not there, or has not each of its cells once.
    """
    released_file, officer_file = file_of(folder, "released"), file_of(folder, "officer")
    released, officer = read_table(released_file, dimensions), read_table(officer_file, dimensions)
    given = read_table(truth, dimensions)
    place = places_of(officer, dimensions, officer_file)
    cells = shown.size
    if place.size != cells or np.any(np.bincount(place, minlength=cells) != 1):
        raise CheckFailed(f"{officer_file}: does not have each cell of the layout once")
    if not np.array_equal(place[shown[place]], places_of(released, dimensions, released_file)):
        raise CheckFailed(f"{released_file}: does not have the shown cells of the officer's copy, row by row")
    leaf = leaves_of(given, dimensions, truth)
    rows = np.zeros([len(dimension.codes) for dimension in dimensions], dtype=np.int64)
    np.add.at(rows.reshape(-1), leaf, 1)
    absent = (add_totals(rows, dimensions).ravel() == 0) & shown & absent_unknown
    return Tables(released, released_file, officer, officer_file, given, truth, place, leaf, shown, absent)


def leaves_of(table: pa.Table, dimensions: list[Dimension], path: Path) -> Ints:
    """Position of each row's cell, which must be a leaf of every dimension."""
    leaf = places_of(table, dimensions, path)
    stride = int(np.prod([len(dimension.codes) for dimension in dimensions]))
    for dimension in dimensions:
        stride //= len(dimension.codes)
        if not np.all(np.isin(leaf // stride % len(dimension.codes), dimension.leaves)):
            raise CheckFailed(f"{path}: column {dimension.name!r} holds a code that is no leaf")
    return leaf


def true_cells(name: str, tables: Tables, dimensions: list[Dimension], *, scale: int = 1) -> Ints:
    """All cells of a measure, one axis a dimension, in units of 1 / scale."""
    given = units_of(column_of(tables.truth, name, tables.truth_file), tables.truth_file, name, scale)
    cells = np.zeros([len(dimension.codes) for dimension in dimensions], dtype=np.int64)
    np.add.at(cells.reshape(-1), tables.leaf, given)
    return add_totals(cells, dimensions)


def blanks_of(name: str, tables: Tables, values: Ints, *, scale: int = 1, rounding: Rounding | None = None) -> Flags:
    """Which cells are blank; all others that are shown print the truth, or it rounded, and both copies say the same."""
    flat = values.ravel()
    number, columns = ("pub", {name: flat}) if rounding is None else rounding.printed(name, flat)
    by_cell = np.zeros(flat.size, dtype=np.bool_)
    officer = _only_shown(name, tables)
    for table, path in ((tables.released, tables.released_file), (officer, tables.officer_file)):
        status = only_status(name, table, path, number, "sup")
        blank = pc.equal(status, "sup").to_numpy(zero_copy_only=False).astype(np.bool_)
        place = tables.released_place
        for column, expected in columns.items():
            printed = column_of(table, column, path)
            if not np.array_equal(blank, pc.is_null(printed).to_numpy(zero_copy_only=False)):
                raise CheckFailed(f"{path}: column {column!r} is not empty exactly where it is suppressed")
            shown = units_of(printed.filter(pa.array(~blank)), path, column, scale)
            if not np.array_equal(shown, expected[place[~blank]]):
                raise CheckFailed(f"{path}: column {column!r} prints what does not follow from the truth")
        if name not in columns and column_of(table, name, path).null_count < table.num_rows:
            raise CheckFailed(f"{path}: column {name!r} holds a number beside the range")
        if path == tables.officer_file and not np.array_equal(by_cell[place], blank):
            raise CheckFailed(f"{path}: does not have the blanks of the released table")
        by_cell[place] = blank
    return by_cell


def only_status(name: str, table: pa.Table, path: Path, *allowed: str) -> pa.ChunkedArray:
    """The statuses of a measure in one copy.

    Raises:
        CheckFailed: one is missing, or is none of those that are allowed.
    """
    status = column_of(table, f"{name}_status", path)
    if status.null_count or not pc.all(pc.is_in(status, value_set=pa.array(allowed, pa.string()))).as_py():
        raise CheckFailed(f"{path}: column '{name}_status' has another status than {' and '.join(allowed)}")
    return status


def reasons_of(name: str, tables: Tables, blank: Flags) -> pa.ChunkedArray:
    """The officer's reasons, row by row; there is one exactly for each blank."""
    path = tables.officer_file
    # In a CSV file without a reason the column has no type.
    reason = pc.fill_null(column_of(tables.officer, f"{name}_reason", path).cast(pa.string()), "")
    told = pc.not_equal(reason, "").to_numpy(zero_copy_only=False)
    if not np.array_equal(told, blank[tables.place]):
        raise CheckFailed(f"{path}: has not a reason exactly for each blank")
    return reason


def says(reason: pa.ChunkedArray, word: str) -> Flags:
    """Which reasons name a rule."""
    words = pc.match_substring_regex(reason, rf"(^|\+){word}($|\+)")
    return np.asarray(words.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _only_shown(name: str, tables: Tables) -> pa.Table:
    """The officer's copy without the cells that no table shows, which have no number there."""
    shown, path = tables.shown[tables.place], tables.officer_file
    if shown.all():
        return tables.officer
    hidden = tables.officer.filter(pa.array(~shown))
    status = column_of(hidden, f"{name}_status", path)
    if not pc.all(pc.equal(pc.fill_null(status, ""), "not")).as_py() or hidden[name].null_count < hidden.num_rows:
        raise CheckFailed(f"{path}: a cell that no table shows has a number, or another status than not")
    return tables.officer.filter(pa.array(shown))
