"""What a side has written, read back and summed up: equal for all that hold the same rows in the same order."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_server.benchmark.questions import Answer

ROWS_AT_ONCE = 1 << 20
UInt64s = npt.NDArray[np.uint64]
_MULTIPLIERS = [np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)]


def summed_up(batches: Iterable[pa.RecordBatch]) -> Answer:
    """Rows, the order of ids and dates, and a sum over all rows that does not tell rows of one id and date apart.

    Args:
        batches: hi, lo, dispensing_date, atc, packages, ddd_per_package.
    """
    rows, total, order = 0, 0, sha256()
    for batch in batches:
        id_and_date = [_words(batch.column(name)) for name in ("hi", "lo", "dispensing_date")]
        order.update(np.stack(id_and_date, axis=1).data)  # row by row, so that batches of any length are equal
        who = np.bitwise_xor.reduce([words * by for words, by in zip(id_and_date, _MULTIPLIERS, strict=True)])
        what = _words(batch.column("packages")) * _MULTIPLIERS[0] + _words(batch.column("ddd_per_package"))
        mixed = (who ^ (who >> np.uint64(29))) * (what * _MULTIPLIERS[1] + _codes(batch.column("atc")))
        total = (total + int(mixed.sum())) % (1 << 64)
        rows += batch.num_rows
    return {"rows": rows, "sum of all rows": total, "order": int.from_bytes(order.digest()[:6])}


def _words(column: pa.Array) -> UInt64s:
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    words: UInt64s = column.to_numpy(zero_copy_only=False).astype(np.uint64)
    return words


def _codes(column: pa.Array) -> UInt64s:
    """Each text as a number that follows from its bytes."""
    coded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    numbers = [int.from_bytes(sha256(text.encode()).digest()[:8]) for text in coded.dictionary.to_pylist()]
    found: UInt64s = np.array(numbers, np.uint64)[coded.indices.to_numpy()]
    return found
