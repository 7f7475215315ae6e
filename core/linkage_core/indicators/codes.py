"""Which codes belong to a code set: a prefix test once for each distinct code, never for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dictionary_facts import DictionaryFacts, facts_of, membership, plain
from linkage_core.indicators.follow_up import FAR, as_int32, day_number, filled
from linkage_core.indicators.values import Bools, Int32s, UInt8s
from linkage_core.kernels.gather_rows import renumber

__all__ = ["CodedColumn", "coded", "membership", "plain", "validity"]


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A code column as numbers.

    Args:
        code: int32, one a row: position in `names`, -1 for none.
        facts: about the distinct codes.
        every_row: no row is without a code.
        kept: uint8, one a distinct code: 1 where any row may have it; None where that is not known.
    """

    code: Int32s
    facts: DictionaryFacts
    every_row: bool
    kept: UInt8s | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The distinct codes, in capitals, without dots and spaces."""
        return self.facts.names

    @property
    def texts(self) -> tuple[str, ...]:
        """The distinct codes as delivered."""
        return self.facts.texts

    def members(self, code_sets: Sequence[CodeSet]) -> UInt8s:
        """uint8, one a distinct code and a last one for no code: 1 where it is of any of the sets."""
        found = np.zeros(max(len(self.names), 1) + 1, np.uint8)
        for code_set in code_sets:
            found[:-1] |= self.facts.membership(code_set)
        return found

    def belong(self, code_sets: Sequence[CodeSet]) -> Bools:
        """bool, one a row: its code is of any of the sets."""
        # A row without a code has -1: it finds the 0 that is put last.
        members = self.members(code_sets)
        if self.all_of(members):
            return np.ones(len(self.code), np.bool_)
        return members.take(self.code).view(np.bool_)

    def all_of(self, members: UInt8s) -> bool:
        """Whether every row's code is known to be one of some; a run mostly fetched the rows of its code sets alone.

        Args:
            members: as `members` gives them.
        """
        kept = members[:-1] if self.kept is None else members[:-1] >= self.kept
        return self.every_row and bool(kept.all())


def coded(column: pa.Array, kept: UInt8s | None = None) -> CodedColumn:
    """Read a dictionary or string column of codes.

    Args:
        kept: uint8, one a value of the dictionary: 1 where any row may have it; None where that is not known.
    """
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    numbers = filled(as_int32(column.indices), -1).to_numpy(zero_copy_only=False)
    facts = facts_of(column.dictionary)
    delivered = code = np.ascontiguousarray(numbers, np.int32)
    if facts.any_empty:
        # A row without a code has -1: no possible code, it finds the -1 that is put last.
        told = np.where(facts.empty, np.int32(-1), np.arange(len(facts.names), dtype=np.int32))
        code = np.empty_like(delivered)
        renumber(delivered, np.append(told, np.int32(-1)), code)
    return CodedColumn(code, facts, every_row=not column.null_count and not facts.any_empty, kept=kept)


def validity(code_set: CodeSet | None) -> tuple[int, int]:
    """First day on which the set applies and first on which it no longer does."""
    if code_set is None:
        return -int(FAR), int(FAR)
    valid = code_set.valid
    return (
        -int(FAR) if valid.from_date is None else day_number(valid.from_date),
        int(FAR) if valid.until is None else day_number(valid.until),
    )
