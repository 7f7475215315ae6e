"""What `doctor` finds in the registers: damage, erasures that are not finished, work that was left behind."""

from __future__ import annotations

from collections.abc import Iterator

from linkage.errors import LinkageError, StateConflict
from linkage_server.registers.jobs import Job, jobs_of
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.open_snapshot import distinct_segments
from linkage_server.registers.segments import verify_segment
from linkage_server.registers.store import RegisterStore
from linkage_server.registers.sweep import is_resumable, stale_jobs
from linkage_server.registers.tombstones import read_erasures

_MAINTAIN = "Run: linkage-server register maintain"


def verify_snapshots(store: RegisterStore) -> str:
    """Read every byte of every kept snapshot; raises `ServiceUnavailable` at the first damage, with its place."""
    segments = 0
    for register in store.registers():
        manifests = list(_manifests(store, register))
        for segment_id, (segment, manifest) in distinct_segments(manifests).items():
            folder = store.folder / register / "segments" / segment_id
            verify_segment(folder, segment, date_column=manifest.date_column)
            segments += 1
    if not (registers := len(store.registers())):
        return "No register is loaded yet."
    held = "1 register is" if registers == 1 else f"{registers} registers are"
    return f"{held} as written, {segments} segment{'s' if segments != 1 else ''} in all."


def check_erasures(store: RegisterStore) -> str:
    """Whether every erasure is finished.

    Raises:
        LinkageError: rows of an erased person are still on the disk; nobody sees them.
    """
    finished = 0
    for register in store.registers():
        erasures = read_erasures(store.folder / register)
        if erasures.pending:
            references = ", ".join(dict.fromkeys(erasure.reference for erasure in erasures.pending))
            waiting = "".join(
                f"; a {job} from before may hold copies of them" for job in stale_jobs(store.folder / register)
            )
            raise LinkageError(
                f"register {register!r} hides rows that are still on the disk, under: {references}{waiting}.",
                mend=_MAINTAIN,
            )
        finished += len(erasures.finished)
    return f"{finished} erasure{'s are' if finished != 1 else ' is'} finished, none waits."


def check_jobs(store: RegisterStore) -> str:
    """Whether work on the registers is under way, or can be gone on with.

    Raises:
        LinkageError: work was left behind that leads nowhere.
    """
    told = []
    for register in store.registers():
        for job in jobs_of(store.folder / register):
            state = _state(job)
            if state == "left behind":
                raise LinkageError(
                    f"register {register!r} holds work of a {job.name} that leads nowhere.",
                    mend="Start the server once, or load the next delivery: both sweep it away.",
                )
            told.append(f"{job.name} of {register} is {state}")
    return "; ".join(told) + "." if told else "Nothing is left behind."


def _state(job: Job) -> str:
    try:
        with job.held():
            return "interrupted and goes on with the next call" if is_resumable(job) else "left behind"
    except StateConflict:
        return "under way"


def _manifests(store: RegisterStore, register: str) -> Iterator[Manifest]:
    for line in store.snapshots(register):
        yield store.snapshot(register, line.snapshot_id)
