"""The audit trail: a chain of entries, each bound to the one before by its hash.

An entry is written in the transaction of the deed it tells of: neither is there without the other. The database refuses
to change or delete an entry (triggers in the first migration); who gets round that breaks the chain, and `verify` names
the first entry that does not fit. A chain cut off at its end still fits, so the officer notes down the head that
`verify` gives and hands it in next time.

Entries hold names of organisations, officers, methods and resources; never a value of a person.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import AuditBroken
from linkage_server.storage.database import Database, now
from linkage_server.storage.tables import AuditEntryRow

GENESIS = "0" * 64
_BATCH = 1000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
# Nobody should write an identity number as a name; if someone does, it stops here.
_LIKE_IDENTITY = re.compile(r"(?<!\d)(\d{2})?\d{6}[-+]?\d{4}(?!\d)")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as it was written."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    subject: str
    outcome: str
    previous_hash: str
    hash: str

    def expected_hash(self) -> str:
        """What the hash must be: SHA-256 over all other fields as canonical JSON."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        fields = [self.seq, at, self.actor, self.role, self.action, self.subject, self.outcome, self.previous_hash]
        return hashlib.sha256(json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last entry of a chain: to be noted down outside the system."""

    entries: int
    hash: str

    def __str__(self) -> str:
        return f"{self.entries}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The chain of one database."""

    database: Database

    def record(self, session: Session, *, actor: str, role: str, action: str, subject: str, outcome: str) -> AuditEntry:
        """Append an entry inside the caller's transaction. Writers take turns, so the chain has one end."""
        last = session.scalar(sa.select(AuditEntryRow).order_by(AuditEntryRow.seq.desc()).limit(1))
        entry = AuditEntryRow(
            seq=last.seq + 1 if last else 1,
            at=now(session),
            actor=_clean(actor),
            role=_clean(role),
            action=_clean(action),
            subject=_clean(subject),
            outcome=_clean(outcome),
            previous_hash=last.hash if last else GENESIS,
        )
        entry.hash = _as_entry(entry, hash_="").expected_hash()
        session.add(entry)
        session.flush()
        return _as_entry(entry, hash_=entry.hash)

    def entries(self, *, after: int = 0) -> Iterator[AuditEntry]:
        """Entries with a greater number than `after`, in the order they were written, from one steady view."""
        with self.database.reading() as session:
            while True:
                query = sa.select(AuditEntryRow).where(AuditEntryRow.seq > after).order_by(AuditEntryRow.seq)
                rows = session.scalars(query.limit(_BATCH)).all()
                yield from (_as_entry(row, hash_=row.hash) for row in rows)
                if len(rows) < _BATCH:
                    return
                after = rows[-1].seq
                session.expunge_all()

    def newest(self, *, limit: int, subject: str | None = None) -> list[AuditEntry]:
        """The last entries, oldest first."""
        query = sa.select(AuditEntryRow).order_by(AuditEntryRow.seq.desc()).limit(limit)
        if subject is not None:
            below = AuditEntryRow.subject.startswith(f"{subject}/", autoescape=True)
            query = query.where(sa.or_(AuditEntryRow.subject == subject, below))
        with self.database.reading() as session:
            return [_as_entry(row, hash_=row.hash) for row in session.scalars(query)][::-1]

    def verify(self, *, known: AuditHead | None = None) -> AuditHead:
        """Read the whole chain and return its head.

        Args:
            known: a head noted down earlier; the chain must still pass through it.

        Raises:
            AuditBroken: names the first entry that does not fit.
        """
        previous, count = GENESIS, 0
        for entry in self.entries():
            count += 1
            if entry.seq != count:
                raise _broken(count, "is missing")
            if entry.previous_hash != previous:
                raise _broken(count, "does not follow the entry before it")
            if entry.hash != entry.expected_hash():
                raise _broken(count, "was changed after it was written")
            if known is not None and known.entries == count and known.hash != entry.hash:
                raise _broken(count, "is not the one that was noted down")
            previous = entry.hash
        if known is not None and known.entries > count:
            raise _broken(count + 1, "is missing: the chain was longer when its head was noted down")
        return AuditHead(entries=count, hash=previous)


def _clean(text: str) -> str:
    return _LIKE_IDENTITY.sub("************", _UNPRINTABLE.sub(" ", text))[:255]


def _as_entry(row: AuditEntryRow, *, hash_: str) -> AuditEntry:
    return AuditEntry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        role=row.role,
        action=row.action,
        subject=row.subject,
        outcome=row.outcome,
        previous_hash=row.previous_hash,
        hash=hash_,
    )


def _broken(seq: int, what: str) -> AuditBroken:
    return AuditBroken(
        f"audit trail: entry {seq} {what}.",
        mend="Keep the database as it is, restore a backup beside it and compare the two from that entry on.",
        facts={"entry": str(seq)},
    )
