"""Enters a release that an older version made into the release ledger: computed again from its stored plan."""

from __future__ import annotations

import hashlib

from linkage.errors import StateConflict
from linkage.order_states import parse_order_name
from linkage_core.disclosure import to_bytes
from linkage_server.ledger.release_ledger import NewEntry
from linkage_server.release.table_versions import load_table
from linkage_server.runs.beside_earlier import data_read, layout_sha256
from linkage_server.runs.linkage_run import run_linkage
from linkage_server.runs.plan import RunPlan
from linkage_server.runs.run_desk import RunDesk
from linkage_server.storage.tables import LedgerEntryRow, ProtectedTableRow, ReleaseRow, RunRow


def enter_release(desk: RunDesk, order: str) -> bool:
    """Enter a released order; returns whether it was computed as it was released.

    Where it was not, later tables cannot be laid beside it, and those that are too similar are refused.

    Raises:
        StateConflict: the order is not released, or is in the ledger.
    """
    _, order_id = parse_order_name(order)
    with desk.database.reading() as session:
        is_released = session.query(ReleaseRow).filter_by(order_id=order_id).first() is not None
        if not is_released or session.get(LedgerEntryRow, order_id) is not None:
            raise StateConflict("the order is not released, or is in the ledger already.", mend="Name another order.")
        plan = RunPlan.from_json(session.get_one(RunRow, order_id).plan)
        held = session.get_one(ProtectedTableRow, order_id)
    answer = run_linkage(plan, desk.sources(plan), report=lambda _stage: None)
    released = load_table(desk.home, file=held.file, sha256=held.sha256)
    as_released: bool = released.table.equals(answer.table.table)
    of = held.sha256 if as_released else hashlib.sha256(to_bytes(answer.table)).hexdigest()
    with desk.database.transaction() as session:
        new = NewEntry(answer.entry, layout_sha256(plan), plan.earlier, data_read(plan, desk.store))
        desk.ledger.record(session, order_id, new, table_sha256=of)
    return as_released
