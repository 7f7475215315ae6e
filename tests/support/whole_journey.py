"""An order from file to fetched table on a running service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from tests.support.loaded_service import LoadedService

_ORDER = """
title = "{title}"
purpose = "quality assurance"
registers = {registers}
formats = ["parquet", "csv", "json-stat", "html"]
by = {by}

[[indicators]]
inline = '''
{indicators}
'''

[population]
index_date = true
strata = {strata}
reference_date = 2026-01-15

[contact]
name = "Test"
email = "test@example.org"

[legal_basis]
text = "Made-up persons."
"""


def fetched(
    running: LoadedService,
    client: ClientHome,
    folder: Path,
    *,
    population: Path,
    indicators: str,
    by: Sequence[Sequence[str]] = (),
    strata: Sequence[str] = (),
    registers: Sequence[str] = ("lmed",),
) -> pa.Table:
    """Submit, approve, release, fetch and verify; the delivery lies in `folder`/delivery."""
    order = folder / "order.toml"
    order.write_text(
        _ORDER.format(
            title=folder.name,
            registers=list(registers),
            by=[list(crossing) for crossing in by],
            strata=list(strata),
            indicators=indicators,
        ),
        encoding="utf-8",
    )
    with Linkage(client.root) as linkage:
        name = linkage.submit(order, population).order.name
        running.wait_until(name, {"awaiting_approval"})
        running.approve(name)
        running.wait_until(name, {"awaiting_release", "failed"})
        running.release(name)
        linkage.fetch(name, folder / "delivery")
    verify(folder / "delivery", home=client.root)
    return pq.read_table(folder / "delivery" / "table.parquet")
