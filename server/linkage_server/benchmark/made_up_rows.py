"""Made-up dispensings in any number, streamed: the same numbers give the same rows on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa

from linkage_server.demo.made_up_registers import made_up_dispensings

REGISTER = "dispensings"
ROWS_A_PERSON = 15
SCHEMA = pa.schema(
    [
        pa.field("dispensing_date", pa.date32()),
        pa.field("atc", pa.dictionary(pa.int32(), pa.string())),
        pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
        pa.field("ddd_per_package", pa.int32(), metadata={b"scale": b"100"}),
    ]
)
"""What a benchmark reads of a dispensing. Supplies are of whole days, so that every answer is a whole number."""

Rows = Iterator[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]


@dataclass(frozen=True, slots=True)
class MadeUpRows:
    """Dispensings of two years: lognormal over persons, Zipf over 2,000 codes, in random order.

    Args:
        rows: how many.
        persons: of whom; by default one for fifteen rows, as 50 million dispensings of 3.3 million persons.
        seed: another seed gives other rows.
    """

    rows: int
    persons: int = 0
    seed: int = 1

    @property
    def key(self) -> str:
        """Names the rows: equal keys, equal rows."""
        return hashlib.sha256(json.dumps([1, asdict(self)]).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.rows:,} made-up dispensings of {self._persons:,} persons"

    @property
    def _persons(self) -> int:
        return self.persons or self.rows // ROWS_A_PERSON

    def batches(self) -> Rows:
        """Hashed ids and rows, 2^20 at a time."""
        for ids, rows in made_up_dispensings(self.rows, self._persons, self.seed):
            yield ids, pa.RecordBatch.from_arrays([rows.column(name) for name in SCHEMA.names], schema=SCHEMA)
