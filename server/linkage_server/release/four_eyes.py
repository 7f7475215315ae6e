"""Two officers where the policy asks for two: each approves the same bytes, and no person approves twice."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import NotPermitted
from linkage_server.access.certificates import Caller
from linkage_server.storage.database import now
from linkage_server.storage.tables import ProtectedTableRow, ReleaseApprovalRow


def person_of(caller: Caller) -> str:
    """One way of writing a person's name: without capitals and doubled blanks.

    Raises:
        NotPermitted: the certificate names an organisation and no person.
    """
    if not caller.name:
        raise NotPermitted(
            "this table needs two officers, and the certificate names no person.",
            mend="Ask the operator for a certificate in your own name.",
        )
    return " ".join(unicodedata.normalize("NFKC", caller.name).casefold().split())


def approvals_of(session: Session, held: ProtectedTableRow) -> list[ReleaseApprovalRow]:
    """Who approved the table that is chosen now. Approvals of another version do not count."""
    query = (
        sa.select(ReleaseApprovalRow)
        .where(ReleaseApprovalRow.order_id == held.order_id, ReleaseApprovalRow.table_sha256 == held.sha256)
        .order_by(ReleaseApprovalRow.id)
    )
    return list(session.scalars(query))


def add_approval(session: Session, held: ProtectedTableRow, caller: Caller, *, reasoning: str) -> int:
    """Write an officer's approval down; returns how many different persons have approved, this one included.

    Raises:
        NotPermitted: this person has approved the table already, or the certificate names none.
    """
    person = person_of(caller)
    earlier = approvals_of(session, held)
    if any(one.person == person for one in earlier):
        raise NotPermitted(
            "the same officer cannot approve a table twice.", mend="Let another officer review and approve it."
        )
    session.add(
        ReleaseApprovalRow(
            order_id=held.order_id,
            table_sha256=held.sha256,
            officer=caller.actor,
            person=person,
            reasoning=reasoning,
            approved_at=now(session),
        )
    )
    session.flush()
    return len(earlier) + 1
