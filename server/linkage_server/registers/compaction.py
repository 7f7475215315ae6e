"""Merges the segments of many deliveries into as few as memory allows, beside readers and beside loads.

The work goes on from a pinned base and needs the register's write lock only for the moment of publishing. Deliveries
that arrived meanwhile stay behind the merged ones, so the order of delivery holds. Where the base itself was replaced
(a full extract, a new pepper, an erasure), the work is thrown away and begun anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from linkage.errors import NotFound, StateConflict, StorageFull
from linkage_core.events import RegisterPartition
from linkage_server.registers.jobs import Job, JobStart
from linkage_server.registers.manifest import Manifest, Segment, current_manifest, publish_manifest, read_manifest
from linkage_server.registers.open_snapshot import open_snapshot
from linkage_server.registers.progress import Pace
from linkage_server.registers.register_lock import publishing_lock, register_lock
from linkage_server.registers.rewrite import MapIds, newest_schema, ranges_of_ids, rows_that_fit, write_merged
from linkage_server.registers.segments import open_segment
from linkage_server.registers.tombstones import carried, read_erasures, write_erasures
from linkage_server.storage.files import disk_free_bytes, storage_full

ATTEMPTS = 3


def compact(
    folder: Path, *, memory_bytes: int, clock: Callable[[], datetime], pace: Pace, reserve_bytes: int = 0
) -> Manifest:
    """Merge what was delivered since the last compaction with what was there; no row changes, nor a person's order.

    Killed, it leaves the register as it was and goes on where it stopped when it is called again.

    Args:
        folder: the register's folder.
        memory_bytes: how much may be held at once, about.
        clock: tells when the new snapshot was published.
        pace: told how far it has come.
        reserve_bytes: room that must be left on the disk.

    Returns:
        The snapshot that is served: a new one, or the one there was where nothing is to be merged.

    Raises:
        NotFound: nothing has been loaded.
        StateConflict: another process compacts, or is writing the register at the moment of publishing; the finished
            work is kept for the next call.
        StorageFull: no room for the merged copy; the work is thrown away.
    """
    job = Job(folder, "compaction")
    with job.held():
        for _ in range(ATTEMPTS):
            base = _base(job, folder)
            if base.deltas == 0:
                job.clear()
                return base
            job.begin(JobStart(snapshot_id=base.snapshot_id, pepper_version=base.pepper_version))
            try:
                _refuse_without_room(folder, base, reserve_bytes)
                segments = _merge(job, base, memory_bytes=memory_bytes, pace=pace)
                manifest = None if segments is None else _publish(job, base, segments, clock=clock)
            except StorageFull:
                job.clear()
                raise
            job.clear()
            if manifest:
                return manifest
    raise StateConflict(
        f"register {folder.name!r} was replaced each time while it was compacted.", mend="Compact it later."
    )


def is_resumable(job: Job) -> bool:
    """Whether a compaction's work can still become part of its register."""
    start, served = job.start(), current_manifest(job.register)
    if start is None or served is None:
        return False
    try:
        base = read_manifest(job.register, start.snapshot_id)
    except NotFound:
        return False
    # Under a former id lies a snapshot from which somebody was erased: not what was worked from.
    return base.snapshot_id == start.snapshot_id and _builds_on(served, base)


def _base(job: Job, folder: Path) -> Manifest:
    """The snapshot to work from: that of an attempt that can be gone on with, else the one that is served."""
    start = job.start()
    if start is not None and is_resumable(job):
        return read_manifest(folder, start.snapshot_id)
    served = current_manifest(folder)
    if served is None:
        raise NotFound(f"register {folder.name!r} holds no delivery yet.", mend="Load one first.")
    return served


def _builds_on(served: Manifest, base: Manifest) -> bool:
    """Whether `served` is `base` with deliveries added and nothing else."""
    return (
        served.segments[: len(base.segments)] == base.segments
        and served.deliveries[: len(base.deliveries)] == base.deliveries
        and (served.pepper_version, served.date_column) == (base.pepper_version, base.date_column)
        and served.compacted_deliveries == base.compacted_deliveries
    )


def _refuse_without_room(folder: Path, base: Manifest, reserve_bytes: int) -> None:
    size = sum(file.bytes for segment in base.segments for file in segment.files)
    if disk_free_bytes(folder) < size + reserve_bytes:
        raise storage_full()


def _merge(job: Job, base: Manifest, *, memory_bytes: int, pace: Pace) -> tuple[Segment, ...] | None:
    """The merged segments, finished; None where the base was replaced meanwhile."""
    partitions = open_snapshot(job.register, base)
    schema = newest_schema(partitions)
    most_rows = rows_that_fit(partitions, memory_bytes)
    segments = []
    rows = 0
    for place, slices in enumerate(ranges_of_ids(partitions, most_rows=most_rows)):
        if not is_resumable(job):
            return None
        pace.report("compacting", rows=rows, share=rows / max(1, base.rows))
        segment = job.step(f"{most_rows}-{place:05}", partial(write_merged, slices, schema=schema))
        segments += [segment] if segment else []
        rows += sum(part.rows for part in slices)
    pace.report("done", rows=rows, share=1.0)
    return tuple(segments)


def _publish(
    job: Job, base: Manifest, segments: tuple[Segment, ...], *, clock: Callable[[], datetime]
) -> Manifest | None:
    folder = job.register
    with register_lock(folder), publishing_lock(folder):
        served = current_manifest(folder)
        if served is None or not _builds_on(served, base):
            return None
        hide_again(job, base, segments)
        job.hand_over(segments)
        manifest = served.model_copy(
            update={
                "segments": (*segments, *served.segments[len(base.segments) :]),
                "compacted_deliveries": len(base.deliveries),
            }
        )
        publish_manifest(folder, manifest, published_at=clock())
    return manifest


def hide_again(job: Job, base: Manifest, segments: tuple[Segment, ...], *, map_ids: MapIds | None = None) -> None:
    """Hide in the rewritten segments, before they are published, who was erased while they were written."""
    erasures = read_erasures(job.register)
    opened = {one.segment_id: open_finished(job, one, date_column=base.date_column) for one in segments}
    now = carried(erasures, before=[one.segment_id for one in base.segments], after=opened, map_ids=map_ids)
    if now != erasures:
        write_erasures(job.register, now)


def open_finished(job: Job, segment: Segment, *, date_column: str | None) -> RegisterPartition:
    """A finished segment of a job."""
    return open_segment(job.folder_of(segment), segment, date_column=date_column)
