"""Erases a person from a register on legal order: hidden at once, then physically gone from every kept snapshot.

    hide_person      lists her hashed id for every segment that holds her; no reader sees her from then on
    erase_hidden     rewrites those segments without her rows, and puts successors in the place of their snapshots

The second is a job that can be killed and gone on with. When it has ended, neither segments, leftovers of loads and
jobs, nor the list itself hold anything of her; the list keeps the reference and the dates. It does not end while a
compaction from before is under way, which may have copied rows of hers: that one gives its work up at its next step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from linkage.errors import StateConflict
from linkage_core.events import Int64s, RegisterPartition
from linkage_server.registers.compaction import open_finished
from linkage_server.registers.jobs import Job, JobStart
from linkage_server.registers.manifest import (
    Former,
    Manifest,
    Segment,
    published,
    read_manifest,
    replace_manifests,
)
from linkage_server.registers.open_snapshot import distinct_segments, open_hidden
from linkage_server.registers.progress import Pace
from linkage_server.registers.register_lock import publishing_lock, register_lock
from linkage_server.registers.rewrite import newest_schema, ranges_of_ids, rows_that_fit, write_merged
from linkage_server.registers.segments import open_segment
from linkage_server.registers.sweep import stale_jobs, sweep_register
from linkage_server.registers.tombstones import (
    Erasures,
    FinishedErasure,
    PendingErasure,
    carried,
    ids_at,
    read_erasures,
    write_erasures,
)

FindPerson = Callable[[RegisterPartition, int], Int64s]
"""Positions of the person in a segment whose ids are under that pepper version."""


def hide_person(folder: Path, *, find: FindPerson, reference: str, asked_at: datetime) -> int:
    """Hide a person in every segment of every kept snapshot; asked again, it changes nothing.

    Returns:
        How many segments hold rows of hers that are still on the disk.
    """
    # Whoever publishes waits: no segment may appear between the look and the list.
    with publishing_lock(folder):
        hidden = {}
        for segment_id, (segment, manifest) in distinct_segments(_manifests(folder)).items():
            place = folder / "segments" / segment_id
            partition = open_segment(place, segment, date_column=manifest.date_column)
            positions = find(partition, manifest.pepper_version)
            if len(positions):
                hidden[segment_id] = ids_at(partition, positions)
        known = read_erasures(folder)
        erasure = PendingErasure(reference=reference, asked_at=asked_at, hidden=hidden)
        same = any(one.reference == reference and one.hidden == hidden for one in known.pending)
        if hidden and not same:
            write_erasures(folder, known.model_copy(update={"pending": (*known.pending, erasure)}))
    return len(hidden)


def erase_hidden(
    folder: Path,
    *,
    memory_bytes: int,
    clock: Callable[[], datetime],
    pace: Pace,
) -> tuple[str, ...]:
    """Take the rows of hidden persons off the disk; returns the references of the erasures that are finished now.

    Args:
        folder: the register's folder.
        memory_bytes: how much may be held at once, about.
        clock: tells when the rows were gone.
        pace: told how far it has come.

    Raises:
        StateConflict: the register is being written, or a compaction from before holds copies of rows; readers see
            nothing of the persons meanwhile.
        StorageFull: no room for a segment's copy; what is finished is kept for the next call.
    """
    if not read_erasures(folder).pending:
        return ()
    job = Job(folder, "erasure")
    with register_lock(folder), job.held():
        sweep_register(folder)
        # What is finished stays right whatever the register becomes: a step's name tells segment and persons.
        job.begin(JobStart(snapshot_id="", pepper_version=0))
        erasures = read_erasures(folder)
        replaced = _rewrite(job, erasures, memory_bytes=memory_bytes, pace=pace)
        finished_at = clock()
        with publishing_lock(folder):
            _hide_again(job, replaced)
            job.hand_over(one for segments in replaced.values() for one in segments)
            successors = _successors(folder, replaced, erasures, erased_at=finished_at)
            if successors:
                replace_manifests(folder, successors)
        # Only what is off the disk is called finished, also what this job and others copied.
        sweep_register(folder)
        job.clear()
        _refuse_beside(stale_jobs(folder), register=folder.name)
        with publishing_lock(folder):
            _finish(folder, erasures, gone=replaced.keys(), finished_at=finished_at)
    return tuple(one.reference for one in erasures.pending)


def erased_since(folder: Path, snapshot_id: str) -> tuple[str, ...]:
    """References of the erasures that a snapshot has seen since it had that id, those still under way too."""
    manifest = read_manifest(folder, snapshot_id)
    references: list[str] = []
    for line in published(folder):
        if snapshot_id in line.ids:
            formerly = line.formerly[line.ids.index(snapshot_id) :]
            references = [one for former in formerly for one in former.references]
    references += read_erasures(folder).references_for(one.segment_id for one in manifest.segments)
    return tuple(dict.fromkeys(references))


def _refuse_beside(jobs: Sequence[str], *, register: str) -> None:
    if jobs:
        raise StateConflict(
            f"a {jobs[0]} of register {register!r} is under way that began before the erasure and may copy rows.",
            mend="It gives them up at its next step. Then run: linkage-server register maintain",
        )


def _manifests(folder: Path) -> list[Manifest]:
    return [read_manifest(folder, line.snapshot_id) for line in published(folder)]


def _rewrite(job: Job, erasures: Erasures, *, memory_bytes: int, pace: Pace) -> dict[str, tuple[Segment, ...]]:
    """What comes of each segment that holds a hidden person; no segment where nobody else is in it."""
    replaced: dict[str, tuple[Segment, ...]] = {}
    concerned = {
        segment_id: found
        for segment_id, found in distinct_segments(_manifests(job.register)).items()
        if erasures.hidden_in(segment_id)
    }
    for place, (segment_id, (segment, manifest)) in enumerate(concerned.items()):
        pace.report("erasing", rows=0, share=place / len(concerned))
        partition = open_hidden(job.register / "segments" / segment_id, segment, manifest, erasures)
        most_rows = rows_that_fit([partition], memory_bytes)
        hidden = hashlib.sha256(" ".join(erasures.hidden_in(segment_id)).encode()).hexdigest()
        written = []
        for number, slices in enumerate(ranges_of_ids([partition], most_rows=most_rows)):
            name = f"{segment_id[:32]}-{hidden[:32]}-{most_rows}-{number:05}"
            write = partial(write_merged, slices, schema=newest_schema([partition]))
            written.append(job.step(name, write))
        replaced[segment_id] = tuple(one for one in written if one is not None)
    pace.report("done", rows=0, share=1.0)
    return replaced


def _hide_again(job: Job, replaced: dict[str, tuple[Segment, ...]]) -> None:
    """Hide in the rewritten segments who was hidden in theirs since they were begun."""
    erasures = now = read_erasures(job.register)
    for segment_id, segments in replaced.items():
        opened = {one.segment_id: open_finished(job, one, date_column=None) for one in segments}
        now = carried(now, before=[segment_id], after=opened)
    if now != erasures:
        write_erasures(job.register, now)


def _successors(
    folder: Path, replaced: dict[str, tuple[Segment, ...]], erasures: Erasures, *, erased_at: datetime
) -> dict[str, tuple[Manifest, Former]]:
    """The successor of each snapshot that names a replaced segment, and what is to be said of it."""
    found = {}
    for manifest in _manifests(folder):
        named = [one.segment_id for one in manifest.segments]
        if not replaced.keys() & set(named):
            continue
        segments = tuple(after for one in manifest.segments for after in replaced.get(one.segment_id, (one,)))
        successor = manifest.model_copy(update={"segments": segments})
        if successor.snapshot_id != manifest.snapshot_id:
            references = erasures.references_for(named)
            former = Former(snapshot_id=manifest.snapshot_id, references=references, erased_at=erased_at)
            found[manifest.snapshot_id] = (successor, former)
    return found


def _finish(folder: Path, done: Erasures, *, gone: Iterable[str], finished_at: datetime) -> None:
    """Forget the ids of those segments; an erasure that lists no other segment is finished."""
    now = read_erasures(folder)
    named = set(distinct_segments(_manifests(folder)))
    pending, finished = [], list(now.finished)
    for erasure in now.pending:
        # Segments of retired snapshots are gone as well.
        left = {
            segment: ids for segment, ids in erasure.hidden.items() if segment in named and segment not in set(gone)
        }
        if left:
            pending.append(erasure.model_copy(update={"hidden": left}))
        else:
            finished.append(
                FinishedErasure(reference=erasure.reference, asked_at=erasure.asked_at, finished_at=finished_at)
            )
    write_erasures(folder, Erasures(pending=tuple(pending), finished=tuple(finished)))
