"""Small register loads for tests of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from linkage_core.events import PersonEvents, Population
from linkage_core.join import join_events
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.store import RegisterStore

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("atc", pa.dictionary(pa.uint32(), pa.string())),
        pa.field("causes", pa.list_(pa.string())),
        pa.field("text", pa.string()),
        pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
    ]
)

Line = tuple[bytes, dict[str, Any]]


def load(
    store: RegisterStore,
    lines: Sequence[Line],
    *,
    name: str = "first",
    schema: pa.Schema = SCHEMA,
    lines_at_once: int = 7,
    pepper_version: int = 1,
    replace: bool = False,
    date_column: str = "day",
) -> Manifest:
    """Load lines as one delivery into the register `lmed`."""
    with store.begin_load(
        "lmed",
        definition_sha256="definition",
        date_column=date_column,
        pepper_version=pepper_version,
        delivery_name=name,
        content_sha256=f"content of {name}",
        replace=replace,
    ) as session:
        for start in range(0, len(lines), lines_at_once):
            part = lines[start : start + lines_at_once]
            ids = pa.array([who for who, _ in part], pa.binary(16))
            session.add(ids, pa.RecordBatch.from_pylist([row for _, row in part], schema=schema))
        return session.publish()


def events(store: RegisterStore, population: Sequence[bytes], *, manifest: Manifest | None = None) -> PersonEvents:
    """What the register holds about these persons."""
    chosen = manifest or store.current("lmed")
    return join_events(Population(pa.array(sorted(population), pa.binary(16))), store.partitions(chosen))


def rows_of(found: PersonEvents) -> list[list[dict[str, Any]]]:
    """The rows of each person."""
    rows = found.rows.to_pylist()
    return [rows[first:last] for first, last in zip(found.offsets, found.offsets[1:], strict=False)]
