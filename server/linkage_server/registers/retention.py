"""Which snapshots are kept: those that orders need to be run or repeated, and those that were served not long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa

from linkage.order_states import OrderState
from linkage_server.registers.store import RegisterStore
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, RunRow

_S = OrderState
# Ended without a delivery: nobody will run them, and there is nothing to repeat.
NOTHING_TO_REPEAT = (_S.RETURNED, _S.REJECTED, _S.WITHHELD, _S.CANCELLED, _S.FAILED)


def pinned_snapshots(database: Database) -> dict[str, set[str]]:
    """Ids of the snapshots that plans of orders name, by register, as they were when the plan was made."""
    query = (
        sa.select(RunRow.plan)
        .join(OrderRow, OrderRow.order_id == RunRow.order_id)
        .where(OrderRow.state.not_in([state.value for state in NOTHING_TO_REPEAT]))
    )
    pinned: dict[str, set[str]] = {}
    with database.reading() as session:
        for plan in session.scalars(query):
            for register in plan["registers"]:
                pinned.setdefault(register["name"], set()).add(register["snapshot"])
    return pinned


def kept_snapshots(store: RegisterStore, register: str, *, pinned: set[str], age: timedelta, now: datetime) -> set[str]:
    """Ids of the snapshots to keep: pinned, served, or replaced by a newer one less than `age` ago."""
    lines = store.snapshots(register)
    recent = {line.snapshot_id for line, after in pairwise(lines) if after.published_at > now - age}
    return recent | {line.snapshot_id for line in lines if line is lines[-1] or pinned.intersection(line.ids)}
