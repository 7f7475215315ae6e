"""The audit trail, on both databases: what was written stays, and a change is found."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from linkage.errors import AuditBroken
from linkage_server.audit.trail import GENESIS, AuditHead, AuditTrail
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.storage.database import Database
from linkage_server.storage.tables import AuditEntryRow


@pytest.fixture
def trail(database: Database) -> AuditTrail:
    return AuditTrail(database)


def record(trail: AuditTrail, count: int, *, subject: str = "organisations/a/orders/b") -> None:
    for number in range(count):
        with trail.database.transaction() as session:
            trail.record(session, actor="a", role="orderer", action=f"act-{number}", subject=subject, outcome="OK")


def tamper(trail: AuditTrail, deed: str) -> None:
    """What somebody with the database's own password could do."""
    with trail.database.transaction() as session:
        if trail.database.is_sqlite:
            session.execute(sa.text("DROP TRIGGER audit_entries_no_update"))
            session.execute(sa.text("DROP TRIGGER audit_entries_no_delete"))
        else:
            session.execute(sa.text("DROP TRIGGER audit_entries_append_only ON audit_entries"))
        session.execute(sa.text(deed))


def test_an_empty_trail_holds_together(trail: AuditTrail) -> None:
    assert trail.verify() == AuditHead(entries=0, hash=GENESIS)


def test_each_entry_follows_the_one_before(trail: AuditTrail) -> None:
    record(trail, 5)
    entries = list(trail.entries())
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert trail.verify() == AuditHead(entries=5, hash=entries[-1].hash)


@pytest.mark.parametrize("column", ["actor", "role", "action", "subject", "outcome", "hash", "previous_hash"])
def test_a_changed_entry_is_named(trail: AuditTrail, column: str) -> None:
    record(trail, 5)
    tamper(trail, f"UPDATE audit_entries SET {column} = 'changed' WHERE seq = 3")
    with pytest.raises(AuditBroken, match="entry 3 ") as caught:
        trail.verify()
    assert caught.value.facts == {"entry": "3"}


def test_an_entry_dated_back_is_named(trail: AuditTrail) -> None:
    record(trail, 3)
    tamper(trail, "UPDATE audit_entries SET at = '2020-01-01 00:00:00.000000' WHERE seq = 2")
    with pytest.raises(AuditBroken, match="entry 2 was changed"):
        trail.verify()


def test_a_missing_entry_is_named(trail: AuditTrail) -> None:
    record(trail, 5)
    tamper(trail, "DELETE FROM audit_entries WHERE seq = 2")
    with pytest.raises(AuditBroken, match="entry 2 is missing"):
        trail.verify()


def test_a_trail_cut_off_at_its_end_is_found_by_the_head_noted_down(trail: AuditTrail) -> None:
    record(trail, 5)
    head = trail.verify()
    record(trail, 1)
    assert trail.verify(known=head).entries == 6
    tamper(trail, "DELETE FROM audit_entries WHERE seq >= 5")
    assert trail.verify().entries == 4
    with pytest.raises(AuditBroken, match="entry 5 is missing"):
        trail.verify(known=head)


def test_a_trail_written_anew_is_found_by_the_head_noted_down(trail: AuditTrail) -> None:
    record(trail, 2)
    with pytest.raises(AuditBroken, match="entry 2 is not the one"):
        trail.verify(known=AuditHead(entries=2, hash="f" * 64))


def test_an_entry_belongs_to_the_transaction_of_the_deed(trail: AuditTrail) -> None:
    with pytest.raises(ZeroDivisionError), trail.database.transaction() as session:
        trail.record(session, actor="a", role="r", action="x", subject="", outcome="OK")
        _ = 1 / 0
    assert trail.verify().entries == 0


def test_no_identity_number_enters_the_trail(trail: AuditTrail) -> None:
    numbers = read_test_numbers()[::7001]
    for number in numbers:
        for written in (number, f"{number[:8]}-{number[8:]}", number[2:]):
            record(trail, 1, subject=f"orders/{written}")
    with trail.database.reading() as session:
        subjects = session.scalars(sa.select(AuditEntryRow.subject)).all()
    assert set(subjects) == {"orders/************"}
    assert len(subjects) == 3 * len(numbers)


def test_the_newest_entries_about_a_resource_include_what_belongs_to_it(trail: AuditTrail) -> None:
    record(trail, 2, subject="organisations/a/orders/b")
    record(trail, 2, subject="organisations/a/orders/b/uploads/c")
    record(trail, 2, subject="organisations/a/orders/bb")
    found = trail.newest(limit=3, subject="organisations/a/orders/b")
    assert [entry.seq for entry in found] == [2, 3, 4]
    assert [entry.seq for entry in trail.entries(after=4)] == [5, 6]
