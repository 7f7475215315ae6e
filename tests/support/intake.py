"""What intake's tests share: a task for the opener, and containers made for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from linkage.envelope_manifest import Column
from linkage.envelope_payload import column_descriptions
from linkage_core.pseudonyms import Pepper
from linkage_server.intake.opening_task import OpeningTask
from tests.support.sealing import NOW, ORDER, ORGANISATION, UPLOAD_ID, Sealer, population

PEPPER = Pepper(version=1, key=bytes(range(32)))


def opening_task(sealer: Sealer, **overrides: object) -> OpeningTask:
    """The task that opens what `sealer` seals by default."""
    task = OpeningTask(
        recipients=(sealer.recipient,),
        signing_keys=(sealer.signing_key.public,),
        peppers=(PEPPER,),
        order=ORDER,
        organisation=ORGANISATION,
        upload_id=UPLOAD_ID,
        columns=tuple(Column(column.name, int(column.type)) for column in column_descriptions(population())),
        reference_date=None,
        now=NOW,
        rows_max=1_000_000,
    )
    return dataclasses.replace(task, **overrides)  # type: ignore[arg-type]


def seal_default(sealer: Sealer, folder: Path, *, rows: int = 10) -> Path:
    """A container of the first test numbers."""
    return sealer.seal(folder / "container.sealed", population(rows=rows)).path
