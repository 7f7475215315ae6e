"""The register store: what each register holds, as immutable segments behind an atomically replaced list.

    REGISTER/lock, publishing.lock           see register_lock.py; readers need no lock
    REGISTER/loading/                        spilled runs and unfinished segments of a load under way
    REGISTER/jobs/                           long work that can be gone on with, see jobs.py
    REGISTER/segments/ID/                    immutable, see segments.py
    REGISTER/snapshots/, published.json      see manifest.py
    REGISTER/erasures.json                   see tombstones.py

Killed at any point, a register serves what it served before. Only hashed ids are stored, never an identity number.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from linkage.errors import Conflict, LinkageError, NotFound, ServiceUnavailable, StateConflict, StorageFull
from linkage_core.events import RegisterPartition
from linkage_server.registers import compaction, erasure, rehash
from linkage_server.registers.erasure import FindPerson
from linkage_server.registers.jobs import jobs_of
from linkage_server.registers.load_session import DEFAULT_MEMORY_BYTES, LoadSession, ReportRows
from linkage_server.registers.manifest import (
    Delivery,
    Manifest,
    Publication,
    Segment,
    current_manifest,
    forget_snapshots,
    publish_manifest,
    published,
    read_manifest,
)
from linkage_server.registers.open_snapshot import open_snapshot
from linkage_server.registers.opened_segments import OpenedSegments
from linkage_server.registers.progress import SILENT, Pace
from linkage_server.registers.register_lock import publishing_lock, register_lock
from linkage_server.registers.rewrite import MapIds
from linkage_server.registers.segments import verify_segment
from linkage_server.registers.sweep import sweep_register
from linkage_server.storage.files import disk_refusals, fsync_folder

PERSONS_READ_AHEAD = 2500
"""Reading ahead pays from one person in so many on. With a cold cache and 3.2 million persons, 200 persons took 0.3 s
without it and 0.7 s with it, 5,000 persons 1.5 and 0.7 s, 100,000 persons 5 and 0.7 s."""

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
        self._opened = OpenedSegments()

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

    def erased_since(self, register: str, snapshot_id: str) -> tuple[str, ...]:
        """References of the erasures that a snapshot has seen since it had that id; raises `NotFound`."""
        return erasure.erased_since(self.folder / register, snapshot_id)

    def partitions(
        self, manifest: Manifest, *, columns: Sequence[str] | None = None, asked: int | None = None
    ) -> list[RegisterPartition]:
        """The snapshot's segments, mapped, oldest delivery first; they stay open for the next caller.

        Args:
            manifest: the snapshot.
            columns: the columns that will be read, besides the date; None for all.
            asked: persons who will be asked for in all, where that is known; the disk is read accordingly.

        Raises:
            NotFound: the snapshot was retired.
            ServiceUnavailable: a segment is damaged or missing.
        """
        self._opened.let_go()
        few = asked is not None and asked * PERSONS_READ_AHEAD < sum(one.persons for one in manifest.segments)

        def open_one(folder: Path, segment: Segment, *, date_column: str | None) -> RegisterPartition:
            partition = self._opened.open(folder, segment, date_column=date_column, few=few)
            return partition if columns is None else partition.select(list(columns))

        return open_snapshot(self.folder / manifest.register_name, manifest, open_one=open_one)

    def let_go(self) -> None:
        """Close segments that were retired, here or by another process, so that the disk gets their room back."""
        self._opened.let_go()

    def verify(self, manifest: Manifest) -> None:
        """Read every byte of a snapshot and compare; raises `ServiceUnavailable` at the first damage."""
        for one in manifest.segments:
            folder = self.folder / manifest.register_name / "segments" / one.segment_id
            verify_segment(folder, one, date_column=manifest.date_column)

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
            for name in ("snapshots", "segments"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            # What the first load publishes lies in folders whose names outlast a power cut.
            fsync_folder(folder)
            fsync_folder(self.folder)
        with _swept_when_refused(folder), register_lock(folder):
            sweep_register(folder)
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
                compacted_deliveries=0 if replace or base is None else base.compacted_deliveries,
            )
            try:
                yield RegisterLoad(session, empty, delivery_name, content_sha256, clock=self._clock, folder=folder)
            finally:
                session.close()

    def compact(self, register: str, *, pace: Pace = SILENT, reserve_bytes: int = 0) -> Manifest:
        """Merge the segments of all deliveries, beside readers and loads; see `compaction.compact`."""
        folder = self._loaded(register)
        with _swept_when_refused(folder):
            return compaction.compact(
                folder, memory_bytes=self._memory_bytes, clock=self._clock, pace=pace, reserve_bytes=reserve_bytes
            )

    def rehash(self, register: str, *, pepper_version: int, map_ids: MapIds, pace: Pace = SILENT) -> Manifest:
        """Move a register's ids to the next pepper version; see `rehash.rehash`."""
        folder = self._loaded(register)
        with _swept_when_refused(folder):
            return rehash.rehash(
                folder,
                pepper_version=pepper_version,
                map_ids=map_ids,
                memory_bytes=self._memory_bytes,
                clock=self._clock,
                pace=pace,
            )

    def hide(self, register: str, *, find: FindPerson, reference: str) -> int:
        """Hide a person from every reader from now on; returns how many segments hold rows of hers still."""
        return erasure.hide_person(self._loaded(register), find=find, reference=reference, asked_at=self._clock())

    def erase_hidden(self, register: str, *, pace: Pace = SILENT) -> tuple[str, ...]:
        """Take the rows of hidden persons off the disk; see `erasure.erase_hidden`."""
        folder = self._loaded(register)
        with _swept_when_refused(folder):
            return erasure.erase_hidden(folder, memory_bytes=self._memory_bytes, clock=self._clock, pace=pace)

    def forget(self, register: str, *, keep: set[str]) -> int:
        """Drop snapshots that are neither kept, nor served, nor worked from; returns how many.

        The segments that only they named go with them. Who has them open reads on undisturbed.
        """
        folder = self._loaded(register)
        with _swept_when_refused(folder), register_lock(folder):
            with publishing_lock(folder):
                worked_from = {start.snapshot_id for job in jobs_of(folder) if (start := job.start())}
                forgotten = forget_snapshots(folder, keep=keep | worked_from)
            sweep_register(folder)
        self.let_go()
        return forgotten

    def sweep(self) -> int:
        """Remove what killed loads left behind; registers being written are passed over. Returns files and folders."""
        removed = 0
        for folder in sorted(path.parent for path in self.folder.glob("*/snapshots")):
            with contextlib.suppress(StateConflict), register_lock(folder):
                removed += sweep_register(folder)
        self.let_go()
        return removed

    def _loaded(self, register: str) -> Path:
        self.current(register)
        return self.folder / register


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
        self.figures = session.figures

    def publish(self, report: ReportRows | None = None) -> Manifest:
        """Write the segments, then replace the list of snapshots in one step.

        Args:
            report: told how far the writing is.

        Raises:
            StorageFull: no room; the register serves what it served before.
        """
        segments = self._session.write_segments(report)
        delivery = Delivery(name=self._name, content_sha256=self._content_sha256, rows=self._session.rows)
        manifest = self._base.model_copy(
            update={
                "segments": (*self._base.segments, *segments),
                "deliveries": (*self._base.deliveries, delivery),
            }
        )
        with publishing_lock(self._folder):
            publish_manifest(self._folder, manifest, published_at=self._clock())
        self._session.close()
        return manifest


@contextlib.contextmanager
def _swept_when_refused(folder: Path) -> Iterator[None]:
    """Give back the room of segments that had got their place when the disk refused the snapshot that names them.

    Refused after that, the work has taken effect: whoever asked is told so rather than that nothing was changed.
    """
    before = published(folder)
    try:
        yield
    except ServiceUnavailable as refusal:
        with contextlib.suppress(LinkageError), register_lock(folder):
            sweep_register(folder)
        if published(folder) == before:
            raise
        kind = StorageFull if isinstance(refusal, StorageFull) else ServiceUnavailable
        raise kind(
            f"the disk refused to finish, but register {folder.name!r} has new snapshots meanwhile.",
            mend="Look with `linkage-server register snapshots` whether it has taken effect, and run "
            "`linkage-server doctor`; then do the same again.",
        ) from None


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
