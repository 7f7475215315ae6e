"""The long table as Parquet: types kept, nulls kept, provenance in the file's metadata."""

from __future__ import annotations

from linkage.released_table import ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery_file import DeliveryFile


def parquet_files(released: ReleasedTable, context: ReleaseContext) -> list[DeliveryFile]:
    """`table.parquet`."""
    metadata = {
        "order": context.order,
        "title": context.title,
        "policy": f"{context.policy.id}@{context.policy.version}",
        "snapshots": ", ".join(one.entry.snapshot for one in context.registers),
    }
    content = released.to_parquet(metadata=metadata)
    return [DeliveryFile("table.parquet", "application/vnd.apache.parquet", content, released.table.num_rows)]
