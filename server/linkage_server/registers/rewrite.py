"""Writes a register anew from its own segments: compacted into fewer, or with ids under the next pepper.

Both stream the segments, oldest delivery first, through an ordinary load session, so that memory stays bounded and the
order of a person's rows stays what it was. Killed, they leave the old snapshot served; run again, they start over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from linkage_core.dictionaries import is_code_list
from linkage_core.events import RegisterPartition, join_ids
from linkage_server.registers.load_session import LoadSession

ROWS_AT_ONCE = 1 << 18

MapIds = Callable[[pa.FixedSizeBinaryArray], pa.FixedSizeBinaryArray]


def copy_rows(partitions: list[RegisterPartition], session: LoadSession, *, map_ids: MapIds | None = None) -> None:
    """Add every row of the partitions to the session, in order; `map_ids` changes whose they are."""
    schema = _newest_schema(partitions)
    for partition in partitions:
        for first, last in _runs_of_persons(partition):
            hashed_ids = join_ids(partition.keys_hi[first:last], partition.keys_lo[first:last])
            if map_ids is not None:
                hashed_ids = map_ids(hashed_ids)
            ends = partition.offsets[first : last + 1].astype(np.int64)
            owner = np.repeat(np.arange(last - first), np.diff(ends))
            rows = partition.rows.slice(ends[0], ends[-1] - ends[0])
            session.add(hashed_ids.take(pa.array(owner)), _under(schema, rows))


def _runs_of_persons(partition: RegisterPartition) -> Iterator[tuple[int, int]]:
    """Ranges of whole persons with about ROWS_AT_ONCE rows each."""
    first = 0
    while first < partition.persons:
        wanted = int(partition.offsets[first]) + ROWS_AT_ONCE
        last = max(first + 1, int(np.searchsorted(partition.offsets, wanted, side="right")) - 1)
        last = min(last, partition.persons)
        yield first, last
        first = last


def _newest_schema(partitions: list[RegisterPartition]) -> pa.Schema:
    """Every column there is, texts plain: the dictionaries of the segments differ."""
    fields: dict[str, pa.Field] = {}
    for partition in reversed(partitions):
        for field in partition.rows.schema:
            fields.setdefault(field.name, field.with_type(_plain(field.type)))
    return pa.schema(list(fields.values()))


def _under(schema: pa.Schema, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with the columns of `schema`; what they lack is null."""
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.list_(kind.value_type.value_type) if is_code_list(kind) else kind
