"""Compaction goes on beside readers and loads, and changes no row and no person's order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from linkage.errors import NotFound, StateConflict, StorageFull
from linkage_server.registers import compaction
from linkage_server.registers.jobs import Job
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.progress import Pace, Progress
from linkage_server.registers.register_lock import register_lock
from linkage_server.registers.store import RegisterStore
from tests.support.partitions import person
from tests.support.register_loads import Line, events, load, rows_of

PERSONS = [person(number) for number in range(7)]


def lines(number: int) -> list[Line]:
    return [
        (person((number + place) % 7), {"day": date(2024, 1 + number % 12, 1 + place), "atc": f"A{number}"})
        for place in range(20)
    ]


@pytest.fixture
def store(tmp_path: Path) -> RegisterStore:
    return RegisterStore(tmp_path, memory_bytes=2000)


def loaded(store: RegisterStore, deliveries: int) -> Manifest:
    for number in range(deliveries):
        manifest = load(store, lines(number), name=str(number))
    return manifest


def meanwhile(deed: Iterator[None]) -> Pace:
    """A progress report that does the deed when compaction has begun."""

    def show(progress: Progress) -> None:
        next(deed, None)

    return Pace(show, clock=lambda: 0.0)


@contextmanager
def written_by_another(store: RegisterStore) -> Iterator[None]:
    with register_lock(store.folder / "lmed"):
        yield


def test_no_row_and_no_order_changes_and_the_old_snapshot_reads_the_same(store: RegisterStore) -> None:
    base = loaded(store, 4)
    before = rows_of(events(store, PERSONS))
    compacted = store.compact("lmed")
    assert compacted.deltas == 0
    assert compacted.compacted_deliveries == 4
    assert compacted.deliveries == base.deliveries
    assert rows_of(events(store, PERSONS)) == before
    assert rows_of(events(store, PERSONS, manifest=store.snapshot("lmed", base.snapshot_id))) == before
    store.verify(compacted)
    assert store.compact("lmed") == compacted


def test_deliveries_that_arrive_meanwhile_stay_behind(store: RegisterStore) -> None:
    loaded(store, 3)

    def deed() -> Iterator[None]:
        load(store, lines(7), name="meanwhile")
        yield

    compacted = store.compact("lmed", pace=meanwhile(deed()))
    assert [one.name for one in compacted.deliveries] == ["0", "1", "2", "meanwhile"]
    assert (compacted.compacted_deliveries, compacted.deltas) == (3, 1)
    other = RegisterStore(store.folder / "other")
    loaded(other, 3)
    load(other, lines(7), name="meanwhile")
    assert rows_of(events(store, PERSONS)) == rows_of(events(other, PERSONS))


def test_a_base_that_is_replaced_meanwhile_makes_the_work_begin_anew(store: RegisterStore) -> None:
    loaded(store, 3)

    def deed() -> Iterator[None]:
        load(store, lines(7), name="whole", replace=True)
        load(store, lines(8), name="more")
        yield

    compacted = store.compact("lmed", pace=meanwhile(deed()))
    assert [one.name for one in compacted.deliveries] == ["whole", "more"]
    assert compacted.rows == 40
    assert not (store.folder / "lmed" / "jobs" / "compaction").exists()


def test_a_base_that_is_replaced_each_time_ends_it_without_leftovers(store: RegisterStore) -> None:
    loaded(store, 3)

    def deed() -> Iterator[None]:
        for number in range(99):
            load(store, lines(number), name=f"whole {number}", replace=True)
            load(store, lines(8), name=f"more {number}")
            yield

    with pytest.raises(StateConflict, match="each time"):
        store.compact("lmed", pace=meanwhile(deed()))
    assert not (store.folder / "lmed" / "jobs" / "compaction").exists()


def test_a_register_that_is_written_at_the_end_keeps_the_work_for_the_next_call(store: RegisterStore) -> None:
    base = loaded(store, 3)
    with written_by_another(store), pytest.raises(StateConflict, match="another process"):
        store.compact("lmed")
    assert store.current("lmed") == base
    finished = sorted(path.name for path in (store.folder / "lmed/jobs/compaction/segments").iterdir())
    store.sweep()
    compacted = store.compact("lmed")
    assert sorted(one.segment_id for one in compacted.segments) == finished


def test_a_base_worked_from_is_not_forgotten(store: RegisterStore) -> None:
    base = loaded(store, 3)
    with written_by_another(store), pytest.raises(StateConflict):
        store.compact("lmed")
    load(store, lines(5), name="later")
    store.forget("lmed", keep=set())
    assert base.snapshot_id in {line.snapshot_id for line in store.snapshots("lmed")}
    assert store.compact("lmed").compacted_deliveries == 3


def test_two_compactions_at_once_are_refused(store: RegisterStore) -> None:
    loaded(store, 3)
    with Job(store.folder / "lmed", "compaction").held(), pytest.raises(StateConflict, match="under way"):
        store.compact("lmed")


def test_readers_are_never_blocked(store: RegisterStore) -> None:
    loaded(store, 6)
    before = rows_of(events(store, PERSONS))
    seen: list[bool] = []

    def deed() -> Iterator[None]:
        while True:
            reader = threading.Thread(target=lambda: seen.append(rows_of(events(store, PERSONS)) == before))
            reader.start()
            reader.join()
            yield

    store.compact("lmed", pace=meanwhile(deed()))
    assert seen
    assert all(seen)


def test_a_disk_without_room_is_refused_before_anything_is_written(store: RegisterStore) -> None:
    base = loaded(store, 3)
    with pytest.raises(StorageFull):
        store.compact("lmed", reserve_bytes=1 << 62)
    assert store.current("lmed") == base
    assert not (store.folder / "lmed" / "jobs" / "compaction").exists()


def test_work_without_a_register_leads_nowhere(store: RegisterStore) -> None:
    with pytest.raises(NotFound):
        store.compact("lmed")
    loaded(store, 2)
    job = Job(store.folder / "lmed", "compaction")
    assert not compaction.is_resumable(job)
    (job.folder / "segments").mkdir(parents=True)
    assert store.sweep() == 1
    assert not job.folder.exists()
