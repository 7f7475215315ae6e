"""Removes what no snapshot names: leftovers of killed loads, retired segments, work that leads nowhere any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from linkage_server.registers import compaction, rehash
from linkage_server.registers.jobs import Job, clear_stale_jobs, jobs_of
from linkage_server.registers.manifest import named_segments, published
from linkage_server.registers.register_lock import publishing_lock
from linkage_server.registers.tombstones import read_erasures
from linkage_server.storage.files import disk_refusals


def _waits_for_erasure(job: Job) -> bool:
    return bool(read_erasures(job.register).pending)


_RESUMABLE = {
    "compaction": compaction.is_resumable,
    "rehash": rehash.is_resumable,
    "erasure": _waits_for_erasure,
}


def sweep_register(folder: Path) -> int:
    """Remove leftovers from a register's folder, whose write lock is held but not the publishing lock.

    Returns:
        How many files and folders.
    """
    # Whoever hides a person holds the publishing lock alone: her half-written list is no leftover.
    with publishing_lock(folder), disk_refusals():
        leftovers = _leftovers(folder)
        for path in leftovers:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return len(leftovers) + clear_stale_jobs(folder, resumable=is_resumable)


def _leftovers(folder: Path) -> list[Path]:
    listed = {line.snapshot_id for line in published(folder)}
    named = named_segments(folder)
    return [
        *folder.glob("loading/*"),
        *folder.glob(".*.partial"),
        *folder.glob("snapshots/.*.partial"),
        *(path for path in folder.glob("segments/*") if path.name not in named),
        *(path for path in folder.glob("snapshots/*.json") if path.stem not in listed),
    ]


def is_resumable(job: Job) -> bool:
    """Whether a job's work can still become part of its register."""
    return job.name in _RESUMABLE and _RESUMABLE[job.name](job)


def stale_jobs(folder: Path) -> list[str]:
    """Names of jobs whose work leads nowhere and yet lies there: somebody is at one, and gives up at the next step."""
    return [job.name for job in jobs_of(folder) if not is_resumable(job)]
