"""DuckDB, on its own file and on Parquet."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.scale.peer import THREADS, Asked, Peer
from benchmarks.scale.sql import DUCKDB, queries


class DuckDB(Peer):
    """A connection that stays open between questions, as a tuned service would keep it."""

    def __init__(self, asked: Asked, *, native: bool) -> None:
        super().__init__(asked)
        self._native = native
        rows = "dispensings" if native else f"read_parquet('{asked.parquet}')"
        self._queries = queries(asked.question, DUCKDB, rows=rows, first_year=asked.first_year)
        self._database = self._connect()

    def ask(self) -> list[pa.Table]:
        return [self._database.sql(query).to_arrow_table() for query in self._queries]

    def forget(self) -> None:
        self._database.close()
        self._database = self._connect()

    def files(self) -> list[Path]:
        return [self.asked.files.duckdb(self.asked.form) if self._native else self.asked.parquet]

    def _connect(self) -> duckdb.DuckDBPyConnection:
        database = (
            duckdb.connect(str(self.asked.files.duckdb(self.asked.form)), read_only=True)
            if self._native
            else duckdb.connect()
        )
        database.execute(f"set threads = {THREADS}")
        # The order of groups is nobody's concern, and keeping it costs.
        database.execute("set preserve_insertion_order = false")
        database.execute(f"create temp table population as from read_parquet('{self.asked.population}')")
        return database
