"""The register store: what each register holds, as immutable segments behind an atomically replaced list.

    REGISTER/lock              held while writing; readers need no lock
    REGISTER/loading/          spilled runs and unfinished segments of a load under way
    REGISTER/segments/ID/      immutable, see segments.py
    REGISTER/snapshots/, published.json      see manifest.py

Killed at any point, a register serves what it served before. Only hashed ids are stored, never an identity number.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from linkage.errors import Conflict, NotFound, StateConflict
from linkage_core.events import RegisterPartition
from linkage_server.registers.load_session import DEFAULT_MEMORY_BYTES, LoadSession
from linkage_server.registers.manifest import (
    Delivery,
    Manifest,
    Publication,
    current_manifest,
    forget_snapshots,
    publish_manifest,
    published,
    read_manifest,
)
from linkage_server.registers.register_lock import register_lock
from linkage_server.registers.rewrite import MapIds, copy_rows
from linkage_server.registers.segments import open_segment, verify_segment
from linkage_server.storage.files import disk_refusals

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of a store in service."""
    return datetime.now(UTC)


class RegisterStore:
    """All registers of one home folder."""

    def __init__(self, folder: Path, *, clock: Clock = utc_now, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> None:
        self.folder = folder
        self._clock = clock
        self._memory_bytes = memory_bytes

    def registers(self) -> list[str]:
        """Names of the registers that hold a snapshot."""
        return sorted(path.parent.name for path in self.folder.glob("*/published.json"))

    def current(self, register: str) -> Manifest:
        """The snapshot that is served.

        Raises:
            NotFound: nothing has been loaded.
        """
        manifest = current_manifest(self.folder / register)
        if manifest is None:
            raise NotFound(
                f"register {register!r} holds no delivery yet.", mend="Load one with `linkage-server register load`."
            )
        return manifest

    def snapshot(self, register: str, snapshot_id: str) -> Manifest:
        """A snapshot by its full id, as orders pin it; raises `NotFound`."""
        return read_manifest(self.folder / register, snapshot_id)

    def snapshots(self, register: str) -> tuple[Publication, ...]:
        """Every snapshot that can be pinned, oldest first."""
        return published(self.folder / register)

    def partitions(self, manifest: Manifest, *, columns: Sequence[str] | None = None) -> list[RegisterPartition]:
        """The snapshot's segments, mapped, oldest delivery first; `columns` narrows them, the date is kept.

        Raises:
            ServiceUnavailable: a segment is damaged or missing.
        """
        opened = [
            open_segment(self._segment_folder(manifest, one.segment_id), one, date_column=manifest.date_column)
            for one in manifest.segments
        ]
        return opened if columns is None else [partition.select(list(columns)) for partition in opened]

    def verify(self, manifest: Manifest) -> None:
        """Read every byte of a snapshot and compare; raises `ServiceUnavailable` at the first damage."""
        for one in manifest.segments:
            verify_segment(self._segment_folder(manifest, one.segment_id), one, date_column=manifest.date_column)

    @contextlib.contextmanager
    def begin_load(
        self,
        register: str,
        *,
        definition_sha256: str,
        date_column: str | None,
        pepper_version: int,
        delivery_name: str,
        content_sha256: str,
        replace: bool = False,
    ) -> Iterator[RegisterLoad]:
        """Begin taking in a delivery; nothing is visible before `publish`, and nothing remains without it.

        Args:
            register: name of the register.
            definition_sha256: of the definition the rows were validated by.
            date_column: the stored column that orders a person's rows.
            pepper_version: the version the ids were hashed under.
            delivery_name: for people, such as the file's name.
            content_sha256: of the delivered bytes.
            replace: the delivery is the whole register (a yearly full extract) rather than an addition.

        Raises:
            StateConflict: another load of the register is under way, or its ids are under another pepper version.
            Conflict: the register holds this delivery already.
        """
        folder = self.folder / register
        with disk_refusals():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody but the service reads hashed ids
            (folder / "snapshots").mkdir(parents=True, exist_ok=True)
        with register_lock(folder):
            self._sweep(folder)
            base = current_manifest(folder)
            _refuse_mismatch(base, content_sha256=content_sha256, pepper_version=pepper_version, replace=replace)
            session = LoadSession(folder, date_column=date_column, memory_bytes=self._memory_bytes)
            empty = Manifest(
                register_name=register,
                definition_sha256=definition_sha256,
                date_column=date_column,
                pepper_version=pepper_version,
                deliveries=() if replace or base is None else base.deliveries,
                segments=() if replace or base is None else base.segments,
            )
            try:
                yield RegisterLoad(session, empty, delivery_name, content_sha256, clock=self._clock, folder=folder)
            finally:
                session.close()

    def compact(self, register: str) -> Manifest:
        """Merge the segments of all deliveries into as few as memory allows; the rows and their order stay.

        Raises:
            NotFound: nothing has been loaded.
            StateConflict: the register is being written.
        """
        return self._rewrite(register, map_ids=None, pepper_version=None)

    def rehash(self, register: str, *, pepper_version: int, map_ids: MapIds) -> Manifest:
        """Move a register's ids to the next pepper version; changes nothing when it has arrived there already.

        Args:
            register: name of the register.
            pepper_version: the version to move to, one above the register's.
            map_ids: ids under that version from ids under the one before (`linkage_core.pepper_chain.next_ids`).

        Raises:
            StateConflict: the register is being written, or stands at another version than the one before.
        """
        return self._rewrite(register, map_ids=map_ids, pepper_version=pepper_version)

    def _rewrite(self, register: str, *, map_ids: MapIds | None, pepper_version: int | None) -> Manifest:
        self.current(register)
        folder = self.folder / register
        with register_lock(folder):
            self._sweep(folder)
            base = self.current(register)
            version = base.pepper_version if pepper_version is None else pepper_version
            if pepper_version == base.pepper_version:
                return base
            if map_ids is not None and version != base.pepper_version + 1:
                raise StateConflict(
                    f"register {register!r} is hashed under pepper version {base.pepper_version}; "
                    f"it cannot move to version {version} in one step.",
                    mend="Re-hash one version at a time.",
                )
            session = LoadSession(folder, date_column=base.date_column, memory_bytes=self._memory_bytes)
            try:
                copy_rows(self.partitions(base), session, map_ids=map_ids)
                written = {"segments": session.write_segments(), "pepper_version": version}
                manifest = base.model_copy(update=written)
                publish_manifest(folder, manifest, published_at=self._clock())
            finally:
                session.close()
        return manifest

    def forget(self, register: str, *, keep: set[str]) -> int:
        """Drop snapshots that no order pins, with the segments only they used; returns how many snapshots."""
        folder = self.folder / register
        with register_lock(folder):
            forgotten = forget_snapshots(folder, keep=keep)
            self._sweep(folder)
        return forgotten

    def sweep(self) -> int:
        """Remove what killed loads left behind; registers being written are passed over. Returns files and folders."""
        removed = 0
        for folder in sorted(path.parent for path in self.folder.glob("*/snapshots")):
            with contextlib.suppress(StateConflict), register_lock(folder):
                removed += self._sweep(folder)
        return removed

    def _sweep(self, folder: Path) -> int:
        listed = {line.snapshot_id for line in published(folder)}
        named = {one.segment_id for snapshot_id in listed for one in read_manifest(folder, snapshot_id).segments}
        leftovers = [
            *folder.glob("loading/*"),
            *folder.glob(".*.partial"),
            *folder.glob("snapshots/.*.partial"),
            *(path for path in folder.glob("segments/*") if path.name not in named),
            *(path for path in folder.glob("snapshots/*.json") if path.stem not in listed),
        ]
        for path in leftovers:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return len(leftovers)

    def _segment_folder(self, manifest: Manifest, segment_id: str) -> Path:
        return self.folder / manifest.register_name / "segments" / segment_id


class RegisterLoad:
    """A load under way: rows go in by `add`, and become the register's newest snapshot by `publish`."""

    def __init__(
        self, session: LoadSession, base: Manifest, name: str, content_sha256: str, *, clock: Clock, folder: Path
    ) -> None:
        self._session = session
        self._base = base
        self._name = name
        self._content_sha256 = content_sha256
        self._clock = clock
        self._folder = folder
        self.add = session.add

    def publish(self) -> Manifest:
        """Write the segments, then replace the list of snapshots in one step.

        Raises:
            StorageFull: no room; the register serves what it served before.
        """
        segments = self._session.write_segments()
        delivery = Delivery(name=self._name, content_sha256=self._content_sha256, rows=self._session.rows)
        manifest = self._base.model_copy(
            update={
                "segments": (*self._base.segments, *segments),
                "deliveries": (*self._base.deliveries, delivery),
            }
        )
        publish_manifest(self._folder, manifest, published_at=self._clock())
        self._session.close()
        return manifest


def _refuse_mismatch(base: Manifest | None, *, content_sha256: str, pepper_version: int, replace: bool) -> None:
    if base is None:
        return
    if base.holds_delivery(content_sha256):
        raise Conflict(
            f"register {base.register_name!r} holds this delivery already; nothing was changed.",
            facts={"register": base.register_name},
        )
    if base.pepper_version != pepper_version and not replace:
        raise StateConflict(
            f"register {base.register_name!r} is hashed under pepper version {base.pepper_version}, "
            f"the delivery under version {pepper_version}.",
            mend="Re-hash the register first: `linkage-server register rehash`.",
        )
