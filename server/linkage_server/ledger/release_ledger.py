"""What tables said that were released, and to whom: read as an order is planned, written as its table is taken in.

An entry is its row; its file is written while this writer has its turn, so a row always has its file. It counts from
the moment its order is released, in the same transaction: that of an order that was withheld or waits is nobody's past.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from pyroaring import BitMap
from sqlalchemy.orm import Session

from linkage.errors import DisclosureRefused, InputRefused, ServiceUnavailable, StateConflict
from linkage.order_states import OrderState
from linkage_core.disclosure import ProtectedTable, from_bytes
from linkage_core.release_history import EarlierTable, Members
from linkage_server.ledger.entry_file import Entry, entry_from_bytes, entry_to_bytes
from linkage_server.ledger.person_numbers import LEDGER, PersonNumbers
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import write_atomically
from linkage_server.storage.tables import LedgerEntryRow, OrderRow, ProtectedTableRow, ReleaseRow

_NEARLY_THE_SAME = 0.5
"""Share of all people of two releases who are in both: from here on the one may say again what the other said."""


class PlannedEarlier(BaseModel):
    """An earlier release that a plan is pinned to.

    Attributes:
        release: id of the release, as tables name it.
        released_on: day of its release.
        file, sha256: of its ledger entry, below the home folder.
        table_file, table_sha256: of what it printed.
        by_officer: an officer made the table that was released: the entry tells of another version of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str
    released_on: date
    file: str
    sha256: str
    table_file: str
    table_sha256: str
    by_officer: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What a run is laid beside.

    Args:
        tables: earlier releases of the same table with people in common; the likest last.
        repeats_last: the last of them is of nearly the same people.
        match_rate_band: that it told.
    """

    tables: tuple[EarlierTable, ...]
    repeats_last: bool
    match_rate_band: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry, the hash of its table's layout, and the releases that the table was laid beside."""

    entry: Entry
    layout_sha256: str
    earlier: Sequence[PlannedEarlier]


@dataclass(frozen=True, slots=True)
class ReleaseLedger:
    """The ledger of a service.

    Args:
        database: what was released.
        home: folder that entries lie below.
        together: groups of organisations that are taken to share what they are sent.
    """

    database: Database
    home: Path
    together: Sequence[Sequence[str]] = ()

    @property
    def persons(self) -> PersonNumbers:
        """Numbers of persons."""
        return PersonNumbers(self.database, self.home)

    def recipients(self, organisation: str) -> set[str]:
        """Organisations that see what one of them is sent."""
        return {organisation}.union(*(group for group in self.together if organisation in group))

    def earlier(self, organisation: str, *, layout_sha256: str) -> tuple[PlannedEarlier, ...]:
        """Releases of one table to the same recipients, oldest first."""
        with self.database.reading() as session:
            return tuple(
                PlannedEarlier(
                    release=released.release_id,
                    released_on=released.released_at.date(),
                    file=entry.file,
                    sha256=entry.sha256,
                    table_file=table.file,
                    table_sha256=table.sha256,
                    by_officer=table.sha256 != entry.table_sha256,
                )
                for entry, released, table in self._released(session, organisation, layout_sha256)
            )

    def beside(
        self, planned: Sequence[PlannedEarlier], members: Members, *, unite: Callable[[BitMap], BitMap]
    ) -> Beside | None:
        """The planned releases that have people in common with a table; None without any.

        Raises:
            ServiceUnavailable: an entry is missing or damaged.
            DisclosureRefused: the table is too similar to one that it cannot be laid beside.
        """
        found: list[tuple[float, int, EarlierTable, str]] = []
        for number, one in enumerate(planned):
            entry = entry_from_bytes(self._content(one.file, one.sha256), unite=unite)
            common = entry.members.population.intersection_cardinality(members.population)
            if not common:
                continue
            printed = self._printed(one)
            if (
                one.by_officer
                or entry.members.sets.keys() != members.sets.keys()
                or entry.members.periods != members.periods
            ):
                raise too_similar()
            share = common / entry.members.population.union_cardinality(members.population)
            table = EarlierTable(one.release, entry.members, entry.states, printed)
            found.append((share, number, table, entry.match_rate_band))
        if not found:
            return None
        likest = max(found, key=lambda one: one[:2])
        others = [one for one in found if one is not likest]
        repeats = likest[0] >= _NEARLY_THE_SAME
        band = likest[3] if repeats else "not told: an earlier table of other people is too similar"
        return Beside(tuple(one[2] for one in (*others, likest)), repeats, band)

    def record(self, session: Session, order_id: str, new: NewEntry, *, table_sha256: str) -> None:
        """Write the entry of a table that is taken in, in the same transaction."""
        content = entry_to_bytes(new.entry)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.home / LEDGER / f"{order_id}.{sha256[:16]}.arrow"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, content)
        session.merge(
            LedgerEntryRow(
                order_id=order_id,
                layout_sha256=new.layout_sha256,
                file=str(path.relative_to(self.home)),
                sha256=sha256,
                table_sha256=table_sha256,
                earlier=[one.release for one in new.earlier],
                created_at=now(session),
            )
        )

    def refuse_overtaken(self, session: Session, order_id: str) -> None:
        """Before a table is released: no other of the same people may have come between.

        Raises:
            StateConflict: one has, and the two were not laid beside each other.
            ServiceUnavailable: an entry is missing or damaged.
        """
        own = session.get(LedgerEntryRow, order_id)
        if own is None:
            return
        organisation = session.get_one(OrderRow, order_id).organisation
        since = [
            (entry, table)
            for entry, released, table in self._released(session, organisation, own.layout_sha256)
            if released.release_id not in own.earlier and table.sha256 != own.table_sha256
        ]
        if not since:
            return
        people = entry_from_bytes(self._content(own.file, own.sha256)).members.population
        for entry, _ in since:
            if entry_from_bytes(self._content(entry.file, entry.sha256)).members.population.intersect(people):
                raise StateConflict(
                    "another release of the same table came between, and this table was not laid beside it.",
                    mend="Withhold it and let the order be sent again.",
                )

    def sweep(self, session: Session) -> None:
        """After a start: take away files that were never an entry."""
        self.persons.sweep(session)
        known = set(session.scalars(sa.select(LedgerEntryRow.file)))
        for path in (self.home / LEDGER).glob("*.arrow"):
            if str(path.relative_to(self.home)) not in known:
                path.unlink()

    def _released(
        self, session: Session, organisation: str, layout_sha256: str
    ) -> Sequence[tuple[LedgerEntryRow, ReleaseRow, ProtectedTableRow]]:
        query = (
            sa.select(LedgerEntryRow, ReleaseRow, ProtectedTableRow)
            .join(OrderRow, OrderRow.order_id == LedgerEntryRow.order_id)
            .join(ReleaseRow, ReleaseRow.order_id == LedgerEntryRow.order_id)
            .join(ProtectedTableRow, ProtectedTableRow.order_id == LedgerEntryRow.order_id)
            .where(
                OrderRow.organisation.in_(self.recipients(organisation)),
                OrderRow.state == OrderState.RELEASED.value,
                LedgerEntryRow.layout_sha256 == layout_sha256,
            )
            .order_by(ReleaseRow.released_at, ReleaseRow.release_id)
        )
        return [(entry, released, table) for entry, released, table in session.execute(query)]

    def _printed(self, one: PlannedEarlier) -> ProtectedTable:
        try:
            return from_bytes(self._content(one.table_file, one.table_sha256), sha256=one.table_sha256)
        except InputRefused:
            raise _damaged() from None

    def _content(self, file: str, sha256: str) -> bytes:
        try:
            content = (self.home / file).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged()
        return content


def release_id(order_id: str) -> str:
    """Id that the release of an order has."""
    return f"{order_id}-1"


def too_similar() -> DisclosureRefused:
    """The one refusal of the gate between orders: it tells neither which order, nor how many differ, nor why."""
    return DisclosureRefused(
        "The population is too similar to that of an earlier order: two tables would tell of few persons.",
        mend="Send the earlier order again as it was, or a population in which enough persons differ.",
    )


def _damaged() -> ServiceUnavailable:
    return ServiceUnavailable(
        "an entry of the release ledger is missing, or is not what was written.",
        mend="An operator should run `linkage-server doctor`, which names its file, and restore it from a backup.",
    )
