"""Reads the evidence of an order: what is counted and how it hangs together, true cells, the table, and the moves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere
from linkage_client.certificate_check.files import read_json, read_parquet
from linkage_client.certificate_check.orders.series import BEFORE, SERIES_FILES, Series, read_series
from linkage_client.certificate_check.rules import Flags

STATEMENT = "evidence.json"
_FORMATS = (1, 2)
"""Of an order that stands alone, and of one that was laid beside earlier releases."""
_CELLS, _TABLE, _MOVES = "cells.parquet", "table.parquet", "certificates.parquet"
_CELL_COLUMNS = ["kind", "key", "strata", "levels", "value", "blank"]
_MOVE_COLUMNS = ["kind", "cells", "changes", "lowest", "highest"]
_LARGEST = 1 << 53


@dataclass(frozen=True, slots=True)
class Stratum:
    """A dimension: its levels without the total; `several` where a person may stand under more than one of them."""

    name: str
    levels: tuple[str, ...]
    several: bool


@dataclass(frozen=True, slots=True)
class Side:
    """All cells of one kind: counts of persons, or sums.

    Args:
        kind: "persons" or "sum".
        first: row of the first of them in the file; cells are numbered from there.
        values, blank: by number; what is blank no reader sees.
        blocks: numbers by (what is counted, names of the strata that have a level), one axis a stratum.
        strata: by name.
    """

    kind: str
    first: int
    values: Ints
    blank: Flags
    blocks: Mapping[tuple[str, tuple[str, ...]], Ints]
    strata: Mapping[str, Stratum]

    def cube(self, key: str, names: tuple[str, ...]) -> Ints:
        """Numbers of the cells over some strata with all totals, which stand last on each axis.

        Raises:
            CheckFailed: there are none.
        """
        if (key, tuple(sorted(names))) not in self.blocks:
            raise CheckFailed(f"{_CELLS}: {key!r} is not counted by {list(names)}")
        cube = np.empty([len(self.strata[name].levels) + 1 for name in names], dtype=np.int64)
        for part in _subsets(names):
            block = self.blocks[key, tuple(sorted(part))]
            place = tuple(slice(0, -1) if name in part else -1 for name in names)
            cube[place] = block.transpose([sorted(part).index(name) for name in part])
        return cube

    def in_words(self, cell: int) -> str:
        """The row of a cell in the file."""
        return f"{_CELLS}, row {self.first + cell}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One order's evidence.

    Args:
        plan: what is counted, how sets hang together, lines and policy.
        persons, sums: the true cells.
        table: lines as they leave, their remarks in the metadata.
        moves: by kind; cells by their number within the kind.
        series: the releases that it was laid beside, and it; None where it stands alone.
    """

    plan: Mapping[str, Any]
    persons: Side
    sums: Side
    table: pa.Table
    moves: Mapping[str, pa.Table]
    series: Series | None


def read_evidence(folder: Path) -> Evidence:
    """Read a folder that the service wrote.

    Raises:
        CheckFailed: a file is missing, is not what the statement names, or is not as the format says.
        NotCheckedHere: it is of a later format.
    """
    plan = read_json(folder / STATEMENT)
    if plan.get("format") not in _FORMATS:
        raise NotCheckedHere(f"{folder / STATEMENT}: is of another format than {_FORMATS}")
    beside, again = plan["format"] > 1 and plan["releases"] != [], plan["format"] > 1 and plan["says_again"] is True
    for name in (_CELLS, _TABLE, _MOVES, *(SERIES_FILES if beside else ()), *([BEFORE] if beside and again else [])):
        _require_hash(folder / name, plan["files"].get(name, ""))
    strata = {
        one["name"]: Stratum(one["name"], tuple(one["levels"]), bool(one["multi_response"])) for one in plan["strata"]
    }
    cells, moves = read_parquet(folder / _CELLS), read_parquet(folder / _MOVES)
    if cells.column_names != _CELL_COLUMNS or any(column.null_count for column in cells.columns):
        raise CheckFailed(f"{folder / _CELLS}: has not the columns {_CELL_COLUMNS}, all filled")
    if moves.column_names != _MOVE_COLUMNS or any(column.null_count for column in moves.columns):
        raise CheckFailed(f"{folder / _MOVES}: has not the columns {_MOVE_COLUMNS}, all filled")
    persons, sums = (_side(cells, kind, strata) for kind in ("persons", "sum"))
    if persons.values.size + sums.values.size != cells.num_rows:
        raise CheckFailed(f"{folder / _CELLS}: holds cells of an unknown kind")
    by_kind = {kind: moves.filter(pa.compute.equal(moves["kind"], kind)) for kind in ("persons", "sum")}
    series = read_series(folder, plan["releases"], cells=persons.values.size, again=again) if beside else None
    return Evidence(plan, persons, sums, read_parquet(folder / _TABLE), by_kind, series)


def _require_hash(path: Path, expected: str) -> None:
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckFailed(f"{path}: cannot be read") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise CheckFailed(f"{path}: is not the file that {STATEMENT} names")


def _side(cells: pa.Table, kind: str, strata: Mapping[str, Stratum]) -> Side:
    own = np.flatnonzero(np.array([one == kind for one in cells["kind"].to_pylist()], dtype=np.bool_))
    first = int(own[0]) if own.size else 0
    if own.size and int(own[-1]) - first + 1 != own.size:
        raise CheckFailed(f"{_CELLS}: cells of one kind do not stand together")
    part = cells.slice(first, own.size)
    values = np.asarray(part["value"].to_numpy(), dtype=np.int64)
    if np.any(np.abs(values) > _LARGEST) or (kind == "persons" and np.any(values < 0)):
        raise CheckFailed(f"{_CELLS}: holds an impossible number")
    blocks: dict[tuple[str, tuple[str, ...]], Ints] = {}
    places = [
        {level: number for number, level in enumerate(one.levels)} for one in strata.values()
    ]  # by stratum, in their order
    place_of = dict(zip(strata, places, strict=True))
    columns = (part[name].to_pylist() for name in ("key", "strata", "levels"))
    for number, (key, names, levels) in enumerate(zip(*columns, strict=True)):
        if list(names) != sorted(set(names)) or any(name not in strata for name in names):
            raise CheckFailed(f"{_CELLS}, row {first + number}: its strata are not those of the order")
        sizes = [len(strata[name].levels) for name in names]
        block = blocks.setdefault((key, tuple(names)), np.full(sizes, -1, dtype=np.int64))
        at = tuple(place_of[name].get(level, -1) for name, level in zip(names, levels, strict=True))
        if -1 in at or block[at] != -1:
            raise CheckFailed(f"{_CELLS}, row {first + number}: stands twice, or has a level that there is not")
        block[at] = number
    for (key, names), block in blocks.items():
        if np.any(block < 0) or any((key, part) not in blocks for part in _subsets(names)):
            raise CheckFailed(f"{_CELLS}: a cell of {key!r} by {list(names)} is missing, or a total")
    return Side(kind, first, values, np.asarray(part["blank"].to_numpy(), dtype=np.bool_), blocks, strata)


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)
