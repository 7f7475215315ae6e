"""The same rows for the peers: Parquet and DuckDB's own file, each in the order of delivery and sorted by person.

Sorted files are what a peer would keep for such questions: a person's rows side by side, by date, as in our store. Ids
are two uint64 columns, which every peer joins faster than 16 bytes; amounts are whole hundredths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from linkage_core.events import split_ids
from linkage_server.benchmark.asked_persons import AskedPersons
from linkage_server.benchmark.made_up_rows import Rows

ROW_GROUP = 1 << 18
MEMORY = "6GB"


@dataclass(frozen=True, slots=True)
class PeerFiles:
    """Where the peers' forms of one set of rows lie.

    Args:
        folder: of the rows.
    """

    folder: Path

    def parquet(self, form: str) -> Path:
        """`sorted` or `unsorted`."""
        return self.folder / f"{form}.parquet"

    def duckdb(self, form: str) -> Path:
        """`sorted` or `unsorted`."""
        return self.folder / f"{form}-{duckdb.__version__}.duckdb"

    def population(self, name: str) -> Path:
        """Parquet, by a name that tells how many persons."""
        return self.folder / f"population-{name}.parquet"


def write_peer_files(folder: Path, batches: Callable[[], Rows]) -> PeerFiles:
    """Every form that is not there yet."""
    files = PeerFiles(folder)
    if not files.parquet("unsorted").exists():
        _whole(files.parquet("unsorted"), lambda path: _write_as_delivered(path, batches()))
    for form, order in (("unsorted", ""), ("sorted", "order by hi, lo, dispensing_date")):
        if not files.duckdb(form).exists():
            query = f"from read_parquet('{files.parquet('unsorted')}') {order}"
            _whole(files.duckdb(form), partial(_write_duckdb, query))
    if not files.parquet("sorted").exists():
        _whole(files.parquet("sorted"), lambda path: _copy_out(files.duckdb("sorted"), path))
    return files


def write_population(files: PeerFiles, name: str, persons: AskedPersons) -> Path:
    """The asked persons for the peers: levels as small numbers and age bands worked out beforehand, their best form."""
    path = files.population(name)
    columns = {
        "hi": persons.high,
        "lo": persons.low,
        "person": pa.array(range(len(persons)), pa.int32()),
        "index_date": pa.array(persons.index_day).cast(pa.date32()),
        "hospital": persons.hospital,
        "county": persons.county,
        "age": persons.age_band(),
        "sex": persons.sex,
    }
    pq.write_table(pa.table(columns), path, row_group_size=ROW_GROUP)
    return path


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """A file is there whole or not at all, whatever ends the run."""
    unfinished = path.with_name(f".{path.name}.partial")
    unfinished.unlink(missing_ok=True)
    write(unfinished)
    unfinished.rename(path)


def _write_as_delivered(path: Path, batches: Rows) -> None:
    writer = None
    for ids, rows in batches:
        high, low = split_ids(ids)
        columns = {name: rows.column(name) for name in rows.schema.names}
        columns["atc"] = columns["atc"].cast(pa.string())
        table = pa.table({"hi": high, "lo": low, **columns})
        # Ids are random: a dictionary of them would be built and thrown away in each row group.
        writer = writer or pq.ParquetWriter(
            path, table.schema, compression="snappy", use_dictionary=["dispensing_date", "atc", *rows.schema.names[2:]]
        )
        writer.write_table(table, row_group_size=ROW_GROUP)
    assert writer is not None, "no rows"
    writer.close()


def _write_duckdb(query: str, path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        _bound(database, path.parent)
        database.execute(f"create table dispensings as {query}")
        database.execute("checkpoint")


def _copy_out(source: Path, path: Path) -> None:
    with duckdb.connect(str(source), read_only=True) as database:
        _bound(database, path.parent)
        database.execute(
            f"copy dispensings to '{path}' (format parquet, compression snappy, row_group_size {ROW_GROUP})"
        )


def _bound(database: duckdb.DuckDBPyConnection, folder: Path) -> None:
    database.execute(f"set memory_limit = '{MEMORY}'")
    database.execute(f"set temp_directory = '{folder / 'duckdb-spill'}'")
