"""Opens a snapshot's segments, with the persons hidden who were erased, whatever is retired at the same time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from linkage.errors import ServiceUnavailable
from linkage_core.events import RegisterPartition
from linkage_server.registers.manifest import Manifest, Segment, read_manifest
from linkage_server.registers.segments import open_segment
from linkage_server.registers.tombstones import Erasures, positions_of, read_erasures


class OpenOne(Protocol):
    """How a segment is opened: anew, or from what is open already."""

    def __call__(self, folder: Path, segment: Segment, *, date_column: str | None) -> RegisterPartition:
        """The segment as mapped columns; see `open_segment`."""
        ...


def open_snapshot(folder: Path, manifest: Manifest, *, open_one: OpenOne = open_segment) -> list[RegisterPartition]:
    """The snapshot's segments, mapped, oldest delivery first.

    What is open stays readable when the snapshot is retired: the system keeps mapped files until they are let go. A
    snapshot that is replaced while it is being opened, for rows were erased from it, is opened as its successor.

    Raises:
        NotFound: the snapshot was retired.
        ServiceUnavailable: a segment is damaged or missing.
    """
    while True:
        try:
            # Before the segments: whoever is erased after this look is hidden from the next reader.
            erasures = read_erasures(folder)
            return [
                open_hidden(folder / "segments" / one.segment_id, one, manifest, erasures, open_one=open_one)
                for one in manifest.segments
            ]
        except ServiceUnavailable:
            present = read_manifest(folder, manifest.snapshot_id)
            if present.snapshot_id == manifest.snapshot_id:
                raise
            manifest = present


def open_hidden(
    place: Path, segment: Segment, manifest: Manifest, erasures: Erasures, *, open_one: OpenOne = open_segment
) -> RegisterPartition:
    """One segment, with the persons hidden whom the erasures list for it."""
    partition = open_one(place, segment, date_column=manifest.date_column)
    ids = erasures.hidden_in(segment.segment_id)
    return dataclasses.replace(partition, hidden=positions_of(partition, ids)) if ids else partition


def distinct_segments(manifests: Iterable[Manifest]) -> dict[str, tuple[Segment, Manifest]]:
    """Every segment once, with the oldest snapshot that names it."""
    found: dict[str, tuple[Segment, Manifest]] = {}
    for manifest in manifests:
        for segment in manifest.segments:
            found.setdefault(segment.segment_id, (segment, manifest))
    return found
