"""A person who is erased on legal order: unseen at once in every snapshot, then gone from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import LinkageError, ServiceUnavailable, StateConflict
from linkage_core.events import HASHED_ID, Int64s, RegisterPartition, join_ids
from linkage_server.registers.erasure import FindPerson
from linkage_server.registers.jobs import Job
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.progress import Pace, Progress
from linkage_server.registers.register_lock import register_lock
from linkage_server.registers.store import RegisterStore
from linkage_server.registers.store_checkup import check_erasures
from linkage_server.registers.tombstones import read_erasures
from tests.support.partitions import person
from tests.support.register_loads import Line, events, load, rows_of

HER, OTHERS = person(3), [person(number) for number in (1, 2, 4, 5)]
REFERENCE = "Dnr 2026-0815"


def finds(*persons: bytes) -> FindPerson:
    def find(partition: RegisterPartition, pepper_version: int) -> Int64s:
        stored = join_ids(partition.keys_hi, partition.keys_lo).to_pylist()
        return np.array([place for place, one in enumerate(stored) if one in persons], np.int64)

    return find


def lines(number: int) -> list[Line]:
    return [
        (who, {"day": date(2024, 1 + number, 1 + place), "atc": f"A{number}", "text": f"hers {who == HER} {number}"})
        for place, who in enumerate([HER, *OTHERS, HER])
    ]


@pytest.fixture
def store(tmp_path: Path) -> RegisterStore:
    return RegisterStore(tmp_path, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))


def hide(store: RegisterStore, *persons: bytes, reference: str = REFERENCE) -> int:
    return store.hide("lmed", find=finds(*persons or (HER,)), reference=reference)


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def hers(store: RegisterStore, manifest: Manifest | None = None) -> list[dict[str, object]]:
    return rows_of(events(store, [HER], manifest=manifest))[0]


def test_nobody_sees_her_from_the_moment_of_the_order(store: RegisterStore) -> None:
    first, second = load(store, lines(0)), load(store, lines(1), name="second")
    others = rows_of(events(store, OTHERS))
    assert hide(store) == 2
    for manifest in (first, second):
        assert hers(store, store.snapshot("lmed", manifest.snapshot_id)) == []
    assert not events(store, [HER]).found[0]
    assert rows_of(events(store, OTHERS)) == others
    assert store.erased_since("lmed", first.snapshot_id) == (REFERENCE,)
    assert hide(store) == 2
    assert len(read_erasures(store.folder / "lmed").pending) == 1


def test_nothing_of_her_is_left_on_the_disk(store: RegisterStore) -> None:
    first, second = load(store, lines(0)), load(store, lines(1), name="second")
    load(store, lines(2), name="whole", replace=True)
    others = {one.snapshot_id: rows_of(events(store, OTHERS, manifest=one)) for one in (first, second)}
    (store.folder / "lmed" / "loading" / "killed").mkdir(parents=True)
    (store.folder / "lmed" / "loading" / "killed" / "run").write_bytes(HER)
    hide(store)
    assert store.erase_hidden("lmed") == (REFERENCE,)
    left = bytes_below(store.folder)
    high, low = HER[:8], HER[8:]
    for trace in (HER.hex().encode(), HER, high[::-1] + low[::-1], b"hers True"):
        assert trace not in left
    assert b"hers False" in left
    for old, rows in others.items():
        successor = store.snapshot("lmed", old)
        assert successor.snapshot_id != old
        assert rows_of(events(store, OTHERS, manifest=successor)) == rows
        assert hers(store, successor) == []
        store.verify(successor)
        assert store.erased_since("lmed", old) == (REFERENCE,)
        assert store.erased_since("lmed", successor.snapshot_id) == ()
    erasures = read_erasures(store.folder / "lmed")
    assert (erasures.pending, erasures.finished[0].reference) == ((), REFERENCE)
    assert store.erase_hidden("lmed") == ()


def test_what_is_delivered_later_is_not_affected(store: RegisterStore) -> None:
    load(store, lines(0))
    hide(store)
    load(store, lines(1), name="second")
    assert [row["atc"] for row in hers(store)] == ["A1", "A1"]
    store.erase_hidden("lmed")
    assert [row["atc"] for row in hers(store)] == ["A1", "A1"]


def test_a_second_erasure_leads_from_both_ids_to_what_is_left(store: RegisterStore) -> None:
    first = load(store, lines(0))
    hide(store)
    store.erase_hidden("lmed")
    second = store.current("lmed")
    hide(store, OTHERS[0], reference="Dnr 2")
    store.erase_hidden("lmed")
    assert store.erased_since("lmed", first.snapshot_id) == (REFERENCE, "Dnr 2")
    assert store.erased_since("lmed", second.snapshot_id) == ("Dnr 2",)
    assert store.snapshot("lmed", first.snapshot_id) == store.snapshot("lmed", second.snapshot_id)


def test_a_manifest_read_before_an_erasure_opens_what_took_its_place(store: RegisterStore) -> None:
    manifest = load(store, lines(0))
    open_before = store.partitions(manifest)
    hide(store)
    store.erase_hidden("lmed")
    assert hers(store, manifest) == []
    assert open_before[0].rows.num_rows == 6  # who has it open reads on undisturbed


def test_a_register_that_is_being_loaded_hides_her_at_once_and_is_cleaned_afterwards(store: RegisterStore) -> None:
    load(store, lines(0))
    with register_lock(store.folder / "lmed"):
        hide(store)
        assert hers(store) == []
        with pytest.raises(StateConflict):
            store.erase_hidden("lmed")
    assert store.erase_hidden("lmed") == (REFERENCE,)


def test_nobody_left_is_an_empty_register(store: RegisterStore) -> None:
    load(store, [(HER, {"day": date(2024, 1, 1), "atc": "A"})])
    hide(store)
    store.erase_hidden("lmed")
    assert store.current("lmed").segments == ()
    assert hers(store) == []


def test_who_is_not_there_leaves_no_list(store: RegisterStore) -> None:
    load(store, lines(0))
    assert hide(store, person(6)) == 0
    assert not (store.folder / "lmed" / "erasures.json").exists()


def test_a_damaged_list_lets_nobody_read(store: RegisterStore) -> None:
    manifest = load(store, lines(0))
    hide(store)
    (store.folder / "lmed" / "erasures.json").write_text("{")
    with pytest.raises(ServiceUnavailable, match="erasures"):
        store.partitions(manifest)


def during(deed: Iterator[None]) -> Pace:
    def show(progress: Progress) -> None:
        next(deed, None)

    return Pace(show, clock=lambda: 0.0)


def erasing(store: RegisterStore, *, finish: bool) -> Iterator[None]:
    yield
    hide(store)
    if finish:
        # What the compaction has merged holds rows of hers still.
        with pytest.raises(StateConflict, match="a compaction of register"):
            store.erase_hidden("lmed")
        assert b"hers True" in bytes_below(store.folder)
        assert read_erasures(store.folder / "lmed").finished == ()
        with pytest.raises(LinkageError, match=f"under: {REFERENCE}; a compaction from before may hold copies"):
            check_erasures(store)
    yield


@pytest.mark.parametrize("finish", [False, True])
def test_a_compaction_under_way_brings_her_not_back(store: RegisterStore, finish: bool) -> None:
    load(store, lines(0))
    load(store, lines(1), name="second")
    others = rows_of(events(store, OTHERS))
    # Hidden when all is merged and nothing is published.
    store.compact("lmed", pace=during(erasing(store, finish=finish)))
    assert hers(store) == []
    assert rows_of(events(store, OTHERS)) == others
    assert store.erase_hidden("lmed") == (REFERENCE,)
    assert hers(store) == []
    assert b"hers True" not in bytes_below(store.folder)
    assert check_erasures(store) == "1 erasure is finished, none waits."
    assert store.current("lmed").deltas == 0


def test_a_compaction_in_many_steps_gives_up_what_it_copied_of_her_at_its_next_step(tmp_path: Path) -> None:
    store = RegisterStore(tmp_path, memory_bytes=1)
    load(store, lines(0))
    load(store, lines(1), name="second")
    copies = []

    def look(progress: Progress) -> None:
        copied = any(b"hers True" in path.read_bytes() for path in tmp_path.glob("lmed/jobs/compaction/**/*.arrow"))
        copies.append(copied)
        if copied:
            hide(store)
            with pytest.raises(StateConflict):
                store.erase_hidden("lmed")

    store.compact("lmed", pace=Pace(look, clock=iter(range(1000)).__next__))
    # Copied once; the attempt that began anew never saw her.
    assert copies.count(True) == 1
    assert store.erase_hidden("lmed") == (REFERENCE,)
    assert b"hers True" not in bytes_below(store.folder)


@pytest.mark.parametrize("job", ["compaction", "rehash"])
def test_copies_that_a_killed_job_left_go_before_an_erasure_is_finished(store: RegisterStore, job: str) -> None:
    load(store, lines(0))
    load(store, lines(1), name="second")

    def killed(progress: Progress) -> None:
        if progress.stage in {"done", "merging"}:
            raise KeyboardInterrupt

    pace = Pace(killed, clock=lambda: 0.0)
    with pytest.raises(KeyboardInterrupt):
        if job == "compaction":
            store.compact("lmed", pace=pace)
        else:
            store.rehash("lmed", pepper_version=2, map_ids=lambda ids: ids, pace=pace)
    copies = Job(store.folder / "lmed", job).folder
    assert b"hers True" in bytes_below(copies)
    hide(store)
    assert store.erase_hidden("lmed") == (REFERENCE,)
    assert not copies.exists()
    assert b"hers True" not in bytes_below(store.folder)


def test_an_earlier_attempt_s_copies_go_before_an_erasure_is_finished(store: RegisterStore) -> None:
    load(store, lines(0))
    hide(store, OTHERS[0], reference="Dnr 2")

    def killed(progress: Progress) -> None:
        if progress.stage == "done":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.erase_hidden("lmed", pace=Pace(killed, clock=lambda: 0.0))
    copies = Job(store.folder / "lmed", "erasure").folder
    assert b"hers True" in bytes_below(copies)
    hide(store)
    assert store.erase_hidden("lmed") == ("Dnr 2", REFERENCE)
    assert not copies.exists()


def test_a_rehash_under_way_brings_her_not_back(store: RegisterStore) -> None:
    load(store, lines(0))

    def next_version(ids: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
        return pa.array([one[::-1] for one in ids.to_pylist()], HASHED_ID)

    def deed() -> Iterator[None]:
        yield
        yield
        hide(store)
        yield

    moved = store.rehash("lmed", pepper_version=2, map_ids=next_version, pace=during(deed()))
    assert moved.pepper_version == 2
    assert rows_of(events(store, [HER[::-1]])) == [[]]
    assert len(rows_of(events(store, [OTHERS[0][::-1]]))[0]) == 1
    store.erase_hidden("lmed")
    assert b"hers True" not in bytes_below(store.folder)


def test_what_a_killed_job_left_is_cleared_with_her_rows(store: RegisterStore) -> None:
    load(store, lines(0))
    load(store, lines(1), name="second")
    with register_lock(store.folder / "lmed"), pytest.raises(StateConflict):
        store.compact("lmed")
    assert Job(store.folder / "lmed", "compaction").folder.exists()
    hide(store)
    store.erase_hidden("lmed")
    assert not Job(store.folder / "lmed", "compaction").folder.exists()
    assert b"hers True" not in bytes_below(store.folder)
