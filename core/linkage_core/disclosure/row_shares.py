"""Which share of the rows behind an indicator each part has, as far as it may be known.

A share is told where so many persons as a cell needs have such rows, or none. What is kept back never stands alone: the
least of the other parts is kept back with it, or else the rest of 100 % would tell it. Shares are rounded to steps
of so many rows as a cell needs persons, so that no few rows can be read off them, neither here nor by comparing
two indicators or two orders.
"""

from __future__ import annotations

import pyarrow as pa

from linkage.disclosure_policy import DisclosurePolicy
from linkage.released_table import LineStatus
from linkage_core.counted_table import CountedTable, RowParts

_STEPS = (1, 2, 5, 10, 20, 50)


def row_shares_table(table: CountedTable, policy: DisclosurePolicy) -> pa.Table:
    """Shares in per cent: indicator, parameters, question, part, per_cent (null where kept back), status."""
    told = [
        (one.indicator, one.parameters, one.question, part, share)
        for one in table.row_parts
        if sum(one.rows)
        for part, share in zip(one.parts, shares(one, policy), strict=True)
    ]
    status = [(LineStatus.SUPPRESSED if share is None else LineStatus.OK).value for *_, share in told]
    words = ("indicator", "parameters", "question", "part")
    return pa.table(
        {
            **{name: pa.array([one[place] for one in told], pa.string()) for place, name in enumerate(words)},
            "per_cent": pa.array([share for *_, share in told], pa.int64()),
            "status": pa.array(status, pa.string()),
        }
    )


def shares(parts: RowParts, policy: DisclosurePolicy) -> list[int | None]:
    """Per cent of each part, None where it is kept back."""
    total, least = sum(parts.rows), policy.minimum_cell
    step = next((step for step in _STEPS if total * step >= 100 * least), None)
    if step is None:
        return [None] * len(parts.parts)
    hidden = {
        place
        for place, persons in enumerate(parts.persons)
        if 0 < persons < least or (persons == 0 and not policy.zero_shown)
    }
    if hidden:
        others = [place for place, persons in enumerate(parts.persons) if persons >= least]
        hidden |= {min(others, key=lambda place: (parts.persons[place], place))} if others else set()
        if not others or len(others) == 1:
            # Nothing but zeros would be left, or one part that the rest tells.
            hidden = set(range(len(parts.parts)))
    return [None if place in hidden else _rounded(rows, total, step) for place, rows in enumerate(parts.rows)]


def _rounded(rows: int, total: int, step: int) -> int:
    """Half up; what is there is never told as nothing, nor what is not everything as all."""
    steps = (200 * rows + step * total) // (2 * step * total)
    most = 100 // step
    return step * (min(max(steps, 1), most - 1) if 0 < rows < total and most > 1 else steps)
