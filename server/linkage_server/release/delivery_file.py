"""One file of a delivery, still in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from linkage.release_manifest import FileEntry


@dataclass(frozen=True, slots=True)
class DeliveryFile:
    """A file's name, kind and bytes; `rows` where it holds lines of the table."""

    path: str
    media_type: str
    content: bytes
    rows: int | None = None

    def entry(self) -> FileEntry:
        """How the manifest lists it."""
        return FileEntry(
            path=self.path,
            media_type=self.media_type,
            size_bytes=len(self.content),
            sha256=hashlib.sha256(self.content).hexdigest(),
            rows=self.rows,
        )
