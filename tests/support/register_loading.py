"""Load made-up deliveries in tests: settings with a fixed clock, and CSV files with official test numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from linkage.code_lists import load_code_lists
from linkage.register_catalogue import RegisterDefinition, load_register_definition
from linkage_core.narrow_columns import widen_rows
from linkage_core.pseudonyms import Pepper
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.registers.ingest import IngestSettings
from linkage_server.registers.store import RegisterStore

DEFINITIONS = Path(__file__).parent / "registers"
TODAY = date(2026, 11, 22)
PEPPER = Pepper(version=1, key=bytes(range(32)))
PERSONS = read_test_numbers()[:5000]


def test_definition(name: str) -> RegisterDefinition:
    """A definition of a file that somebody else made."""
    return load_register_definition(DEFINITIONS / f"{name}.toml")


test_definition.__test__ = False  # type: ignore[attr-defined]


def settings_in(folder: Path) -> IngestSettings:
    """Settings of a home folder, always on the same day."""
    return IngestSettings(
        store=RegisterStore(folder / "store", clock=lambda: datetime(2026, 11, 22, tzinfo=UTC)),
        quarantine_folder=folder / "quarantine",
        peppers=(PEPPER,),
        today=TODAY,
        reference_date=TODAY,
        lists={system: codes.as_arrow() for system, codes in load_code_lists().items()},
        clock=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        monotonic=lambda: 0.0,
    )


def stored_rows(settings: IngestSettings, register: str, columns: Sequence[str] = ()) -> pa.Table:
    """Every stored row of a register, codes as plain text, in no promised order."""
    manifest = settings.store.current(register)
    tables = []
    for partition in settings.store.partitions(manifest):
        table = pa.Table.from_batches([widen_rows(partition.rows)])
        tables.append(table.select(list(columns)) if columns else table)
    return pa.concat_tables([_decoded(table) for table in tables])


def write_csv(path: Path, lines: Sequence[str], *, encoding: str = "utf-8") -> Path:
    """A text file of these lines."""
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def _decoded(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
        elif pa.types.is_list(field.type) and pa.types.is_dictionary(field.type.value_type):
            table = table.set_column(
                place, field.name, pa.chunked_array([table.column(place).to_pylist()], pa.list_(pa.string()))
            )
    return table
