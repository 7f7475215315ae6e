"""How many blocks of persons a run is cut into, and the most it is expected to hold beside the mapped registers.

The blocks are those that `linkage_core.compute` will make: the rule is the core's own.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from linkage_core.blocks import BYTES_A_KEPT_ROW, BYTES_A_PERSON, BYTES_A_VALUE, block_size


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Blocks of persons.

    Attributes:
        split: whether there are more of them than there would be with memory enough.
        peak_bytes: of the blocks that are computed at once.
    """

    blocks: int
    split: bool
    peak_bytes: int


def plan_blocks(*, persons: int, rows_a_person: float, values: int, threads: int, memory_bytes: int) -> MemoryPlan:
    """The blocks of a run; see `linkage_core.blocks.block_size` for what the numbers mean."""

    def size(within: int) -> int:
        return block_size(
            persons=persons, rows_a_person=rows_a_person, values=values, memory_bytes=within, threads=threads
        )

    block = size(memory_bytes)
    blocks = math.ceil(persons / block)
    a_person = rows_a_person * BYTES_A_KEPT_ROW + values * BYTES_A_VALUE + BYTES_A_PERSON
    return MemoryPlan(blocks, block < size(sys.maxsize), round(block * a_person * min(threads, blocks)))
