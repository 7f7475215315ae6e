"""The company rule in the laboratory: sums by ATC code that tell what too few companies sell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from linkage.company_decision import tells_sales
from linkage.company_secrecy import CompanySecrecy
from linkage.errors import InputRefused
from linkage.manufacturer_table import ManufacturerTable, read_manufacturers
from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.primary_rules import Mark
from linkage_server.lab.layout import Codes

_CODED = "atc"


@dataclass(frozen=True, slots=True)
class CompanyMarks:
    """What decides about the sums of a table.

    Args:
        rule: of the policy; None for none.
        codes: the dimensions.
        table: manufacturers of the table's month; None if nobody named them, so that everything is kept back.
        on: the day that consents must cover.
    """

    rule: CompanySecrecy | None
    codes: Mapping[str, Codes]
    table: ManufacturerTable | None
    on: date

    def of(self, measure: str, *, is_magnitude: bool, given: Ints) -> Ints:
        """Marks of a measure's cells, flat; a table without a dimension of ATC codes tells no company apart.

        Args:
            measure: its name; what is no magnitude is a sale where the rule names it.
            is_magnitude: whether it is one.
            given: how many contribute to each cell, or its count: where nobody does there is nothing to keep back.
        """
        marks = np.zeros([len(own.codes) for own in self.codes.values()], dtype=np.int64)
        if self.rule is not None and (is_magnitude or measure in self.rule.measures):
            for axis, (name, own) in enumerate(self.codes.items()):
                if name == _CODED or name.startswith(f"{_CODED}_"):
                    np.moveaxis(marks, axis, 0)[self._kept_back(self.rule, own, measure)] = Mark.COMPANY_SECRECY
        return np.where(given.ravel() > 0, marks.ravel(), 0)

    def _kept_back(self, rule: CompanySecrecy, own: Codes, measure: str) -> list[int]:
        """Codes of a dimension whose leaves too few companies supply."""
        listed = self.table.codes if self.table else ()
        by_leaf = [[code for code in listed if code.startswith(leaf)] for leaf in own.codes[: own.leaves]]
        return [
            place
            for place, below in enumerate(own.below)
            if tells_sales(
                rule, self.table, {code for leaf in below for code in by_leaf[leaf]}, measure=measure, on=self.on
            )
        ]


def read_company_marks(
    rule: CompanySecrecy | None, codes: Mapping[str, Codes], file: Path | None, *, month: str, on: date
) -> CompanyMarks:
    """Read the manufacturers that a table is protected by.

    Raises:
        InputRefused: the file cannot be read, is not in the layout or is of another month.
    """
    if file is None:
        return CompanyMarks(rule, codes, None, on)
    try:
        content = file.read_bytes()
    except OSError:
        raise InputRefused(f"{file}: cannot be read.", mend="Check the path and its permissions.") from None
    return CompanyMarks(rule, codes, read_manufacturers(content, source=file.name, month=month), on)
