"""The files of a delivery as it lies in its folder: what may be fetched, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from linkage.release_manifest import MANIFEST, RELEASE, FileEntry, Manifest


def delivered_files(folder: Path) -> tuple[FileEntry, ...]:
    """The manifest, the statement of release, and every file that the manifest lists."""
    manifest = (folder / MANIFEST).read_bytes()
    own = tuple(_entry(name, (folder / name).read_bytes()) for name in (MANIFEST, RELEASE))
    return (*own, *Manifest.model_validate_json(manifest).files)


def _entry(name: str, content: bytes) -> FileEntry:
    return FileEntry(
        path=name,
        media_type="application/json",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
