"""Rows whose code belongs to any of some code sets, told by one column of a register."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dictionary_facts import facts_of, membership, plain
from linkage_core.indicators.values import UInt8s
from linkage_core.row_filter import RowFilter


def rows_of_code_sets(column: str, code_sets: Sequence[CodeSet]) -> RowFilter:
    """The filter that keeps them."""

    def wants(code: str) -> bool:
        return any(membership([plain(code)], code_set)[0] for code_set in code_sets)

    def tells_all(texts: pa.Array) -> UInt8s:
        # Whoever reads the rows asks for the same facts about the dictionary later, and other orders have before.
        facts = facts_of(texts)
        wanted = np.zeros(len(texts), np.uint8)
        for code_set in code_sets:
            wanted |= facts.membership(code_set)[: len(texts)]
        return wanted & np.asarray(texts.is_valid(), np.uint8)

    return RowFilter(column, wants, tells_all)
