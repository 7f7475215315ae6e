"""Register partitions made from plain lines, for tests of the join."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_core.events import RegisterPartition, days_of, split_ids
from linkage_core.kernels.hashed_id_sort import sort_order


def person(number: int) -> bytes:
    """A hashed id whose order is that of the numbers; low and high words both differ."""
    return (number << 61 | number).to_bytes(16, "big")


def ids(numbers: Sequence[int]) -> pa.FixedSizeBinaryArray:
    return pa.array([person(number) for number in numbers], pa.binary(16))


def partition(
    lines: Sequence[tuple[bytes, dict[str, Any]]], schema: pa.Schema, *, date_column: str | None = "day"
) -> RegisterPartition:
    """A partition of these lines, sorted as the store sorts; a slice of a longer batch, as mapped files are."""
    high, low = split_ids(pa.array([who for who, _ in lines], pa.binary(16)))
    rows = pa.RecordBatch.from_pylist([row for _, row in lines], schema=schema)
    days = days_of(rows.column(date_column)) if date_column else np.zeros(len(lines), np.int32)
    order = sort_order(high, low, days)
    high, low = high[order], low[order]
    starts = np.flatnonzero(np.concatenate(([True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])))[: len(lines)])
    padded = pa.Table.from_batches([rows.slice(0, 1), rows.take(pa.array(order))]).combine_chunks()
    batches = padded.to_batches()
    sliced = batches[0].slice(min(1, len(lines))) if batches else rows
    return RegisterPartition(
        high[starts], low[starts], np.append(starts, len(lines)).astype(np.uint32), sliced, date_column
    )
