"""Indicator sets that orders named, as they were then: a used version never changes, and does not vanish with its file.

Forms are compared by what they mean today: a version of the software that adds a field with its default to a kind
changes the canonical form of every set, and no set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from linkage.errors import Stale
from linkage.indicator_definition import IndicatorSet, canonical_form, canonical_sha256
from linkage_server.storage.database import Database, now
from linkage_server.storage.tables import UsedSetRow


@dataclass(frozen=True, slots=True)
class UsedSet:
    """A set that an order named.

    Args:
        file: the holder's file that it was read from; "" for one that comes with the program.
    """

    definition: IndicatorSet
    file: str


def used_sets(database: Database) -> dict[str, UsedSet]:
    """Every used set by `id@version`; one that this software can no longer read is left out."""
    with database.reading() as session:
        rows = list(session.scalars(sa.select(UsedSetRow)))
    found = {row.name: (_read(json.dumps(row.definition)), row.file) for row in rows}
    return {name: UsedSet(definition, file) for name, (definition, file) in found.items() if definition is not None}


def remember_used(session: Session, definition: IndicatorSet, *, files: Mapping[str, str]) -> None:
    """Write down a set that an order names, in the transaction that files the order.

    Args:
        files: file of each of the holder's sets, by `id@version`.

    Raises:
        Stale: the version was used meanwhile and says something else.
    """
    row = session.get(UsedSetRow, definition.name)
    if row is None:
        session.add(
            UsedSetRow(
                name=definition.name,
                file=files.get(definition.name, ""),
                definition=json.loads(canonical_form(definition)),
                sha256=canonical_sha256(definition),
                used_at=now(session),
            )
        )
        session.flush()
        return
    before = _read(json.dumps(row.definition))
    if before is not None and before != definition:
        raise Stale(
            f"the set {definition.name} has changed since the catalogue was read.", mend="Send the order again."
        )


@lru_cache(maxsize=64)
def _read(canonical: str) -> IndicatorSet | None:
    """A set from its canonical form; None where this software can no longer read it."""
    try:
        return IndicatorSet.model_validate_json(canonical)
    except ValidationError:
        return None
