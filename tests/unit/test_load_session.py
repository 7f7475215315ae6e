"""A load session: gone on with after a kill, and within the memory it was given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EventsRejected, StateConflict
from linkage_core.events import HASHED_ID
from linkage_server.registers import load_texts
from linkage_server.registers.load_session import LoadSession
from linkage_server.registers.load_texts import merge_texts
from linkage_server.registers.manifest import Segment
from linkage_server.registers.mapped_files import MappedFiles
from tests.support.partitions import person

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1 << 20


def some_rows(first: int) -> tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]:
    ids = pa.array([person(number % 13) for number in range(first, first + 50)], HASHED_ID)
    rows = {
        "day": pa.array([date(2024, 1, 1 + number % 28) for number in range(first, first + 50)]),
        "text": pa.array([None if number % 7 == 0 else f"text {number % 20}" for number in range(first, first + 50)]),
        "causes": pa.array([[f"C{number % 3}"] * (number % 4) for number in range(first, first + 50)]),
        "packages": pa.array(range(first, first + 50), pa.int32()),
    }
    return ids, pa.record_batch(rows)


def whole_load(folder: Path, *, batches: int) -> tuple[Segment, ...]:
    session = LoadSession(folder, date_column="day", memory_bytes=MEMORY)
    for number in range(batches):
        session.add(*some_rows(50 * number))
    segments = session.write_segments()
    session.close()
    return segments


def began(tmp_path: Path) -> LoadSession:
    return LoadSession(tmp_path, date_column="day", memory_bytes=MEMORY, working=tmp_path / "jobs" / "one")


def resumed(tmp_path: Path) -> LoadSession:
    return LoadSession.resume(tmp_path, working=tmp_path / "jobs" / "one", date_column="day", memory_bytes=MEMORY)


def test_what_came_after_the_last_checkpoint_is_forgotten_and_the_rest_goes_on(tmp_path: Path) -> None:
    first = began(tmp_path)
    first.add(*some_rows(0))
    first.checkpoint("after 1")
    first.add(*some_rows(50))
    first.checkpoint("after 2")
    first.add(*some_rows(100))
    first.close()
    second = resumed(tmp_path)
    assert (second.mark, second.rows) == ("after 2", 100)
    second.add(*some_rows(100))
    segments = second.write_segments()
    second.discard()
    assert segments == whole_load(tmp_path / "other", batches=3)
    assert not (tmp_path / "jobs" / "one").exists()


def test_a_job_that_was_never_checkpointed_begins_anew(tmp_path: Path) -> None:
    first = began(tmp_path)
    first.add(*some_rows(0))
    first.close()
    second = resumed(tmp_path)
    assert (second.mark, second.rows) == (None, 0)
    second.add(*some_rows(0))
    assert second.write_segments() == whole_load(tmp_path / "other", batches=1)
    second.close()


@pytest.mark.parametrize("damage", ["cut", "changed", "garbage"])
def test_a_torn_journal_line_never_happened(tmp_path: Path, damage: str) -> None:
    first = began(tmp_path)
    for number in range(2):
        first.add(*some_rows(50 * number))
        first.checkpoint(f"after {number + 1}")
    first.close()
    journal = tmp_path / "jobs" / "one" / "journal"
    content = journal.read_bytes()
    torn = {"cut": content[:-9], "changed": content.replace(b"after 2", b"after 3"), "garbage": content[:-1] + b"x"}
    journal.write_bytes(torn[damage])
    for _ in range(2):
        second = resumed(tmp_path)
        assert (second.mark, second.rows) == ("after 1", 50)
        second.close()
    third = resumed(tmp_path)
    third.add(*some_rows(50))
    third.checkpoint("after 2 again")
    third.close()
    assert resumed(tmp_path).rows == 100


def test_a_finished_segment_is_not_written_again(tmp_path: Path) -> None:
    first = began(tmp_path)
    first.add(*some_rows(0))
    first.checkpoint("all")
    (segment,) = first.write_segments()
    first.close()
    folder = tmp_path / "segments" / segment.segment_id
    made_at = folder.stat().st_ino
    second = resumed(tmp_path)
    assert second.write_segments() == (segment,)
    second.close()
    assert folder.stat().st_ino == made_at
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    third = resumed(tmp_path)
    assert third.write_segments() == (segment,)
    third.discard()
    assert (folder / "rows.arrow").exists()


def test_a_job_killed_at_any_step_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    expected = whole_load(tmp_path / "whole", batches=3)
    status, steps = -signal.SIGKILL, 1
    while status == -signal.SIGKILL:
        folder = tmp_path / str(steps)
        status = killed_at(folder, steps)
        session = resumed(folder)
        assert session.mark in (None, "0", "1", "2")
        done = 0 if session.mark is None else int(session.mark) + 1
        assert session.rows == 50 * done
        for number in range(done, 3):
            session.add(*some_rows(50 * number))
        assert session.write_segments() == expected
        session.discard()
        steps += 1
    assert (status, steps > 20) == (0, True)


def killed_at(folder: Path, steps: int) -> int:
    """Exit status of a job that is killed at its `steps`-th step in the file system."""
    child = os.fork()
    if child == 0:
        left = steps

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in {"open", "os.mkdir", "os.rename", "os.truncate"} and str(folder) in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        session = began(folder)
        for number in range(3):
            session.add(*some_rows(50 * number))
            session.checkpoint(str(number))
        session.write_segments()
        session.close()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_job_that_is_there_already_is_not_begun_twice(tmp_path: Path) -> None:
    began(tmp_path).close()
    with pytest.raises(StateConflict, match="begun already"):
        began(tmp_path)


def test_a_type_that_the_store_does_not_hold_is_refused_by_name(tmp_path: Path) -> None:
    session = LoadSession(tmp_path, date_column=None, memory_bytes=MEMORY)
    rows = pa.record_batch({"raw": pa.array([b"x"])})
    with pytest.raises(EventsRejected, match="'raw'"):
        session.add(pa.array([person(1)], HASHED_ID), rows)
    session.close()


@pytest.mark.parametrize("at_once", [64, 1 << 20])
def test_many_texts_are_merged_a_range_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(load_texts, "TEXTS_AT_ONCE", at_once)
    texts = ["", "å", "Ångström", "\U0001f600", *(f"text {number * 7919 % 1000}" for number in range(900))]
    runs = [sorted({*texts[start::3], "in all"}, key=str.encode) for start in range(3)]
    arrays = [*(pa.array(run, pa.string()) for run in runs), pa.array([], pa.string())]
    merged, tables = merge_texts(arrays, MappedFiles(tmp_path))
    assert merged.to_pylist() == sorted({*texts, "in all"}, key=str.encode)
    for run, table in zip(runs, tables, strict=False):
        assert merged.take(pa.array(np.asarray(table))).to_pylist() == run


LOAD_MUCH = """
import resource, sys
from pathlib import Path
import numpy as np, pyarrow as pa
from linkage_core.events import HASHED_ID
from linkage_server.registers.load_session import LoadSession

random = np.random.default_rng(1)
persons = pa.FixedSizeBinaryArray.from_buffers(HASHED_ID, 200_000, [None, pa.py_buffer(random.bytes(16 * 200_000))])
session = LoadSession(Path(sys.argv[1]), date_column="day", memory_bytes=int(sys.argv[2]), threads=2)
for batch in range(int(sys.argv[3])):
    rows = 20_000
    ids = persons.take(pa.array(random.integers(0, len(persons), rows)))
    day = pa.array(random.integers(18_000, 19_000, rows).astype(np.int32)).cast(pa.date32())
    numbers = {f"number {place}": pa.array(random.integers(0, 2**62, rows)) for place in range(10)}
    text = pa.array([f"free text of row {batch} {row}" for row in range(rows)])
    session.add(ids, pa.record_batch({"day": day, "text": text, **numbers}))
(segment,) = session.write_segments()
print(segment.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, session.figures.spilled_bytes)
session.close()
"""


def test_a_load_stays_within_the_memory_it_was_given(tmp_path: Path) -> None:
    path = os.pathsep.join(str(ROOT / root) for root in (".", "core", "server"))
    memory_bytes, batches = 512 << 20, 150
    ran = subprocess.run(
        [sys.executable, "-c", LOAD_MUCH, str(tmp_path), str(memory_bytes), str(batches)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    rows, most_resident, spilled = map(int, ran.stdout.split())
    assert rows == batches * 20_000
    assert spilled > 50 << 20
    assert most_resident < memory_bytes
