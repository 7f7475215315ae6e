"""A laboratory table, and all that decides how it is protected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from linkage.disclosure_policy import DisclosurePolicy
from linkage.perturbation_rules import Mechanism, Rounding
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_server.lab.company_marks import CompanyMarks
from linkage_server.lab.contributions import ContributionRows
from linkage_server.lab.earlier_releases import History
from linkage_server.lab.lattice import with_totals
from linkage_server.lab.layout import Codes, Layout
from linkage_server.lab.leaf_rows import refuse_negative_counts, whole_units
from linkage_server.lab.marking import Excepted, excepted_cells
from linkage_server.lab.perturb import NoiseSource

_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class ReadersView:
    """What a reader sees and knows of the cells of a table, all flat.

    Args:
        published: cells that some table shows; None for all.
        absent: of these, cells without a row that she cannot tell from blanks; None if she takes them for 0.
        known: cells whose numbers she has already; None for none.
    """

    published: Flags | None
    absent: Flags | None
    known: Flags | None

    @property
    def searched(self) -> Flags | None:
        """Cells that hold a number of the table for her; None for all."""
        if self.absent is None:
            return self.published
        return ~self.absent if self.published is None else self.published & ~self.absent


@dataclass(frozen=True, slots=True)
class MeasureCells:
    """One measure of a table.

    Args:
        name: of the measure.
        scale: units of a number: 1 for a count, else 100.
        cells: all cells with their totals in these units, one axis a dimension.
        policy: the table's, made stricter by the measure's own rules.
        excepted: cells that an officer excepted from a rule.
    """

    name: str
    scale: int
    cells: Ints
    policy: DisclosurePolicy
    excepted: Excepted

    @property
    def is_count(self) -> bool:
        """Whether it counts persons or rows."""
        return self.scale == 1


@dataclass(frozen=True, slots=True)
class TableToProtect:
    """A table of leaf cells and what decides about it.

    Args:
        path: of the table.
        rows: one a leaf cell.
        places: number of the leaf of each row, by dimension.
        plan: the layout.
        codes: of each dimension.
        policy: the rules.
        mechanism: how numbers are changed; None if they are only hidden.
        seen: what a reader sees of the cells.
        behind: who contributes to each cell; None if nobody was named.
        company: what decides about sums that tell of companies.
        noise: what noise is made from; None for a policy without.
        history: the releases so far.
        home: folder with the budgets of differential privacy.
    """

    path: Path
    rows: pa.Table
    places: tuple[Ints, ...]
    plan: Layout
    codes: dict[str, Codes]
    policy: DisclosurePolicy
    mechanism: Mechanism | None
    seen: ReadersView
    behind: ContributionRows | None
    company: CompanyMarks
    noise: NoiseSource | None
    history: History
    home: Path | None

    @property
    def dimensions(self) -> list[Codes]:
        """One an axis."""
        return list(self.codes.values())

    @property
    def has_overlapping_codes(self) -> bool:
        """Whether a person may stand under several codes."""
        return not all(own.adds_up for own in self.codes.values())

    @property
    def changes(self) -> Mechanism | None:
        """What changes every number, so that none is hidden; None where small ones are hidden."""
        return self.mechanism if self.mechanism is not None and self.mechanism.replaces_suppression else None

    @property
    def rounding_beside_blanks(self) -> Rounding | None:
        """How counts that are not hidden are rounded, if they are."""
        return self.mechanism.rounding if self.mechanism is not None and self.changes is None else None

    def measure(self, name: str) -> MeasureCells:
        """One measure, with its totals.

        Raises:
            InputRefused: its column is missing, not exact, or holds a negative count; or an exception from a rule
                names a level that is not there.
        """
        scale = 1 if self.plan.measures[name].kind == "count" else _HUNDREDTHS
        units = whole_units(self.rows, name, scale, self.path)
        if scale == 1:
            refuse_negative_counts(units, name, self.path)
        leaves = np.zeros([own.leaves for own in self.dimensions], dtype=np.int64)
        np.add.at(leaves, self.places, units)
        policy = self.plan.policy_for(name, self.policy)
        excepted = excepted_cells(policy, name, self.codes)
        return MeasureCells(name, scale, with_totals(leaves, self.dimensions), policy, excepted)
