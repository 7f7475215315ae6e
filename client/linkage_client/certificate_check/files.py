"""Reads the files of a release: tables by position of their cells, certificates as Arrow."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed

_EXACT = 1 << 53
_DECIMALS = {1: 0, 100: 2}


def read_json(path: Path) -> dict[str, Any]:
    """A layout."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise CheckFailed(f"{path}: cannot be read as JSON") from None
    return content


def read_toml(path: Path) -> dict[str, Any]:
    """A policy."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CheckFailed(f"{path}: cannot be read as TOML") from None


def read_parquet(path: Path) -> pa.Table:
    """A Parquet table."""
    try:
        return pq.read_table(str(path))
    except (OSError, pa.ArrowException):
        raise CheckFailed(f"{path}: cannot be read") from None


def read_table(path: Path, dimensions: list[Dimension]) -> pa.Table:
    """A CSV or Parquet table, its dimensions as text."""
    names = [dimension.name for dimension in dimensions]
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(str(path))
        else:
            as_text = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            )
            table = pyarrow.csv.read_csv(path, convert_options=as_text)
    except (OSError, pa.ArrowException):
        raise CheckFailed(f"{path}: cannot be read") from None
    if missing := [name for name in names if name not in table.column_names]:
        raise CheckFailed(f"{path}: there is no column {missing[0]!r}")
    return table


def file_of(folder: Path, stem: str) -> Path:
    """The one table of a name in a folder.

    Raises:
        CheckFailed: there is none, or there are two.
    """
    found = [path for path in (folder / f"{stem}.csv", folder / f"{stem}.parquet") if path.exists()]
    if len(found) != 1:
        raise CheckFailed(f"{folder}: holds {len(found)} tables {stem!r}, and one is needed")
    return found[0]


def places_of(table: pa.Table, dimensions: list[Dimension], path: Path) -> Ints:
    """Position of each row's cell among all cells, the last dimension running fastest."""
    places = np.zeros(table.num_rows, dtype=np.int64)
    for dimension in dimensions:
        text = table[dimension.name].cast(pa.string())
        known = pa.array(dimension.codes, pa.string())
        at = pc.index_in(text, value_set=known)
        if at.null_count:
            # Spreadsheets take leading zeros away.
            width = min(len(dimension.codes[leaf]) for leaf in dimension.leaves)
            at = pc.index_in(pc.utf8_lpad(text, width=width, padding="0"), value_set=known)
        if at.null_count:
            raise CheckFailed(f"{path}: column {dimension.name!r} holds a code that the layout does not have")
        places = places * len(dimension.codes) + at.to_numpy().astype(np.int64)
    return places


def units_of(column: pa.ChunkedArray, path: Path, name: str, scale: int = 1) -> Ints:
    """Numbers in whole units of 1 / scale, exact.

    Raises:
        CheckFailed: a number is missing, or has more decimals.
    """
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.int64)
    if column.null_count:
        raise CheckFailed(f"{path}: column {name!r} has a missing value")
    if pa.types.is_floating(column.type):
        given = np.asarray(column.to_numpy(), dtype=np.float64)
        whole = np.rint(given * scale)
        if not np.all(np.abs(whole) < _EXACT) or not np.array_equal(whole / scale, given):
            raise CheckFailed(f"{path}: column {name!r} does not hold whole multiples of 1/{scale}")
        return whole.astype(np.int64)
    try:
        units = pc.multiply(column.cast(pa.decimal128(30, _DECIMALS[scale])), pa.scalar(Decimal(scale))).cast(
            pa.int64()
        )
    except pa.ArrowException:
        raise CheckFailed(f"{path}: column {name!r} does not hold whole multiples of 1/{scale}") from None
    return np.asarray(units.to_numpy(), dtype=np.int64)


def column_of(table: pa.Table, name: str, path: Path) -> pa.ChunkedArray:
    """A column by name."""
    if name not in table.column_names:
        raise CheckFailed(f"{path}: there is no column {name!r}")
    return table[name]
