"""What a register holds at one moment: a snapshot, named by the hash of its own content.

    REGISTER/snapshots/ID.json     one file a snapshot, never changed
    REGISTER/published.json        the ids that were published, the one served now last; replaced in one step

Orders pin the id, so that a run can be repeated bit for bit after newer deliveries have come.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from linkage.errors import NotFound, ServiceUnavailable
from linkage_server.storage.files import write_atomically

FORMAT = 1


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

    @property
    def snapshot_id(self) -> str:
        """SHA-256 of the content, hexadecimal: two snapshots with the same content have the same id."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows of all segments."""
        return sum(segment.rows for segment in self.segments)

    @property
    def last_day(self) -> date | None:
        """Latest date of a row."""
        return max((segment.last_day for segment in self.segments if segment.last_day), default=None)

    def holds_delivery(self, content_sha256: str) -> bool:
        """Whether a delivery with this content is part of the snapshot."""
        return any(delivery.content_sha256 == content_sha256 for delivery in self.deliveries)


class Publication(_Frozen):
    """One line of `published.json`: a snapshot can be read and pinned from here on."""

    snapshot_id: str
    published_at: datetime


class _Published(_Frozen):
    snapshots: tuple[Publication, ...] = ()


def publish_manifest(folder: Path, manifest: Manifest, *, published_at: datetime) -> None:
    """Make a snapshot the one that is served; before the last step nothing is visible, after it everything is."""
    snapshot_id = manifest.snapshot_id
    write_atomically(folder / "snapshots" / f"{snapshot_id}.json", manifest.model_dump_json(indent=1).encode())
    earlier = tuple(line for line in published(folder) if line.snapshot_id != snapshot_id)
    _write_published(folder, (*earlier, Publication(snapshot_id=snapshot_id, published_at=published_at)))


def published(folder: Path) -> tuple[Publication, ...]:
    """Every snapshot that can be pinned, oldest first; the last one is served.

    Raises:
        ServiceUnavailable: the list is damaged.
    """
    try:
        return _Published.model_validate_json((folder / "published.json").read_bytes()).snapshots
    except FileNotFoundError:
        return ()
    except ValidationError:
        raise _damaged(folder, "the list of snapshots") from None


def current_manifest(folder: Path) -> Manifest | None:
    """The snapshot that is served, None before the first load."""
    lines = published(folder)
    return read_manifest(folder, lines[-1].snapshot_id) if lines else None


def read_manifest(folder: Path, snapshot_id: str) -> Manifest:
    """A published snapshot by its id, checked against it.

    Raises:
        NotFound: no such snapshot.
        ServiceUnavailable: the file is damaged.
    """
    if all(line.snapshot_id != snapshot_id for line in published(folder)):
        raise NotFound(
            f"register {folder.name!r} has no such snapshot.",
            mend="List them with `linkage-server register snapshots`.",
        )
    try:
        manifest = Manifest.model_validate_json((folder / "snapshots" / f"{snapshot_id}.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        raise _damaged(folder, f"snapshot {snapshot_id[:12]}") from None
    if manifest.snapshot_id != snapshot_id:
        raise _damaged(folder, f"snapshot {snapshot_id[:12]}")
    return manifest


def forget_snapshots(folder: Path, *, keep: set[str]) -> int:
    """Unlist every snapshot that is neither kept nor served; returns how many. Their files go with the next sweep."""
    lines = published(folder)
    kept = tuple(line for line in lines if line.snapshot_id in keep or line is lines[-1])
    if len(kept) < len(lines):
        _write_published(folder, kept)
    return len(lines) - len(kept)


def _write_published(folder: Path, lines: tuple[Publication, ...]) -> None:
    write_atomically(folder / "published.json", _Published(snapshots=lines).model_dump_json(indent=1).encode())


def _damaged(folder: Path, what: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{what} of register {folder.name!r} is damaged: its content does not match its id.",
        mend="Restore the store from the latest backup.",
    )
