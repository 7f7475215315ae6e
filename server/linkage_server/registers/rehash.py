"""Moves a register's ids to the next pepper: a job that can be killed at any point and gone on with.

    runs     each stored segment, piece by piece, under new ids and sorted by them
    merging  the runs, range by range of new ids

Both are steps of a job, so what is finished stays finished. The register's write lock is held throughout: a delivery
under the old pepper would have to be moved as well. Old snapshots keep their version until they are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from linkage.errors import NotFound, StateConflict
from linkage_core.events import RegisterPartition
from linkage_server.registers.compaction import hide_again, open_finished
from linkage_server.registers.jobs import Job, JobStart
from linkage_server.registers.manifest import Manifest, Segment, current_manifest, publish_manifest
from linkage_server.registers.open_snapshot import open_snapshot
from linkage_server.registers.progress import Pace
from linkage_server.registers.register_lock import publishing_lock, register_lock
from linkage_server.registers.rewrite import (
    MapIds,
    PersonSlice,
    newest_schema,
    ranges_of_ids,
    rows_that_fit,
    write_merged,
)


def rehash(
    folder: Path,
    *,
    pepper_version: int,
    map_ids: MapIds,
    memory_bytes: int,
    clock: Callable[[], datetime],
    pace: Pace,
) -> Manifest:
    """Publish the register under the next pepper version; changes nothing when it has arrived there already.

    Args:
        folder: the register's folder.
        pepper_version: the version to move to, one above the register's.
        map_ids: ids under that version from ids under the one before (`linkage_core.pepper_chain.next_ids`).
        memory_bytes: how much may be held at once, about.
        clock: tells when the new snapshot was published.
        pace: told how far it has come.

    Raises:
        NotFound: nothing has been loaded.
        StateConflict: the register is being written, or stands at another version than the one before.
        StorageFull: no room; what is finished is kept for the next call.
    """
    job = Job(folder, "rehash")
    with register_lock(folder), job.held():
        base = current_manifest(folder)
        if base is None:
            raise NotFound(f"register {folder.name!r} holds no delivery yet.", mend="Load one first.")
        if base.pepper_version == pepper_version:
            job.clear()
            return base
        if base.pepper_version != pepper_version - 1:
            raise StateConflict(
                f"register {folder.name!r} is hashed under pepper version {base.pepper_version}; "
                f"it cannot move to version {pepper_version} in one step.",
                mend="Re-hash one version at a time.",
            )
        job.begin(JobStart(snapshot_id=base.snapshot_id, pepper_version=pepper_version))
        partitions = open_snapshot(folder, base)
        runs = _runs(job, partitions, map_ids, memory_bytes=memory_bytes, pace=pace)
        opened = [open_finished(job, run, date_column=base.date_column) for run in runs]
        segments = _merged(job, opened, memory_bytes=memory_bytes, pace=pace)
        manifest = base.model_copy(
            update={
                "segments": segments,
                "pepper_version": pepper_version,
                "compacted_deliveries": len(base.deliveries),
            }
        )
        with publishing_lock(folder):
            hide_again(job, base, segments, map_ids=map_ids)
            job.hand_over(segments)
            publish_manifest(folder, manifest, published_at=clock())
        job.clear()
    return manifest


def is_resumable(job: Job) -> bool:
    """Whether a re-hash's work can still become part of its register."""
    start, served = job.start(), current_manifest(job.register)
    return start is not None and served is not None and start.snapshot_id == served.snapshot_id


def _runs(
    job: Job, partitions: list[RegisterPartition], map_ids: MapIds, *, memory_bytes: int, pace: Pace
) -> tuple[Segment, ...]:
    """The rows under new ids, in sorted runs, oldest delivery first."""
    most_rows = rows_that_fit(partitions, memory_bytes)
    schema = newest_schema(partitions)
    total = sum(partition.rows.num_rows for partition in partitions)
    runs = []
    rows = 0
    for place, part in enumerate(_pieces(partitions, most_rows)):
        pace.report("re-hashing", rows=rows, share=rows / max(1, total))
        write = partial(write_merged, [part], schema=schema, map_ids=map_ids)
        run = job.step(f"run-{most_rows}-{place:05}", write)
        runs += [run] if run else []
        rows += part.rows
    return tuple(runs)


def _pieces(partitions: list[RegisterPartition], most_rows: int) -> Iterator[PersonSlice]:
    for partition in partitions:
        for slices in ranges_of_ids([partition], most_rows=most_rows):
            yield from slices


def _merged(job: Job, runs: list[RegisterPartition], *, memory_bytes: int, pace: Pace) -> tuple[Segment, ...]:
    most_rows = rows_that_fit(runs, memory_bytes)
    schema = newest_schema(runs)
    total = sum(run.rows.num_rows for run in runs)
    segments = []
    rows = 0
    for place, slices in enumerate(ranges_of_ids(runs, most_rows=most_rows)):
        pace.report("merging", rows=rows, share=rows / max(1, total))
        segment = job.step(f"merged-{most_rows}-{place:05}", partial(write_merged, slices, schema=schema))
        assert segment is not None, "nobody is hidden in a run"
        segments.append(segment)
        rows += sum(part.rows for part in slices)
    pace.report("done", rows=rows, share=1.0)
    return tuple(segments)
