"""How many rows of an indicator were reversed, and how many of them found what they cancel; counted by code once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import NettedRows
from linkage_core.indicators.values import Bools, Int32s, Int64s


@dataclass(frozen=True, slots=True)
class NettingAccount:
    """Reversed rows of a register under one rule.

    Args:
        rows: the register's.
        netted: what the rule left.
        by_code: int64, codes + 1, the last for no code: reversed rows, and those that found all they cancel.
    """

    rows: Dispensings
    netted: NettedRows
    by_code: tuple[Int64s, Int64s] | None

    def of_sets(self, code_sets: Sequence[CodeSet] | None) -> dict[str, int]:
        """Counts of the rows of any of the code sets; None for all rows, also those without a code."""
        if code_sets is None or self.by_code is None:
            reversed_rows, matched = len(self.netted.reversed_at), self.netted.netted_rows
        else:
            own = self.rows.atc.members(code_sets).view(np.bool_)
            reversed_rows, matched = (int(counts[own].sum()) for counts in self.by_code)
        return {
            "reversed_rows": reversed_rows,
            "netted_rows": matched,
            "unmatched_rows": 0 if self.netted.matched is None else reversed_rows - matched,
        }


def netting_account(rows: Dispensings, netted: NettedRows) -> NettingAccount:
    """Count the reversed rows of each code."""
    if not len(netted.reversed_at) or not rows.has("atc"):
        return NettingAccount(rows, netted, None)
    code = rows.atc.code[netted.reversed_at]
    return NettingAccount(rows, netted, (_by_code(rows, code), _by_code(rows, _where(code, netted.matched))))


def _where(code: Int32s, matched: Bools | None) -> Int32s:
    return code[:0] if matched is None else code[matched]


def _by_code(rows: Dispensings, code: Int32s) -> Int64s:
    codes = max(len(rows.atc.names), 1)
    counts = np.bincount(code.astype(np.int64) + 1, minlength=codes + 1)
    return np.roll(counts, -1)
