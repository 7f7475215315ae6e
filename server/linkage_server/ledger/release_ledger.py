"""What tables said that were released, and to whom: read as an order is planned, written as its table is taken in.

An entry is its row; its file is written while this writer has its turn, so a row always has its file. It counts from
the moment its order is released, in the same transaction: that of an order that was withheld or waits is nobody's past.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from pyroaring import BitMap
from sqlalchemy.orm import Session

from linkage.errors import DisclosureRefused, InputRefused, NotFound, ServiceUnavailable, StateConflict
from linkage.order_states import OrderState
from linkage_core.disclosure import ProtectedTable, from_bytes
from linkage_core.release_history import EarlierTable, Members
from linkage_server.ledger.entry_file import Entry, entry_from_bytes, entry_to_bytes
from linkage_server.ledger.person_numbers import LEDGER, PersonNumbers
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import write_atomically
from linkage_server.storage.tables import LedgerEntryRow, OrderRow, PersonNumbersRow, ProtectedTableRow, ReleaseRow

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
        same_table: of the same indicators, strata and policy.
        same_data: of the same rows of all registers that both read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str
    released_on: date
    file: str
    sha256: str
    table_file: str
    table_sha256: str
    by_officer: bool = False
    same_table: bool = True
    same_data: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What a run is laid beside.

    Args:
        tables: earlier releases with people in common; the likest of the same table last.
        repeats_last: the last of them is of the same table and nearly the same people.
        match_rate_band: that it told; "" where it is not said again.
    """

    tables: tuple[EarlierTable, ...]
    repeats_last: bool
    match_rate_band: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry, the hash of its table's layout, the releases that the table was laid beside, and the data it read."""

    entry: Entry
    layout_sha256: str
    earlier: Sequence[PlannedEarlier]
    data: Mapping[str, str]


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

    def earlier(self, organisation: str, *, layout_sha256: str, data: Mapping[str, str]) -> tuple[PlannedEarlier, ...]:
        """Releases to the same recipients, oldest first.

        Args:
            layout_sha256: releases of this layout are of the same table.
            data: hash of what is read of each register, and of the number history under "".
        """
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
                    same_table=entry.layout_sha256 == layout_sha256,
                    same_data=_agree(entry.data, data),
                )
                for entry, released, table in self._released(session, organisation)
            )

    def beside(
        self, planned: Sequence[PlannedEarlier], members: Members, *, unite: Callable[[BitMap], BitMap]
    ) -> Beside | None:
        """The planned releases that a table has to be laid beside; None without any.

        These are releases of the same table with people in common, and other tables of nearly the same people unless
        nobody moved: the same people in the same data.

        Raises:
            ServiceUnavailable: an entry is missing or damaged.
            DisclosureRefused: the table is too similar to one that it cannot be laid beside.
        """
        found: list[tuple[float, EarlierTable, str]] = []
        for one in planned:
            entry = entry_from_bytes(self._content(one.file, one.sha256), unite=unite)
            common = entry.members.population.intersection_cardinality(members.population)
            share = entry.members.population.jaccard_index(members.population)
            if not common:
                continue
            nobody_moved = one.same_data and _same_people(entry.members, members)
            if not one.same_table and (nobody_moved or share < _NEARLY_THE_SAME):
                continue
            if one.by_officer or (one.same_table and not _counted_alike(entry.members, members)):
                raise too_similar()
            printed = self._printed(one) if one.same_table else None
            found.append(
                (share, EarlierTable(one.release, entry.members, entry.states, printed), entry.match_rate_band)
            )
        if not found:
            return None
        # Of equally like ones the latest.
        likest = max(found, key=lambda one: (one[1].printed is not None, one[0], found.index(one)))
        others = [one[1] for one in found if one is not likest]
        repeats = likest[1].printed is not None and likest[0] >= _NEARLY_THE_SAME
        return Beside((*others, likest[1]), repeats, likest[2] if repeats else "")

    def entry(self, order_id: str, *, unite: Callable[[BitMap], BitMap]) -> Entry:
        """The entry of an order's own table.

        Raises:
            NotFound: there is none.
            ServiceUnavailable: it is missing or damaged.
        """
        with self.database.reading() as session:
            row = session.get(LedgerEntryRow, order_id)
        if row is None:
            raise NotFound(
                "the order's table is not in the release ledger.",
                mend="The register holder runs `linkage-server releases enter` for it.",
            )
        return entry_from_bytes(self._content(row.file, row.sha256), unite=unite)

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
                data=dict(new.data),
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
            entry
            for entry, released, table in self._released(session, organisation)
            if released.release_id not in own.earlier and table.sha256 != own.table_sha256
        ]
        if not since:
            return
        people = entry_from_bytes(self._content(own.file, own.sha256)).members.population
        for entry in since:
            others = entry_from_bytes(self._content(entry.file, entry.sha256)).members.population
            if others.intersect(people) and (
                entry.layout_sha256 == own.layout_sha256
                or (others.jaccard_index(people) >= _NEARLY_THE_SAME and not _agree(entry.data, own.data))
            ):
                raise StateConflict(
                    "another release of nearly the same people came between, and this table was not laid beside it.",
                    mend="Withhold it and let the order be sent again.",
                )

    def without_entry(self, session: Session, organisation: str) -> list[str]:
        """Released orders of the same recipients that the ledger knows nothing of, by id."""
        query = (
            sa.select(ReleaseRow.order_id)
            .join(OrderRow, OrderRow.order_id == ReleaseRow.order_id)
            .outerjoin(LedgerEntryRow, LedgerEntryRow.order_id == ReleaseRow.order_id)
            .where(OrderRow.organisation.in_(self.recipients(organisation)), LedgerEntryRow.order_id.is_(None))
        )
        return list(session.scalars(query.order_by(ReleaseRow.order_id)))

    def check(self) -> str:
        """Read every entry and every file of numbered persons; says how many there are.

        Raises:
            ServiceUnavailable: names what is missing or damaged.
        """
        with self.database.reading() as session:
            entries = session.execute(sa.select(LedgerEntryRow.file, LedgerEntryRow.sha256)).all()
            persons = session.execute(sa.select(PersonNumbersRow.file, PersonNumbersRow.sha256)).all()
        for file, sha256 in (*entries, *persons):
            try:
                self._content(file, sha256)
            except ServiceUnavailable:
                raise ServiceUnavailable(
                    f"{file} of the release ledger is missing, or is not what was written.",
                    mend="Restore it from a backup; until then orders that need it fail.",
                ) from None
        return f"{len(entries)} entries and {len(persons)} files of numbered persons are as they were written."

    def sweep(self, session: Session) -> None:
        """After a start: take away files that were never an entry."""
        self.persons.sweep(session)
        known = set(session.scalars(sa.select(LedgerEntryRow.file)))
        for path in (self.home / LEDGER).glob("*.arrow"):
            if str(path.relative_to(self.home)) not in known:
                path.unlink()

    def _released(
        self, session: Session, organisation: str
    ) -> Sequence[tuple[LedgerEntryRow, ReleaseRow, ProtectedTableRow]]:
        query = (
            sa.select(LedgerEntryRow, ReleaseRow, ProtectedTableRow)
            .join(OrderRow, OrderRow.order_id == LedgerEntryRow.order_id)
            .join(ReleaseRow, ReleaseRow.order_id == LedgerEntryRow.order_id)
            .join(ProtectedTableRow, ProtectedTableRow.order_id == LedgerEntryRow.order_id)
            .where(
                OrderRow.organisation.in_(self.recipients(organisation)),
                OrderRow.state == OrderState.RELEASED.value,
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


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether all that both read was the same."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _same_people(one: Members, other: Members) -> bool:
    """Whether the same persons stand in all that both count."""
    sets = one.sets.keys() & other.sets.keys()
    strata = one.levels.keys() & other.levels.keys()
    return all(one.sets[name] == other.sets[name] for name in sets) and all(
        one.levels[name].get(level) == members
        for name in strata
        for level, members in other.levels[name].items()
        if level in one.levels[name]
    )


def _counted_alike(one: Members, other: Members) -> bool:
    return one.sets.keys() == other.sets.keys() and one.periods == other.periods


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
