"""Reads what the releases of a series said of each cell, and who moved between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import read_parquet
from linkage_client.certificate_check.movement import Apart, net_of
from linkage_client.certificate_check.rules import Flags

BLANK, NOT_COUNTED, OLDER = -1, -2, -3
"""In place of the release that a number is of: nothing is printed; the release does not have the cell; the number is of
a release that the evidence does not name."""
SERIES_FILES = _SAID, _MOVED = "said.parquet", "moved.parquet"
BEFORE = "before.parquet"
_SAID_COLUMNS = ["release", "cell", "true", "value", "as_of"]
_MOVED_COLUMNS = ["persons", "releases", "cells", "changes"]
_LARGEST = 1 << 52


@dataclass(frozen=True, slots=True)
class Moved:
    """Who moved, group by group; one entry a move.

    Args:
        persons: of each group.
        group, release, cell, change: who, the first release that it shows in, where, 1 who joined and -1 who left.
        cells: how many there are.
    """

    persons: Ints
    group: Ints
    release: Ints
    cell: Ints
    change: Ints
    cells: int

    def between(self, one: int, other: int) -> Apart:
        """By whom two releases differ."""
        within = (self.release > min(one, other)) & (self.release <= max(one, other))
        key, net = net_of(self.group[within] * max(self.cells, 1) + self.cell[within], self.change[within])
        key, net = key[net != 0], net[net != 0]
        return Apart(key % max(self.cells, 1), key // max(self.cells, 1), net, self.persons.size, self.persons)


@dataclass(frozen=True, slots=True)
class Series:
    """A series of releases; arrays have a row for each, the one that is checked last, and a column a cell.

    Args:
        releases: names.
        true: persons, -1 where the release does not have the cell.
        value: what is printed.
        as_of: number of the release that it is of, or `BLANK`, `NOT_COUNTED`, `OLDER`.
        moved: who moved.
        before: the lines of the release that is said again; None where none is.
    """

    releases: tuple[str, ...]
    true: Ints
    value: Ints
    as_of: Ints
    moved: Moved
    before: pa.Table | None


def read_series(folder: Path, releases: Sequence[str], *, cells: int, again: bool) -> Series:
    """Read the files of a series, whose hashes were checked; `again` whether lines of a release are said again.

    Raises:
        CheckFailed: one is not as the format says.
    """
    names = tuple(releases)
    if (
        not isinstance(releases, list)
        or len(names) < 2
        or len(set(names)) < len(names)
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise CheckFailed("evidence.json: names a release twice, or fewer than two")
    said = read_parquet(folder / _SAID)
    if (
        said.column_names != _SAID_COLUMNS
        or said.num_rows != len(names) * cells
        or any(column.null_count or not pa.types.is_integer(column.type) for column in said.columns)
    ):
        raise CheckFailed(f"{_SAID}: has not the columns {_SAID_COLUMNS}, whole numbers for each release and cell")
    release, cell, true, value, as_of = (
        np.asarray(said[name].to_numpy(), dtype=np.int64).reshape(len(names), cells) for name in _SAID_COLUMNS
    )
    if np.any(release != np.arange(len(names))[:, np.newaxis]) or np.any(cell != np.arange(cells)):
        raise CheckFailed(f"{_SAID}: has not each release and cell once, in their order")
    if np.any(true < -1) or np.any(true > _LARGEST) or np.any(as_of < OLDER) or np.any(as_of >= len(names)):
        raise CheckFailed(f"{_SAID}: holds an impossible number, or a release that there is not")
    moved = _read_moved(read_parquet(folder / _MOVED), len(names), cells)
    return Series(names, true, value, as_of, moved, read_parquet(folder / BEFORE) if again else None)


def _read_moved(table: pa.Table, releases: int, cells: int) -> Moved:
    if table.column_names != _MOVED_COLUMNS or any(column.null_count for column in table.columns):
        raise CheckFailed(f"{_MOVED}: has not the columns {_MOVED_COLUMNS}, all filled")
    persons = np.asarray(table["persons"].to_numpy(), dtype=np.int64)
    lists = [table[name].combine_chunks() if table.num_rows else None for name in _MOVED_COLUMNS[1:]]
    sizes = [np.diff(one.offsets.to_numpy()) if one is not None else np.empty(0, np.int64) for one in lists]
    if not all(np.array_equal(size, sizes[0]) for size in sizes):
        raise CheckFailed(f"{_MOVED}: a group has not one release and one change for each cell")
    flat = [one.flatten() if one is not None else pa.array([], pa.int64()) for one in lists]
    if any(one.null_count for one in flat):
        raise CheckFailed(f"{_MOVED}: a value is missing")
    release, cell, change = (np.asarray(one.to_numpy(), dtype=np.int64) for one in flat)
    moved = Moved(persons, np.repeat(np.arange(persons.size), sizes[0]), release, cell, change, cells)
    wrong: Flags = (release < 1) | (release >= releases) | (cell < 0) | (cell >= cells) | (np.abs(change) != 1)
    if np.any(wrong) or np.any(persons < 1) or np.any(persons > _LARGEST // max(persons.size, 1)):
        raise CheckFailed(f"{_MOVED}: holds a release, a cell, a change or a number of persons that there cannot be")
    order = np.lexsort((release, cell, moved.group))
    again = (np.diff(cell[order]) == 0) & (np.diff(moved.group[order]) == 0)
    if np.any(again & ((np.diff(release[order]) == 0) | (np.diff(change[order]) == 0))):
        raise CheckFailed(f"{_MOVED}: somebody joins or leaves a cell twice")
    return moved
