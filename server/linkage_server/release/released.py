"""Protected tables become released ones: the only door, and it takes nothing but a `ProtectedTable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from linkage.released_table import (
    AS_OF,
    NUMBER_COLUMNS,
    LineStatus,
    MissingValue,
    ReleasedDimension,
    ReleasedTable,
    RowShare,
    schema_of,
)
from linkage_core.disclosure import ProtectedTable

REASONS = {
    LineStatus.OK: "",
    # One word for all: a reader must not tell a small cell from one kept back for its sake.
    LineStatus.SUPPRESSED: "small_cell_protection",
    LineStatus.INCOMPLETE: "window_not_complete",
    LineStatus.UNDEFINED: "empty_denominator",
}
OPEN_ENDED = "open_ended"
"""Why a quantile of persons who are there has no value: its bin has no end, or the curve stays above it."""

BESIDE_EARLIER = (
    "Lines are of the release that as_of names: where few persons joined or left since, or to hide where they did, the "
    "earlier number stands. Lines of different releases need not add up."
)


def release(protected: ProtectedTable) -> ReleasedTable:
    """The table that may leave, lines in their order, all kept-back lines alike."""
    dimensions = tuple(
        ReleasedDimension(one.name, tuple(one.levels), bool(one.multi_response)) for one in protected.dimensions
    )
    missing = tuple(_missing(one) for one in protected.reasons.to_pylist())
    row_shares = tuple(_row_share(one) for one in protected.row_shares.to_pylist())
    table = _alike(protected.table, dimensions)
    notes = (BESIDE_EARLIER,) if AS_OF in table.column_names else ()
    return ReleasedTable(table, dimensions, notes, missing, row_shares)


def _row_share(one: dict[str, Any]) -> RowShare:
    kept_back = one["status"] == LineStatus.SUPPRESSED
    words = {name: one[name] for name in ("indicator", "parameters", "question", "part")}
    return RowShare(**words, per_cent=None if kept_back else one["per_cent"])


def _missing(one: dict[str, Any]) -> MissingValue:
    indicator, _, parameters = one["indicator"].partition("/")
    kept_back = one["status"] == LineStatus.SUPPRESSED
    return MissingValue(indicator, parameters, one["reason"], None if kept_back else one["persons"])


def _alike(table: pa.Table, dimensions: Sequence[ReleasedDimension]) -> pa.Table:
    """The table with nothing left in kept-back lines, whatever wrote them, and one reason for each status."""
    suppressed = pc.equal(table["status"], LineStatus.SUPPRESSED.value)
    for name, kind in NUMBER_COLUMNS.items():
        numbers = pc.if_else(suppressed, pa.scalar(None, kind), table[name].cast(kind))
        table = table.set_column(table.column_names.index(name), name, numbers)
    reasons = {status.value: reason for status, reason in REASONS.items()}
    words = pa.array([reasons[status] for status in table["status"].to_pylist()], pa.string())
    undefined = pc.equal(table["status"], LineStatus.UNDEFINED.value)
    of_persons = pc.fill_null(pc.greater(table["denominator"], 0), fill_value=False)
    words = pc.if_else(pc.and_(undefined, of_persons), OPEN_ENDED, words)
    table = table.set_column(table.column_names.index("reason"), "reason", words)
    schema = schema_of(dimensions, as_of=AS_OF in table.column_names)
    return table.select(schema.names).cast(schema).combine_chunks()
