"""A load session refuses what the store cannot hold, and stays within the memory it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EventsRejected
from linkage_core.events import HASHED_ID
from linkage_server.registers import load_texts
from linkage_server.registers.load_session import LoadSession
from linkage_server.registers.load_texts import merge_texts
from linkage_server.registers.mapped_files import MappedFiles
from tests.support.partitions import person

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1 << 20


def test_a_type_that_the_store_does_not_hold_is_refused_by_name(tmp_path: Path) -> None:
    session = LoadSession(tmp_path, date_column=None, memory_bytes=MEMORY)
    rows = pa.record_batch({"raw": pa.array([b"x"])})
    with pytest.raises(EventsRejected, match="'raw'"):
        session.add(pa.array([person(1)], HASHED_ID), rows)
    session.close()


@pytest.mark.parametrize("at_once", [64, 1 << 20])
def test_many_texts_are_merged_a_range_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(load_texts, "TEXTS_AT_ONCE", at_once)
    texts = ["", "å", "Ångström", "\U0001f600", *(f"text {number * 7919 % 1000}" for number in range(900))]
    runs = [sorted({*texts[start::3], "in all"}, key=str.encode) for start in range(3)]
    arrays = [*(pa.array(run, pa.string()) for run in runs), pa.array([], pa.string())]
    merged, tables = merge_texts(arrays, MappedFiles(tmp_path))
    assert merged.to_pylist() == sorted({*texts, "in all"}, key=str.encode)
    for run, table in zip(runs, tables, strict=False):
        assert merged.take(pa.array(np.asarray(table))).to_pylist() == run


LOAD_MUCH = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa
from linkage_core.events import HASHED_ID
from linkage_server.registers.load_memory import peak_resident_bytes
from linkage_server.registers.load_session import LoadSession

random = np.random.default_rng(1)
persons = pa.FixedSizeBinaryArray.from_buffers(HASHED_ID, 200_000, [None, pa.py_buffer(random.bytes(16 * 200_000))])
session = LoadSession(Path(sys.argv[1]), date_column="day", memory_bytes=int(sys.argv[2]), threads=2)
for batch in range(int(sys.argv[3])):
    rows = 20_000
    ids = persons.take(pa.array(random.integers(0, len(persons), rows)))
    day = pa.array(random.integers(18_000, 19_000, rows).astype(np.int32)).cast(pa.date32())
    numbers = {f"number {place}": pa.array(random.integers(0, 2**62, rows)) for place in range(10)}
    text = pa.array([f"free text of row {batch} {row}" for row in range(rows)])
    session.add(ids, pa.record_batch({"day": day, "text": text, **numbers}))
(segment,) = session.write_segments()
print(segment.rows, peak_resident_bytes(), session.figures.spilled_bytes)
session.close()
"""


def test_a_load_stays_within_the_memory_it_was_given(tmp_path: Path) -> None:
    path = os.pathsep.join(str(ROOT / root) for root in (".", "core", "server"))
    memory_bytes, batches = 512 << 20, 150
    ran = subprocess.run(
        [sys.executable, "-c", LOAD_MUCH, str(tmp_path), str(memory_bytes), str(batches)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    rows, most_resident, spilled = map(int, ran.stdout.split())
    assert rows == batches * 20_000
    assert spilled > 50 << 20
    assert most_resident < memory_bytes
