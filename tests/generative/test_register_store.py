"""Whatever is loaded, in whatever memory and however often rewritten, comes back as the reference says."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.events import HASHED_ID
from linkage_server.registers.store import RegisterStore
from tests.reference.join import rows_by_person
from tests.support.register_loads import Line, events, load, rows_of

CODES = st.sampled_from(["A10BA02", "C10AA05", "-", "BLANKED", "Ångström"])
PERSONS = st.integers(0, 9).map(lambda number: hashlib.sha256(bytes([number])).digest()[:16])
ROWS = st.fixed_dictionaries(
    {
        "day": st.none() | st.integers(0, 9).map(lambda day: date(2024, 1, 4) + timedelta(days=day)),
        "atc": st.none() | CODES,
        "causes": st.none() | st.lists(st.none() | CODES, max_size=3),
        "text": st.none() | st.text(max_size=4),
        "packages": st.none() | st.integers(-200, 200),
    }
)
DELIVERIES = st.lists(st.lists(st.tuples(PERSONS, ROWS), max_size=25), min_size=1, max_size=3)


def next_version(hashed_ids: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
    return pa.array([hashlib.sha256(one).digest()[:16] for one in hashed_ids.to_pylist()], HASHED_ID)


@settings(max_examples=40, deadline=None)
@given(deliveries=DELIVERIES, memory_bytes=st.sampled_from([1, 6_000, 1 << 30]))
def test_rows_survive_spilling_compaction_and_rehashing(deliveries: list[list[Line]], memory_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RegisterStore(Path(folder), memory_bytes=memory_bytes)
        for number, lines in enumerate(deliveries):
            loaded = load(store, lines, name=str(number))
        persons = sorted({who for lines in deliveries for who, _ in lines})
        expected = rows_by_person(persons, deliveries)
        assert rows_of(events(store, persons)) == expected
        assert loaded.rows == sum(len(lines) for lines in deliveries)

        compacted = store.compact("lmed")
        assert rows_of(events(store, persons)) == expected
        assert compacted.deliveries == loaded.deliveries
        store.verify(compacted)

        moved = store.rehash("lmed", pepper_version=2, map_ids=next_version)
        assert moved.pepper_version == 2
        linked = next_version(pa.array(persons, HASHED_ID)).to_pylist()
        rows = dict(zip(sorted(linked), rows_of(events(store, linked)), strict=True))
        assert [rows[one] for one in linked] == expected
        assert rows_of(events(store, persons, manifest=loaded)) == expected
