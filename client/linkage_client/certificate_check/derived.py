"""Checks shares and means: each follows from two printed numbers, and is blank where one of them is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of
from linkage_client.certificate_check.release_tables import Tables

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.object_]

_CHANGED = ("rnd", "prt")
_SLACK = 1e-12


def check_derived(plan: Mapping[str, Any], dimensions: list[Dimension], tables: Tables) -> None:
    """Check every derived figure of both copies.

    Raises:
        CheckFailed: one is not what follows from what the officer's copy prints.
    """
    cells = np.arange(tables.shown.size)
    for name, figure in plan.get("derived", {}).items():
        above = below = cells
        if figure["kind"] == "share":
            measures = figure["measure"], figure["measure"]
            below = _at_total(cells, figure["of"], dimensions)
        else:
            measures = figure["sum"], figure["count"]
        value, status = _quotient(*_printed(measures[0], tables, above), *_printed(measures[1], tables, below))
        for table, path, place in tables.copies:
            if _words(table, f"{name}_status", path).tolist() != status[place].tolist():
                raise CheckFailed(f"{path}: column '{name}_status' does not follow from what is printed")
            own, expected = _numbers(table, name, path), value[place]
            apart = np.abs(own - expected) > _SLACK * np.abs(expected)
            if not np.array_equal(np.isnan(own), np.isnan(expected)) or np.any(apart):
                raise CheckFailed(f"{path}: column {name!r} does not follow from what is printed")


def _at_total(cells: Ints, of: str, dimensions: list[Dimension]) -> Ints:
    """For each cell the one at the total of a dimension."""
    shape = tuple(len(dimension.codes) for dimension in dimensions)
    axis = [dimension.name for dimension in dimensions].index(of)
    total = cells.reshape(shape).take([dimensions[axis].total], axis=axis)
    return np.broadcast_to(total, shape).ravel()


def _printed(measure: str, tables: Tables, cells: Ints) -> tuple[Floats, Words]:
    """What the officer's copy prints of a measure in some cells: numbers, NaN for none, and statuses."""
    row = np.empty(tables.place.size, dtype=np.int64)
    row[tables.place] = np.arange(row.size)
    number = _numbers(tables.officer, measure, tables.officer_file)
    return number[row[cells]], _words(tables.officer, f"{measure}_status", tables.officer_file)[row[cells]]


def _quotient(above: Floats, above_status: Words, below: Floats, below_status: Words) -> tuple[Floats, Words]:
    value = np.divide(above, below, out=np.full(above.size, np.nan), where=below != 0)
    status = np.where(np.isin(below_status, _CHANGED), below_status, above_status)
    status[below == 0] = "und"
    for numbers, own in ((below, below_status), (above, above_status)):
        status = np.where(np.isnan(numbers), own, status)
    return value, status


def _numbers(table: pa.Table, name: str, path: Path) -> Floats:
    return np.asarray(column_of(table, name, path).cast(pa.float64()).to_numpy(), dtype=np.float64)


def _words(table: pa.Table, name: str, path: Path) -> Words:
    return np.array(column_of(table, name, path).to_pylist(), dtype=object)
