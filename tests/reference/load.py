"""A load written to be obviously right, as a whole and in its parts.

Twins of the kernels partition_rows (dealt, after order_by_partition) and collect_rows (collected).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.events import days_of, split_ids

Words = npt.NDArray[Any]


def dealt(
    values: Sequence[int], absent: Sequence[bool], partition: Sequence[int], width: int, *, base: int = 0
) -> list[bytes]:
    """The bytes of each partition, in order of arrival."""
    parts: list[bytes] = [b""] * (max(partition, default=-1) + 1)
    for value, missing, place in zip(values, absent, partition, strict=True):
        stored = 0 if missing else (value - base) % (1 << (8 * width))
        parts[place] += stored.to_bytes(width, "little")
    return parts


def collected(
    pieces: Sequence[tuple[Sequence[int], Sequence[bool], Sequence[int] | None, int]], width: int
) -> list[int]:
    """The values of all pieces: a place of a table, or the stored value plus the shift; 0 where it is absent."""
    values = []
    for stored, absent, table, shift in pieces:
        for one, missing in zip(stored, absent, strict=True):
            value = table[one] if table is not None else one + shift
            values.append(0 if missing else value % (1 << (8 * width)))
    return values


def sorted_rows(
    ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch, *, date_column: str
) -> tuple[Words, pa.RecordBatch]:
    """The order of the rows by (id, date, arrival), and the rows in it with alphabetical dictionaries."""
    high, low = split_ids(ids)
    days = days_of(rows.column(date_column))
    order = np.array(sorted(range(len(ids)), key=lambda row: (high[row], low[row], days[row], row)), np.int64)
    columns = [_coded(column.take(pa.array(order))) for column in rows.columns]
    fields = [field.with_type(column.type) for field, column in zip(rows.schema, columns, strict=True)]
    return order, pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _coded(column: pa.Array) -> pa.Array:
    """Texts with a dictionary of those that occur, in the order of their bytes."""
    kind = column.type
    if pa.types.is_list(kind) and _is_text(kind.value_type):
        values = _coded(column.flatten())
        lengths = [0 if one is None else len(one) for one in column.to_pylist()]
        ends = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
        return pa.ListArray.from_arrays(ends, values, mask=column.is_null() if column.null_count else None)
    if not _is_text(kind):
        return column
    texts = column.to_pylist()
    distinct = sorted({text for text in texts if text is not None}, key=str.encode)
    places = {text: place for place, text in enumerate(distinct)}
    codes = pa.array([None if text is None else places[text] for text in texts], pa.uint32())
    return pa.DictionaryArray.from_arrays(codes, pa.array(distinct, pa.string()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))
