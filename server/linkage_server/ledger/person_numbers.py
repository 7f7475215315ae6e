"""Numbers for persons, so that the ledger's bitmaps hold no id: each id that was ever counted has one, for good.

Ids lie in files of their own, in the order of their numbers; a file holds those that one run brought. The numbers of a
run are on the disk before it uses them, and numbers that are never used harm nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.orm import Session

from linkage.errors import ServiceUnavailable, StateConflict
from linkage_core.events import HASHED_ID, NumberHistory
from linkage_core.number_history import current_ids
from linkage_core.pepper_chain import next_ids
from linkage_core.pseudonyms import Pepper
from linkage_server.storage.database import Database, now
from linkage_server.storage.files import write_atomically
from linkage_server.storage.tables import PersonNumbersRow

LEDGER = Path("releases") / "ledger"
UInt32s = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class PersonNumbers:
    """The numbers of a service.

    Args:
        database: which files there are.
        home: folder that they lie below.
    """

    database: Database
    home: Path

    def of(
        self,
        hashed_ids: pa.FixedSizeBinaryArray,
        *,
        pepper_version: int,
        history: NumberHistory | None,
        keep: bool = True,
    ) -> UInt32s:
        """The number of each person, new ones for those who have none.

        Args:
            hashed_ids: of different persons, under current numbers where `history` tells of changes.
            pepper_version: that they are hashed under.
            history: changes of identity numbers; an id that became another has its number.
            keep: write new numbers down; else they hold for this call alone.

        Raises:
            StateConflict: the ledger is not hashed under that version.
            ServiceUnavailable: a file is missing or damaged.
        """
        if not keep:
            with self.database.reading() as session:
                return _looked_up(hashed_ids, self._ids(session, pepper_version), history)[0]
        with self.database.transaction() as session:
            known = self._ids(session, pepper_version)
            numbers, strangers = _looked_up(hashed_ids, known, history)
            if len(strangers):
                self._add(session, strangers, first=len(known), pepper_version=pepper_version)
            return numbers

    def unite(self, *, pepper_version: int, history: NumberHistory | None) -> Callable[[BitMap], BitMap]:
        """Maps bitmaps of former days to numbers as they are given today: one for all ids of a person."""
        if history is None:
            return lambda members: members
        with self.database.reading() as session:
            known = self._ids(session, pepper_version)
        today = _looked_up(current_ids(known, history), known, history)[0]
        old = np.flatnonzero(today != np.arange(len(known), dtype=np.uint32)).astype(np.uint32)
        changed, new = BitMap(old), dict(zip(old.tolist(), today[old].tolist(), strict=True))

        def united(members: BitMap) -> BitMap:
            gone = members & changed
            return (members - gone) | BitMap(new[number] for number in gone) if gone else members

        return united

    def follow(self, peppers: Sequence[Pepper]) -> None:
        """Hash all ids under the newest pepper as well; those under older ones stay, for tables that are made again.

        Args:
            peppers: all versions from the first to the newest.
        """
        with self.database.transaction() as session:
            for pepper in peppers[1:]:
                known = {row.first for row in self._rows(session, pepper.version)}
                for row in self._rows(session, pepper.version - 1):
                    if row.first not in known:
                        ids = next_ids(self._read(row), pepper=pepper)
                        self._add(session, ids, first=row.first, pepper_version=pepper.version)
                session.flush()

    def sweep(self, session: Session) -> None:
        """Take away files that no row names."""
        known = set(session.scalars(sa.select(PersonNumbersRow.file)))
        for path in (self.home / LEDGER).glob("persons-*"):
            if str(path.relative_to(self.home)) not in known:
                path.unlink()

    def _add(self, session: Session, ids: pa.FixedSizeBinaryArray, *, first: int, pepper_version: int) -> None:
        file, sha256 = self._write(ids, first=first)
        session.add(
            PersonNumbersRow(
                first=first,
                persons=len(ids),
                file=file,
                sha256=sha256,
                pepper_version=pepper_version,
                created_at=now(session),
            )
        )

    def _write(self, ids: pa.FixedSizeBinaryArray, *, first: int) -> tuple[str, str]:
        content = b"".join(ids.to_pylist())
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.home / LEDGER / f"persons-{first}.{sha256[:16]}"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, content)
        return str(path.relative_to(self.home)), sha256

    def _ids(self, session: Session, pepper_version: int) -> pa.FixedSizeBinaryArray:
        """All ids, in the order of their numbers."""
        rows = self._rows(session, pepper_version)
        if len(rows) < (session.scalar(sa.select(sa.func.count(sa.distinct(PersonNumbersRow.first)))) or 0):
            raise StateConflict(
                f"the release ledger is not hashed under pepper version {pepper_version} of the population.",
                mend="An operator should run `linkage-server register rehash`, then the order is sent again.",
            )
        return pa.concat_arrays([pa.array([], HASHED_ID), *map(self._read, rows)])

    def _rows(self, session: Session, pepper_version: int) -> list[PersonNumbersRow]:
        query = sa.select(PersonNumbersRow).where(PersonNumbersRow.pepper_version == pepper_version)
        return list(session.scalars(query.order_by(PersonNumbersRow.first)))

    def _read(self, row: PersonNumbersRow) -> pa.FixedSizeBinaryArray:
        try:
            content = (self.home / row.file).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != row.sha256:
            raise ServiceUnavailable(
                f"{row.file}: persons of the release ledger are missing or are not what was written.",
                mend="An operator should restore the folder releases/ledger from its backup.",
            )
        return pa.FixedSizeBinaryArray.from_buffers(HASHED_ID, row.persons, [None, pa.py_buffer(content)])


def _looked_up(
    hashed_ids: pa.FixedSizeBinaryArray, known: pa.FixedSizeBinaryArray, history: NumberHistory | None
) -> tuple[UInt32s, pa.FixedSizeBinaryArray]:
    """The number of each id, and the ids that are not known, in the order of their numbers."""
    place = pc.index_in(hashed_ids, value_set=current_ids(known, history) if history is not None else known)
    numbers = place.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint32)
    new = place.is_null().to_numpy(zero_copy_only=False)
    numbers[new] = np.arange(len(known), len(known) + int(new.sum()), dtype=np.uint32)
    return numbers, hashed_ids.filter(pa.array(new))
