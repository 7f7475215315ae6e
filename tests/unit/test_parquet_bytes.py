"""Parquet from bytes: the same table, and no thread of pyarrow that outlives the reading."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.parquet_bytes import read_parquet

_THREADS = """
import io, os, pyarrow as pa, pyarrow.parquet as pq
from linkage.parquet_bytes import read_parquet
file = io.BytesIO()
pq.write_table(pa.table({str(n): list(range(100)) for n in range(20)}), file)
before = set(os.listdir("/proc/self/task"))
read_parquet(file.getvalue())
print(len(set(os.listdir("/proc/self/task")) - before))
"""


def test_the_table_comes_back_with_its_metadata() -> None:
    table = pa.table({"a": [1, None, 3], "b": ["x", "å", None]}).replace_schema_metadata({"k": "v"})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    again = read_parquet(file.getvalue())
    assert again.equals(table)
    assert (again.schema.metadata or {})[b"k"] == b"v"


def test_other_bytes_are_refused() -> None:
    with pytest.raises((pa.ArrowException, OSError)):
        read_parquet(b"PAR1 but not really PAR1")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted as Linux tells them")
def test_no_thread_is_started_that_could_hold_the_bytes_at_the_end() -> None:
    """A thread that lets go of Python bytes while the interpreter ends aborts the process with exit code 134."""
    done = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_bytes_are_read_in_this_one_way() -> None:
    root = Path(__file__).parents[2]
    other = re.compile(r"(read_table|ParquetFile)\(\s*(io\.BytesIO|pa\.BufferReader|BytesIO|BufferReader)")
    found = [
        str(path.relative_to(root))
        for folder in ("linkage", "core", "server", "client")
        for path in (root / folder).rglob("*.py")
        if path.name != "parquet_bytes.py" and other.search(path.read_text("utf-8"))
    ]
    assert not found
