"""What the opener is told, as a type and as the JSON that crosses the pipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from linkage.envelope_keys import RecipientKeyPair
from linkage.envelope_manifest import Column
from linkage.signatures import PublicSigningKeys
from linkage_core.pseudonyms import Pepper


@dataclass(frozen=True, slots=True, repr=False)
class OpeningTask:
    """What the opener is told: keys, and what the envelope must say.

    Args:
        recipients: the holder's secret envelope keys that are still accepted.
        signing_keys: the sending organisation's public keys that are still accepted.
        peppers: the keys that identity numbers are hashed under, first version to newest.
        order, organisation, upload_id: what the manifest must name.
        columns: what the order declared: name and type of each column, in order.
        reference_date: what the order fixed, or None.
        now: the time, for the envelope's expiry.
        rows_max: more rows than this are refused.
    """

    recipients: tuple[RecipientKeyPair, ...]
    signing_keys: tuple[PublicSigningKeys, ...]
    peppers: tuple[Pepper, ...]
    order: str
    organisation: str
    upload_id: str
    columns: tuple[Column, ...]
    reference_date: date | None
    now: datetime
    rows_max: int


# Any: JSON.
def task_to_json(task: OpeningTask) -> dict[str, Any]:
    """The task for the opener's standard input. Holds secrets: it never goes to a file, an argument or a log."""
    return {
        "recipients": [key.to_pem().decode("ascii") for key in task.recipients],
        "signing_keys": [keys.to_json() for keys in task.signing_keys],
        "peppers": [{"version": pepper.version, "key": pepper.key.hex()} for pepper in task.peppers],
        "order": task.order,
        "organisation": task.organisation,
        "upload_id": task.upload_id,
        "columns": [[column.name, column.type] for column in task.columns],
        "reference_date": task.reference_date.isoformat() if task.reference_date else None,
        "now": task.now.isoformat(),
        "rows_max": task.rows_max,
    }


def task_from_json(told: dict[str, Any]) -> OpeningTask:
    """Read what `task_to_json` gave."""
    return OpeningTask(
        recipients=tuple(RecipientKeyPair.from_pem(pem.encode("ascii")) for pem in told["recipients"]),
        signing_keys=tuple(PublicSigningKeys.from_json(text) for text in told["signing_keys"]),
        peppers=tuple(Pepper(version=one["version"], key=bytes.fromhex(one["key"])) for one in told["peppers"]),
        order=told["order"],
        organisation=told["organisation"],
        upload_id=told["upload_id"],
        columns=tuple(Column(name, kind) for name, kind in told["columns"]),
        reference_date=date.fromisoformat(told["reference_date"]) if told["reference_date"] else None,
        now=datetime.fromisoformat(told["now"]),
        rows_max=told["rows_max"],
    )
