"""The number history on disk: which hashed id became which, and never a number.

    number-history/lock, current.json       one writer; the version served, replaced in one step
    number-history/changes/SHA256.arrow     old, new, in the order they were learnt; immutable
    number-history/replaced.json            versions that a person was erased from, and what took their place

An order pins the version it was run with, as it pins snapshots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


class ReplacedVersion(BaseModel):
    """A version that took another's place because a person was erased from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str
    reference: str


class _Replaced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    versions: dict[str, ReplacedVersion] = {}


IsHers = Callable[[pa.FixedSizeBinaryArray, int], pa.BooleanArray]
"""Whether each id, under that pepper version, is the person's."""


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
        for replacement in self._successors(version):
            version = replacement.version
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

    def erase(self, is_hers: IsHers, *, pepper_versions: int, reference: str) -> int:
        """Take every change of a person's numbers out of every version; returns how many versions were replaced.

        Args:
            is_hers: tells her ids.
            pepper_versions: the newest there is; which of them an old version is under is not written down.
            reference: the decision's diary number.

        Raises:
            StateConflict: the history is being written.
        """
        served = self.current()
        if served is None:
            return 0
        with register_lock(self.folder):
            replaced = dict(self._replaced().versions)
            for path in sorted((self.folder / "changes").glob("*.arrow")):
                known = self.read(path.stem)
                changes = pa.table({"old": known.old, "new": known.new}, schema=SCHEMA)
                left = changes.filter(pa.array(~_hers(known, is_hers, pepper_versions)))
                if left.num_rows < changes.num_rows:
                    replaced[path.stem] = ReplacedVersion(version=self._write(left), reference=reference)
            # Successors first: a version is never without one, and what nobody names any more goes last.
            self._replace(replaced)
            if served.version in replaced:
                self._serve(replaced[served.version].version, pepper_version=served.pepper_version)
            gone = [path for path in (self.folder / "changes").glob("*.arrow") if path.stem in replaced]
            for path in gone:
                path.unlink()
        return len(gone)

    def erased_since(self, version: str) -> tuple[str, ...]:
        """References of the erasures that a version has seen since."""
        return tuple(dict.fromkeys(one.reference for one in self._successors(version)))

    def _successors(self, version: str) -> list[ReplacedVersion]:
        replaced, found = self._replaced().versions, []
        while version in replaced:
            found.append(replaced[version])
            version = replaced[version].version
        return found

    def _replaced(self) -> _Replaced:
        try:
            return _Replaced.model_validate_json((self.folder / "replaced.json").read_bytes())
        except FileNotFoundError:
            return _Replaced()

    def _replace(self, versions: dict[str, ReplacedVersion]) -> None:
        content = _Replaced(versions=versions).model_dump_json(indent=1).encode()
        write_atomically(self.folder / "replaced.json", content)

    def _publish(self, changes: pa.Table, *, pepper_version: int) -> HistoryVersion:
        current_ids(pa.array([], HASHED_ID), _history(changes))  # refuses circles before anything is written
        version, replaced = self._write(changes), dict(self._replaced().versions)
        if replaced.pop(version, None):
            # What was erased is told again: the same content is a version of its own from now on.
            self._replace(replaced)
        return self._serve(version, pepper_version=pepper_version)

    def _write(self, changes: pa.Table) -> str:
        """Write a version that is not served yet; returns its name."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, SCHEMA) as writer:
            writer.write_table(changes)
        content = sink.getvalue().to_pybytes()
        version = hashlib.sha256(content).hexdigest()
        write_atomically(self.folder / "changes" / f"{version}.arrow", content)
        return version

    def _serve(self, version: str, *, pepper_version: int) -> HistoryVersion:
        changes = len(self.read(version).old)
        served = HistoryVersion(version=version, pepper_version=pepper_version, changes=changes)
        write_atomically(self.folder / "current.json", served.model_dump_json(indent=1).encode())
        return served


def _hers(known: NumberHistory, is_hers: IsHers, pepper_versions: int) -> npt.NDArray[np.bool_]:
    """Which changes are of the person's numbers."""
    hers = np.zeros(len(known.old), np.bool_)
    for version in range(1, pepper_versions + 1):
        for ids in (known.old, known.new):
            hers |= is_hers(ids, version).to_numpy(zero_copy_only=False)
    return hers


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
