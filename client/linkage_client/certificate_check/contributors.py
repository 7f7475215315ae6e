"""Who stands behind each cell: contributors with what they give, company groups, prescribers, workplaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.dimensions import Dimension, Ints, above_leaves
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, read_table, units_of
from linkage_client.certificate_check.release_tables import leaves_of
from linkage_client.certificate_check.rules import Flags

_FEWEST = {"minimum_prescribers": "prescriber", "minimum_workplaces": "workplace"}


@dataclass(frozen=True, slots=True)
class Behind:
    """The rows of a contributions file.

    Args:
        path: of the file.
        rows: as read.
        row, cell: each row once for each cell that it counts in.
    """

    path: Path
    rows: pa.Table
    row: Ints
    cell: Ints


@dataclass(frozen=True, slots=True)
class Given:
    """What each contributor gives to each cell, net: one entry a cell and contributor, ordered by cell.

    Args:
        cell, who, amount: one an entry.
        start: the entries of cell c are [start[c], start[c + 1]).
        names: of each contributor, with "one" before it, or "many" before a company group.
    """

    cell: Ints
    who: Ints
    amount: Ints
    start: Ints
    names: tuple[str, ...] = ()

    @property
    def contributors(self) -> Ints:
        """How many give to each cell."""
        return np.diff(self.start)

    def merged(self, cells: Ints, group: Ints, groups: int) -> Given:
        """What each contributor gives to each group of cells."""
        many = self.contributors[cells]
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        entry = np.repeat(self.start[cells], many) + step
        return _added_up(np.repeat(group, many), self.who[entry], self.amount[entry], groups)


def read_behind(path: Path, dimensions: list[Dimension]) -> Behind:
    """Read a contributions file."""
    rows = read_table(path, dimensions)
    leaf = leaves_of(rows, dimensions, path)
    row, cell = above_leaves(leaf, dimensions)
    return Behind(path, rows, row, cell)


def given_by(behind: Behind, measure: str | None, policy: Mapping[str, Any], *, cells: int) -> Given:
    """Who gives what to each cell, in hundredths; 0 each if no measure is named. Company groups are one."""
    names = column_of(behind.rows, "contributor", behind.path).cast(pa.string())
    if "company_group" in behind.rows.column_names:
        group = pc.fill_null(behind.rows["company_group"].cast(pa.string()), "")
        alone = pc.equal(group, "")
        names = pc.binary_join_element_wise(pc.if_else(alone, "one", "many"), pc.if_else(alone, names, group), " ")
    elif policy.get("company_groups"):
        raise CheckFailed(f"{behind.path}: the policy counts company groups, and there is no column 'company_group'")
    else:
        names = pc.binary_join_element_wise("one", names, " ")
    who = _numbers(names)
    amount = np.zeros(who.size, dtype=np.int64)
    if measure is not None:
        amount = units_of(column_of(behind.rows, measure, behind.path), behind.path, measure, 100)
    distinct = pa.chunked_array(names).combine_chunks().dictionary_encode().dictionary.to_pylist()
    return replace(_added_up(behind.cell, who[behind.row], amount[behind.row], cells), names=tuple(distinct))


def few_behind(behind: Behind | None, policy: Mapping[str, Any], *, cells: int) -> Flags:
    """Cells that some, but too few prescribers or workplaces stand behind."""
    few = np.zeros(cells, dtype=np.bool_)
    for rule, column in _FEWEST.items():
        if not (least := policy.get(rule, 0)):
            continue
        if behind is None:
            raise CheckFailed(f"policy: {rule} is checked with the contributions, and nobody named them")
        who = _numbers(column_of(behind.rows, column, behind.path).cast(pa.string()))
        number = _added_up(behind.cell, who[behind.row], np.zeros_like(behind.row), cells).contributors
        few |= (number > 0) & (number < least)
    return few


def _added_up(cell: Ints, who: Ints, amount: Ints, cells: int) -> Given:
    order = np.lexsort((who, cell))
    cell, who, amount = cell[order], who[order], amount[order]
    first = np.flatnonzero(np.diff(cell, prepend=-1) | np.diff(who, prepend=-1))
    added = np.add.reduceat(amount, first) if first.size else amount
    return Given(cell[first], who[first], added, np.searchsorted(cell[first], np.arange(cells + 1)))


def _numbers(column: pa.ChunkedArray) -> Ints:
    if column.null_count:
        raise CheckFailed("contributions: a name is missing")
    return np.asarray(pa.chunked_array(column).combine_chunks().dictionary_encode().indices, dtype=np.int64)
