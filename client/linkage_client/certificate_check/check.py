"""The whole check of one release: its tables against the truth, its blanks against the rules, its proofs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from linkage_client.certificate_check.dimensions import Dimension, Ints, add_totals, read_dimensions, shown_cells
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, file_of, places_of, read_json, read_table, read_toml
from linkage_client.certificate_check.moves import Free, check_blanks, check_moves
from linkage_client.certificate_check.rules import Flags, full_class_cells, rules_of, small_cells

CERTIFICATES = "certificates.parquet"
_COLUMNS = ["measure", "cells", "changes", "lowest", "highest", "proves"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A release that passed.

    Args:
        cells: published cells.
        sensitive: by measure: counts that had to be blank by themselves.
        blank: by measure: all blanks, each of them proved.
        moves: by measure: moves checked.
    """

    cells: int
    sensitive: dict[str, int]
    blank: dict[str, int]
    moves: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Tables:
    released: pa.Table
    released_file: Path
    officer: pa.Table
    officer_file: Path
    truth: pa.Table
    truth_file: Path
    place: Ints
    leaf: Ints
    shown: Flags

    @property
    def released_place(self) -> Ints:
        """Position of the cell of each row of the released table."""
        return self.place[self.shown[self.place]]


def check_release(folder: Path, *, truth: Path, layout: Path, policy: Path) -> Checked:
    """Check what `lab protect` wrote to a folder beside the table it was given.

    Totals, small cells and bounds are worked out anew from the truth; every printed cell must be its own, every small
    one blank, and every blank proved by moves that change no sum.

    Args:
        folder: with `released`, `officer` and `certificates.parquet`.
        truth: the table of leaf cells.
        layout: JSON.
        policy: TOML.

    Raises:
        CheckFailed: the first thing that does not fit. Sums of amounts, rounded and changed counts and releases over
            time have no certificates, and fail by name.
    """
    plan, rules = read_json(layout), read_toml(policy)
    dimensions = read_dimensions(plan)
    for name, measure in plan["measures"].items():
        if measure["kind"] != "count":
            raise CheckFailed(f"layout: {name!r} is no count, and only counts have certificates")
    tables = _read_tables(folder, truth, dimensions, shown_cells(plan, dimensions))
    moves = _read_moves(folder / CERTIFICATES, list(plan["measures"]))
    passed = Checked(int(np.count_nonzero(tables.shown)), {}, {}, {})
    for name in plan["measures"]:
        _check_count(name, plan, rules, dimensions=dimensions, tables=tables, moves=moves[name], passed=passed)
    return passed


def _check_count(
    name: str,
    plan: dict[str, Any],
    policy: dict[str, Any],
    *,
    dimensions: list[Dimension],
    tables: _Tables,
    moves: pa.Table,
    passed: Checked,
) -> None:
    rules = rules_of(name, plan, policy)
    counts = _true_counts(name, tables, dimensions)
    if counts[tuple(dimension.total for dimension in dimensions)] < rules.smallest_population:
        raise CheckFailed(f"{tables.truth_file}: fewer persons than the policy demands")
    small = small_cells(counts, rules).ravel() & tables.shown
    full = full_class_cells(counts, rules, dimensions, shown=tables.shown.reshape(counts.shape)).ravel()
    blank = _blanks(name, tables, counts)
    for demanded, why in ((small, "small"), (full, "part of a class that one part holds all of")):
        if np.any(demanded & ~blank):
            raise CheckFailed(f"{tables.released_file}: a cell is {why} and printed")
    _check_reasons(name, tables, blank, small)
    free = Free(blank, tables.shown)
    shown = check_moves(moves, counts, free, dimensions=dimensions, rules=rules, row_place=tables.place)
    check_blanks(shown, counts, blank, small & rules.reach, rules)
    passed.sensitive[name] = int(np.count_nonzero(small | full))
    passed.blank[name] = int(np.count_nonzero(blank))
    passed.moves[name] = moves.num_rows


def _read_tables(folder: Path, truth: Path, dimensions: list[Dimension], shown: Flags) -> _Tables:
    released_file, officer_file = file_of(folder, "released"), file_of(folder, "officer")
    released, officer = read_table(released_file, dimensions), read_table(officer_file, dimensions)
    given = read_table(truth, dimensions)
    place = places_of(officer, dimensions, officer_file)
    cells = shown.size
    if place.size != cells or np.any(np.bincount(place, minlength=cells) != 1):
        raise CheckFailed(f"{officer_file}: does not have each cell of the layout once")
    if not np.array_equal(place[shown[place]], places_of(released, dimensions, released_file)):
        raise CheckFailed(f"{released_file}: does not have the shown cells of the officer's copy, row by row")
    leaf = places_of(given, dimensions, truth)
    stride = cells
    for dimension in dimensions:
        stride //= len(dimension.codes)
        if not np.all(np.isin(leaf // stride % len(dimension.codes), dimension.leaves)):
            raise CheckFailed(f"{truth}: column {dimension.name!r} holds a code that is no leaf")
    return _Tables(released, released_file, officer, officer_file, given, truth, place, leaf, shown)


def _read_moves(path: Path, measures: list[str]) -> dict[str, pa.Table]:
    try:
        table = pq.read_table(str(path))
    except (OSError, pa.ArrowException):
        raise CheckFailed(f"{path}: cannot be read") from None
    if table.column_names != _COLUMNS:
        raise CheckFailed(f"{path}: has not the columns {_COLUMNS}")
    text = table["measure"].cast(pa.string())
    if not pc.all(pc.is_in(text, value_set=pa.array(measures))).as_py() and table.num_rows:
        raise CheckFailed(f"{path}: has moves of a measure that the layout does not have")
    if len(measures) == 1:
        return {measures[0]: table}
    return {name: table.filter(pc.equal(text, name)) for name in measures}


def _true_counts(name: str, tables: _Tables, dimensions: list[Dimension]) -> Ints:
    given = _whole(column_of(tables.truth, name, tables.truth_file), tables.truth_file, name)
    if given.min(initial=0) < 0:
        raise CheckFailed(f"{tables.truth_file}: column {name!r} holds a negative count")
    cells = np.zeros([len(dimension.codes) for dimension in dimensions], dtype=np.int64)
    np.add.at(cells.reshape(-1), tables.leaf, given)
    return add_totals(cells, dimensions)


def _blanks(name: str, tables: _Tables, counts: Ints) -> Flags:
    """Which cells are blank; all others that are shown print the truth, and both copies say the same."""
    flat = counts.ravel()
    by_cell = np.zeros(flat.size, dtype=np.bool_)
    officer = _only_shown(name, tables)
    for table, path in ((tables.released, tables.released_file), (officer, tables.officer_file)):
        status, printed = column_of(table, f"{name}_status", path), column_of(table, name, path)
        if status.null_count or not pc.all(pc.is_in(status, value_set=pa.array(["pub", "sup"]))).as_py():
            raise CheckFailed(f"{path}: column '{name}_status' has another status than pub and sup")
        blank = pc.equal(status, "sup").to_numpy(zero_copy_only=False).astype(np.bool_)
        if not np.array_equal(blank, pc.is_null(printed).to_numpy(zero_copy_only=False)):
            raise CheckFailed(f"{path}: column {name!r} is not empty exactly where it is suppressed")
        shown = _whole(printed.filter(pa.array(~blank)), path, name)
        place = tables.released_place
        if not np.array_equal(shown, flat[place[~blank]]):
            raise CheckFailed(f"{path}: column {name!r} prints what is not the truth")
        if path == tables.officer_file and not np.array_equal(by_cell[place], blank):
            raise CheckFailed(f"{path}: does not have the blanks of the released table")
        by_cell[place] = blank
    return by_cell


def _only_shown(name: str, tables: _Tables) -> pa.Table:
    """The officer's copy without the cells that no table shows, which have no number there."""
    shown, path = tables.shown[tables.place], tables.officer_file
    if shown.all():
        return tables.officer
    hidden = tables.officer.filter(pa.array(~shown))
    status = column_of(hidden, f"{name}_status", path)
    if not pc.all(pc.equal(pc.fill_null(status, ""), "not")).as_py() or hidden[name].null_count < hidden.num_rows:
        raise CheckFailed(f"{path}: a cell that no table shows has a number, or another status than not")
    return tables.officer.filter(pa.array(shown))


def _check_reasons(name: str, tables: _Tables, blank: Flags, small: Flags) -> None:
    path = tables.officer_file
    # In a CSV file without a reason the column has no type.
    reason = pc.fill_null(column_of(tables.officer, f"{name}_reason", path).cast(pa.string()), "")
    told = pc.not_equal(reason, "").to_numpy(zero_copy_only=False)
    if not np.array_equal(told, blank[tables.place]):
        raise CheckFailed(f"{path}: has not a reason exactly for each blank")
    says_small = pc.match_substring(reason, "small_cell").to_numpy(zero_copy_only=False)
    partner = pc.equal(reason, "protects_small_cell").to_numpy(zero_copy_only=False)
    if not np.array_equal(says_small & ~partner, small[tables.place]):
        raise CheckFailed(f"{path}: calls a cell small that is not, or does not call one so that is")


def _whole(column: pa.ChunkedArray, path: Path, name: str) -> Ints:
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.int64)
    try:
        whole = column.cast(pa.int64())
    except pa.ArrowException:
        raise CheckFailed(f"{path}: column {name!r} does not hold whole numbers") from None
    if whole.null_count:
        raise CheckFailed(f"{path}: column {name!r} has a missing value")
    return np.asarray(whole.to_numpy(), dtype=np.int64)
