"""Who stands behind each cell of a laboratory table: contributors, company groups, prescribers, workplaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.primary_rules import Contributions, Mark, few_behind
from linkage_server.lab.layout import Codes
from linkage_server.lab.leaf_rows import leaf_places, require_column, whole_units
from linkage_server.lab.whole_files import read_table

CONTRIBUTOR = "contributor"
COMPANY_GROUP = "company_group"
_BEHIND = (
    ("prescriber", "minimum_prescribers", Mark.FEW_PRESCRIBERS),
    ("workplace", "minimum_workplaces", Mark.FEW_WORKPLACES),
)


@dataclass(frozen=True, slots=True)
class ContributionRows:
    """The rows of a contributions file.

    Args:
        path: of the file, for refusals.
        rows: as read.
        shape: number of codes by dimension.
        entry, cell: number of a row, and of a published cell that it counts in: each row once for each of its cells.
    """

    path: Path
    rows: pa.Table
    shape: tuple[int, ...]
    entry: Ints
    cell: Ints

    @property
    def cells(self) -> int:
        """Number of published cells."""
        return int(np.prod(self.shape))

    def of_measure(self, measure: str, scale: int, policy: DisclosurePolicy) -> Contributions:
        """What each contributor gives to each cell; those of one company group are one.

        Raises:
            InputRefused: a column is missing, or the groups are and the policy asks for them.
        """
        amounts = whole_units(self.rows, measure, scale, self.path)
        return Contributions(self.cell, self._contributors(policy)[self.entry], amounts[self.entry])

    def of_presence(self, policy: DisclosurePolicy) -> Contributions:
        """Who contributes to each cell, without an amount; raises as `of_measure`."""
        return self._presence(self._contributors(policy))

    def few_behind(self, policy: DisclosurePolicy) -> Ints:
        """Marks of cells that too few prescribers or workplaces stand behind.

        Raises:
            InputRefused: the policy has such a rule, and the file does not tell whom it is about.
        """
        marks = np.zeros(self.cells, dtype=np.int64)
        for column, rule, mark in _BEHIND:
            if least := getattr(policy, rule):
                require_column(self.rows, column, self.path)
                behind = self._presence(_numbered(self.rows[column]))
                marks |= few_behind(behind, cells=self.cells, at_least=least, mark=mark)
        return marks

    def leaf_sums(self, given: Contributions) -> Ints:
        """What the contributions add up to in each cell, shape of the table."""
        sums = np.zeros(self.cells, dtype=np.int64)
        np.add.at(sums, given.cell, given.amount)
        return sums.reshape(self.shape)

    def _presence(self, who: Ints) -> Contributions:
        return Contributions(self.cell, who[self.entry], np.zeros(self.entry.size, dtype=np.int64))

    def _contributors(self, policy: DisclosurePolicy) -> Ints:
        require_column(self.rows, CONTRIBUTOR, self.path)
        if policy.company_groups and COMPANY_GROUP not in self.rows.column_names:
            raise InputRefused(
                f"{self.path}: policy {policy.name} counts company groups, and there is no column {COMPANY_GROUP!r}.",
                mend="Add the column; leave it empty for a company without a group.",
            )
        who = self.rows[CONTRIBUTOR].cast(pa.string())
        if COMPANY_GROUP in self.rows.column_names:
            group = self.rows[COMPANY_GROUP].cast(pa.string())
            in_group = pc.greater(pc.utf8_length(pc.fill_null(group, "")), 0)
            # A group may be named as a company that is none of its own: the two are kept apart by a mark.
            who = pc.if_else(in_group, _joined("g", group), _joined("c", who))
        return _numbered(who)


def read_contributions(path: Path, codes: Mapping[str, Codes]) -> ContributionRows:
    """Read a contributions file: a column for each dimension, and for contributors, prescribers or workplaces.

    Raises:
        InputRefused: it cannot be read, or a column of a dimension is wrong.
    """
    rows = read_table(path)
    places = leaf_places(rows, dict(codes), path)
    entry, cell = np.arange(rows.num_rows), np.zeros(rows.num_rows, dtype=np.int64)
    for own, leaf in zip(codes.values(), places, strict=True):
        starts, above = _codes_above(own)
        mine = leaf[entry]
        many = np.diff(starts)[mine]
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        cell = np.repeat(cell, many) * len(own.codes) + above[np.repeat(starts[mine], many) + step]
        entry = np.repeat(entry, many)
    return ContributionRows(path, rows, tuple(len(own.codes) for own in codes.values()), entry, cell)


def _codes_above(own: Codes) -> tuple[Ints, Ints]:
    """The codes of leaf i, itself and its total among them: above[starts[i] : starts[i + 1]]."""
    codes = np.repeat(np.arange(len(own.codes)), [len(below) for below in own.below])
    leaves = np.concatenate([np.array(below, dtype=np.int64) for below in own.below])
    order = np.argsort(leaves, kind="stable")
    return np.searchsorted(leaves[order], np.arange(own.leaves + 1)), codes[order]


def _joined(mark: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(mark, names, "")


def _numbered(column: pa.ChunkedArray) -> Ints:
    numbers: Ints = column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return numbers
