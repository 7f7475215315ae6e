"""The number history on disk: which hashed id became which, and never a number.

    number-history/lock, current.json       one writer; the version served, replaced in one step
    number-history/changes/SHA256.arrow     old, new, in the order they were learnt; immutable

An order pins the version it was run with, as it pins snapshots.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from linkage.errors import InputRefused, NotFound, ServiceUnavailable, StateConflict
from linkage_core.events import HASHED_ID, NumberHistory
from linkage_core.number_history import current_ids
from linkage_server.registers.register_lock import register_lock
from linkage_server.registers.rewrite import MapIds
from linkage_server.storage.files import disk_refusals, write_atomically

SCHEMA = pa.schema([pa.field("old", HASHED_ID, nullable=False), pa.field("new", HASHED_ID, nullable=False)])


class HistoryVersion(BaseModel):
    """The history that is served: the hash of its file and the pepper version of its ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str
    pepper_version: int
    changes: int


class NumberHistoryStore:
    """Changes of identity numbers of one home folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> HistoryVersion | None:
        """The version that is served; None where no change was ever learnt."""
        try:
            return HistoryVersion.model_validate_json((self.folder / "current.json").read_bytes())
        except FileNotFoundError:
            return None

    def read(self, version: str | None = None) -> NumberHistory:
        """The changes of a version, of the one served without an argument; empty where there is none.

        Raises:
            NotFound: no such version.
            ServiceUnavailable: its file is damaged.
        """
        if version is None:
            served = self.current()
            if served is None:
                return _history(SCHEMA.empty_table())
            version = served.version
        path = self.folder / "changes" / f"{version}.arrow"
        if not version.isalnum() or not path.exists():
            raise NotFound("there is no such version of the number history.")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != version:
            raise ServiceUnavailable(
                "the number history is damaged: its content does not match its hash.",
                mend="Restore the store from the latest backup.",
            )
        return _history(pa.ipc.open_file(pa.py_buffer(content)).read_all())

    def add(self, old: pa.FixedSizeBinaryArray, new: pa.FixedSizeBinaryArray, *, pepper_version: int) -> HistoryVersion:
        """Learn changes; one that is known already, or from a number to itself, changes nothing.

        Raises:
            InputRefused: a null, or an old number that became two different ones.
            EventsRejected: the changes lead round in a circle.
            StateConflict: the history is under another pepper version, or is being written.
        """
        if old.null_count or new.null_count or len(old) != len(new):
            raise InputRefused("a change of number needs an old and a new number, both linkable.")
        with disk_refusals():
            (self.folder / "changes").mkdir(parents=True, exist_ok=True)
        with register_lock(self.folder):
            served = self.current()
            if served is not None and served.pepper_version != pepper_version:
                raise StateConflict(
                    f"the number history is hashed under pepper version {served.pepper_version}.",
                    mend="Re-hash it first.",
                )
            known = self.read()
            learnt = pa.table({"old": old, "new": new}, schema=SCHEMA).filter(pc.not_equal(old, new))
            both = pa.concat_tables([pa.table({"old": known.old, "new": known.new}, schema=SCHEMA), learnt])
            return self._publish(_once(both), pepper_version=pepper_version)

    def rehash(self, *, pepper_version: int, map_ids: MapIds) -> HistoryVersion | None:
        """Move all changes to the next pepper version; changes nothing when they are there, or there are none."""
        served = self.current()
        if served is None or served.pepper_version == pepper_version:
            return served
        if served.pepper_version != pepper_version - 1:
            raise StateConflict(
                f"the number history is hashed under pepper version {served.pepper_version}.",
                mend="Re-hash one version at a time.",
            )
        with register_lock(self.folder):
            known = self.read()
            moved = pa.table({"old": map_ids(known.old), "new": map_ids(known.new)}, schema=SCHEMA)
            return self._publish(moved, pepper_version=pepper_version)

    def _publish(self, changes: pa.Table, *, pepper_version: int) -> HistoryVersion:
        current_ids(pa.array([], HASHED_ID), _history(changes))  # refuses circles before anything is written
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, SCHEMA) as writer:
            writer.write_table(changes)
        content = sink.getvalue().to_pybytes()
        version = hashlib.sha256(content).hexdigest()
        served = HistoryVersion(version=version, pepper_version=pepper_version, changes=changes.num_rows)
        write_atomically(self.folder / "changes" / f"{version}.arrow", content)
        write_atomically(self.folder / "current.json", served.model_dump_json(indent=1).encode())
        return served


def _once(changes: pa.Table) -> pa.Table:
    distinct = changes.group_by(["old", "new"], use_threads=False).aggregate([]).select(["old", "new"])
    if len(pc.unique(distinct["old"])) != distinct.num_rows:
        raise InputRefused(
            "an old number became two different new numbers.", mend="Deliver the change that is right, and only that."
        )
    return distinct.cast(SCHEMA)


def _history(changes: pa.Table) -> NumberHistory:
    columns = [column.combine_chunks() for column in changes.columns]
    old, new = (column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks) for column in columns)
    return NumberHistory(old=old, new=new)
