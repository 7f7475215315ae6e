"""Rows of persons side by side, read one lane at a time.

Twin of the kernel rows_side_by_side: which person lies in which lane is its own choice, so what it laid is read back.
"""

from __future__ import annotations

from collections.abc import Sequence

LANES = 8


def numbered(drugs: Sequence[object]) -> list[int]:
    """A person's drugs by number, in the order in which they come."""
    return [list(dict.fromkeys(drugs)).index(drug) for drug in drugs]


def rows_of_lane(laid: Sequence[int], block_at: Sequence[int], place: int) -> list[int]:
    """What a column has in one lane, from its block's first row to its last."""
    block, lane = divmod(place, LANES)
    return [laid[row * LANES + lane] for row in range(block_at[block], block_at[block + 1])]
