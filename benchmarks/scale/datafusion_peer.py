"""DataFusion on Parquet."""

from __future__ import annotations

import datafusion
import pyarrow as pa
import pyarrow.parquet

from benchmarks.scale.peer import THREADS, Asked, Peer
from benchmarks.scale.sql import DATAFUSION, queries


class DataFusion(Peer):
    """Filters are pushed into the Parquet reader; the population is a table in memory."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        config = (
            datafusion.SessionConfig()
            .with_target_partitions(THREADS)
            .with_parquet_pruning(True)
            .set("datafusion.execution.parquet.pushdown_filters", "true")
            .set("datafusion.execution.parquet.reorder_filters", "true")
        )
        self._context = datafusion.SessionContext(config)
        self._context.register_parquet("dispensings", str(asked.parquet))
        population = pa.parquet.read_table(asked.population)
        self._context.register_record_batches("population", [population.to_batches()])
        self._queries = queries(asked.question, DATAFUSION, rows="dispensings", first_year=asked.first_year)

    def ask(self) -> list[pa.Table]:
        return [self._context.sql(query).to_arrow_table() for query in self._queries]
