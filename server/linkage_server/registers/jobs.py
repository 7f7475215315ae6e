"""Long work on a register that survives being killed: what it began from, and which steps are finished.

    REGISTER/jobs/NAME.lock            held while somebody works; a killed process leaves none
    REGISTER/jobs/NAME/job.json        what the work began from
    REGISTER/jobs/NAME/segments/ID/    finished segments, not yet the register's
    REGISTER/jobs/NAME/done/STEP.json  which segment a finished step gave
    REGISTER/jobs/NAME/working/        the step under way

Nothing here is read by orders. A load's sweep leaves the folder alone; `clear_stale_jobs` takes away what can no longer
become part of the register.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from linkage.errors import StateConflict
from linkage_server.registers.manifest import Segment, named_segments
from linkage_server.registers.register_lock import open_lock
from linkage_server.storage.files import disk_refusals, fsync_folder, write_atomically

WriteSegment = Callable[[Path], Segment | None]


class JobStart(BaseModel):
    """What a job began from: work for another start is worth nothing.

    Attributes:
        snapshot_id: the snapshot it rewrites.
        pepper_version: of the ids it writes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    snapshot_id: str
    pepper_version: int


class _Done(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    segment: Segment | None


class Job:
    """The work of one name on one register.

    Args:
        register: the register's folder.
        name: "compaction", "rehash" or "erasure".
    """

    def __init__(self, register: Path, name: str) -> None:
        self.register = register
        self.name = name
        self.folder = register / "jobs" / name

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Work on the job alone.

        Raises:
            StateConflict: another process does.
        """
        with disk_refusals():
            self.folder.parent.mkdir(exist_ok=True)
        with open_lock(self.folder.parent / f"{self.name}.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateConflict(
                    f"the {self.name} of register {self.register.name!r} is under way in another process.",
                    mend="Wait until it has ended.",
                ) from None
            yield

    def start(self) -> JobStart | None:
        """What the work that lies here began from; None where there is none."""
        try:
            return JobStart.model_validate_json((self.folder / "job.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def begin(self, start: JobStart) -> None:
        """Go on with the work that lies here if it began from `start`, else begin anew."""
        if self.start() == start:
            return
        self.clear()
        with disk_refusals():
            for name in ("segments", "done"):
                (self.folder / name).mkdir(parents=True)
        write_atomically(self.folder / "job.json", start.model_dump_json().encode())

    def step(self, name: str, write: WriteSegment) -> Segment | None:
        """The segment of a step, written now unless an earlier attempt finished it; None where no row is left.

        Args:
            name: of the step; the same name must always mean the same rows.
            write: writes the segment's files into the empty folder it is given, synced.
        """
        record = self.folder / "done" / f"{name}.json"
        with contextlib.suppress(FileNotFoundError, ValidationError):
            segment = _Done.model_validate_json(record.read_bytes()).segment
            if segment is None or self.folder_of(segment).is_dir():
                return segment
        working = self.folder / "working"
        with disk_refusals():
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir()
            segment = write(working)
            if segment is not None and not self.folder_of(segment).exists():
                fsync_folder(working)
                working.rename(self.folder_of(segment))
                fsync_folder(self.folder / "segments")
        write_atomically(record, _Done(segment=segment).model_dump_json().encode())
        return segment

    def folder_of(self, segment: Segment) -> Path:
        """Where a finished segment lies until it is handed over."""
        return self.folder / "segments" / segment.segment_id

    def hand_over(self, segments: Iterable[Segment]) -> None:
        """Move finished segments to the register's own; its write lock is held and a manifest names them next."""
        place = self.register / "segments"
        # Equal rows may be the register's already: segments are named by their content.
        named = named_segments(self.register)
        new = {one.segment_id: one for one in segments if one.segment_id not in named}
        with disk_refusals():
            place.mkdir(exist_ok=True)
            for segment in new.values():
                # What no manifest names may be half of a segment: a sweep was killed there.
                if (place / segment.segment_id).exists():
                    shutil.rmtree(place / segment.segment_id)
                self.folder_of(segment).rename(place / segment.segment_id)
            fsync_folder(place)

    def clear(self) -> None:
        """Take everything away; first what says that it can be gone on with."""
        with disk_refusals():
            (self.folder / "job.json").unlink(missing_ok=True)
            if self.folder.exists():
                shutil.rmtree(self.folder)


def jobs_of(register: Path) -> list[Job]:
    """Jobs that have left work in a register's folder, live ones too."""
    return [Job(register, path.name) for path in sorted(register.glob("jobs/*")) if path.is_dir()]


def clear_stale_jobs(register: Path, *, resumable: Callable[[Job], bool]) -> int:
    """Take away jobs that nobody works on and that cannot be gone on with; returns how many."""
    cleared = 0
    for job in jobs_of(register):
        with contextlib.suppress(StateConflict), job.held():
            if not resumable(job):
                job.clear()
                cleared += 1
    return cleared
