"""What a register holds at one moment: a snapshot, named by the hash of its own content.

    REGISTER/snapshots/ID.json     one file a snapshot, never changed
    REGISTER/published.json        the ids that were published, the one served now last; replaced in one step

Orders pin the id, so that a run can be repeated bit for bit after newer deliveries have come. A snapshot from which a
person was erased is replaced by its successor: the list says which ids it had before, and the old id leads to it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from linkage.errors import NotFound, ServiceUnavailable
from linkage_server.storage.files import write_atomically

FORMAT = 1
FILES_REMEMBERED = 64


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Frozen):
    """One file of a segment: its size and tail are checked when it is opened, its hash by `verify`."""

    name: str
    bytes: int
    sha256: str
    tail_sha256: str


class Segment(_Frozen):
    """Immutable rows of some persons: a range of ids, sorted by (id, date, order of delivery).

    Attributes:
        segment_id: SHA-256 over the hashes of its files; also the name of its folder.
        first_day, last_day: earliest and latest date of a row; None where no row has one.
    """

    segment_id: str
    rows: int
    persons: int
    first_day: date | None
    last_day: date | None
    files: tuple[FileRecord, ...]


class Delivery(_Frozen):
    """What one delivery added.

    Attributes:
        name: what the operator called it, such as a file name.
        content_sha256: of the delivered bytes; the same delivery is known again by it.
        rows: rows that became part of the register.
    """

    name: str
    content_sha256: str
    rows: int


class Manifest(_Frozen):
    """One snapshot of one register. Segments stand oldest delivery first."""

    format: int = FORMAT
    register_name: str
    definition_sha256: str
    date_column: str | None
    pepper_version: int
    deliveries: tuple[Delivery, ...]
    segments: tuple[Segment, ...]
    # How many deliveries, from the first on, lie in segments that were compacted together.
    compacted_deliveries: int = 0

    @property
    def snapshot_id(self) -> str:
        """SHA-256 of the content, hexadecimal: two snapshots with the same content have the same id."""
        fields = self.model_dump(mode="json")
        # The id of a snapshot that was never compacted is the one it had before there was the field.
        if not self.compacted_deliveries:
            del fields["compacted_deliveries"]
        content = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows of all segments."""
        return sum(segment.rows for segment in self.segments)

    @property
    def last_day(self) -> date | None:
        """Latest date of a row."""
        return max((segment.last_day for segment in self.segments if segment.last_day), default=None)

    @property
    def deltas(self) -> int:
        """Deliveries that a reader has to look at beside the base: those since the last compaction."""
        return max(0, len(self.deliveries) - max(1, self.compacted_deliveries))

    def holds_delivery(self, content_sha256: str) -> bool:
        """Whether a delivery with this content is part of the snapshot."""
        return any(delivery.content_sha256 == content_sha256 for delivery in self.deliveries)


class Former(_Frozen):
    """A snapshot that was replaced because rows were erased from it."""

    snapshot_id: str
    references: tuple[str, ...]
    erased_at: datetime


class Publication(_Frozen):
    """One line of `published.json`: a snapshot can be read and pinned from here on.

    Attributes:
        formerly: ids it had before rows were erased from it, oldest first; they lead to it.
    """

    snapshot_id: str
    published_at: datetime
    formerly: tuple[Former, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that leads to it, the former ones first."""
        return (*(former.snapshot_id for former in self.formerly), self.snapshot_id)


class _Published(_Frozen):
    snapshots: tuple[Publication, ...] = ()


def publish_manifest(folder: Path, manifest: Manifest, *, published_at: datetime) -> None:
    """Make a snapshot the one that is served; before the last step nothing is visible, after it everything is."""
    snapshot_id = manifest.snapshot_id
    _write_manifest(folder, manifest)
    earlier = tuple(line for line in published(folder) if line.snapshot_id != snapshot_id)
    _write_published(folder, (*earlier, Publication(snapshot_id=snapshot_id, published_at=published_at)))


def replace_manifests(folder: Path, successors: dict[str, tuple[Manifest, Former]]) -> None:
    """Put successors in the place of snapshots, all in one step; the old ids lead to them from then on."""
    for manifest, _ in successors.values():
        _write_manifest(folder, manifest)
    lines: dict[str, Publication] = {}
    for line in published(folder):
        snapshot_id, formerly = line.snapshot_id, line.formerly
        if line.snapshot_id in successors:
            manifest, former = successors[line.snapshot_id]
            snapshot_id, formerly = manifest.snapshot_id, (*line.formerly, former)
        # Two snapshots may have become one; it keeps the later one's place.
        same = lines.pop(snapshot_id, None)
        formerly = (*(same.formerly if same else ()), *formerly)
        lines[snapshot_id] = line.model_copy(update={"snapshot_id": snapshot_id, "formerly": formerly})
    _write_published(folder, tuple(lines.values()))


def published(folder: Path) -> tuple[Publication, ...]:
    """Every snapshot that can be pinned, oldest first; the last one is served.

    Raises:
        ServiceUnavailable: the list is damaged.
    """
    try:
        return _lines_in((folder / "published.json").read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError:
        raise _damaged(folder, "the list of snapshots") from None


def named_segments(folder: Path) -> set[str]:
    """Ids of the segments that any snapshot names."""
    return {one.segment_id for line in published(folder) for one in read_manifest(folder, line.snapshot_id).segments}


def find_publication(folder: Path, snapshot_id: str) -> Publication:
    """The line of a snapshot, also by an id that it had before rows were erased from it.

    Raises:
        NotFound: it never was published, or is forgotten.
    """
    for line in reversed(published(folder)):
        if snapshot_id in line.ids:
            return line
    raise NotFound(
        f"register {folder.name!r} has no such snapshot: it never was there, or is forgotten.",
        mend="List them with `linkage-server register snapshots`.",
    )


def current_manifest(folder: Path) -> Manifest | None:
    """The snapshot that is served, None before the first load."""
    lines = published(folder)
    return _read_manifest(folder, lines[-1].snapshot_id, present=lines[-1].snapshot_id) if lines else None


def read_manifest(folder: Path, snapshot_id: str) -> Manifest:
    """A published snapshot by its id, checked against it; by a former id, the snapshot that took its place.

    Raises:
        NotFound: no such snapshot.
        ServiceUnavailable: the file is damaged.
    """
    return _read_manifest(folder, snapshot_id, present=find_publication(folder, snapshot_id).snapshot_id)


def _read_manifest(folder: Path, snapshot_id: str, *, present: str) -> Manifest:
    """The same, where the list was just seen to say which snapshot that is by now."""
    try:
        manifest, snapshot = _snapshot_in((folder / "snapshots" / f"{present}.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        # Retired, or replaced, between the two looks: the list tells which.
        if find_publication(folder, snapshot_id).snapshot_id != present:
            return read_manifest(folder, snapshot_id)
        raise _damaged(folder, f"snapshot {present[:12]}") from None
    if snapshot != present:
        raise _damaged(folder, f"snapshot {present[:12]}")
    return manifest


# Each order reads the same few files: the same bytes are parsed, and their id is worked out, once.
@lru_cache(maxsize=FILES_REMEMBERED)
def _lines_in(content: bytes) -> tuple[Publication, ...]:
    return _Published.model_validate_json(content).snapshots


@lru_cache(maxsize=FILES_REMEMBERED)
def _snapshot_in(content: bytes) -> tuple[Manifest, str]:
    manifest = Manifest.model_validate_json(content)
    return manifest, manifest.snapshot_id


def forget_snapshots(folder: Path, *, keep: set[str]) -> int:
    """Unlist every snapshot that is neither kept nor served; returns how many. Their files go with the next sweep."""
    lines = published(folder)
    kept = tuple(line for line in lines if keep.intersection(line.ids) or line is lines[-1])
    if len(kept) < len(lines):
        _write_published(folder, kept)
    return len(lines) - len(kept)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    write_atomically(folder / "snapshots" / f"{manifest.snapshot_id}.json", manifest.model_dump_json(indent=1).encode())


def _write_published(folder: Path, lines: tuple[Publication, ...]) -> None:
    write_atomically(folder / "published.json", _Published(snapshots=lines).model_dump_json(indent=1).encode())


def _damaged(folder: Path, what: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{what} of register {folder.name!r} is damaged: its content does not match its id.",
        mend="Restore the store from the latest backup.",
    )
