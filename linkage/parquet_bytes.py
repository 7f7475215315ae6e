"""Parquet files whose bytes are at hand."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq


def read_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file, read on the calling thread.

    pyarrow's own threads may still hold the bytes, a Python object, when the interpreter ends: letting go of them then
    aborts the process, whatever its exit code was to be.

    Raises:
        pa.ArrowException, OSError: these are not the bytes of a Parquet file.
    """
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
        return file.read(use_threads=False)
