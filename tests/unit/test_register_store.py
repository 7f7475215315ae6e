"""The register store: snapshots, pins, refusals and damage."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.errors import Conflict, EventsRejected, NotFound, ServiceUnavailable, StateConflict
from linkage_core.narrow_columns import logical_schema
from linkage_server.registers.register_lock import publishing_lock
from linkage_server.registers.store import RegisterStore
from tests.support.partitions import person
from tests.support.register_loads import SCHEMA, Line, events, load, rows_of

ONE, TWO, NEVER = person(1), person(2), person(7)


def line(who: bytes, day: int, atc: str = "C10AA05") -> Line:
    return who, {"day": date(2024, 1, day), "atc": atc, "causes": [atc], "text": "1x1", "packages": 100}


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def store(tmp_path: Path) -> RegisterStore:
    return RegisterStore(tmp_path, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))


def test_a_person_s_rows_of_two_deliveries_are_read_as_one_by_date(store: RegisterStore) -> None:
    load(store, [line(ONE, 5), line(TWO, 9)])
    load(store, [line(ONE, 3), line(ONE, 8)], name="second")
    assert [[row["day"].day for row in rows] for rows in rows_of(events(store, [ONE, TWO, NEVER]))] == [
        [3, 5, 8],
        [9],
        [],
    ]
    assert events(store, [ONE, TWO, NEVER]).found.tolist() == [True, True, False]


def test_a_late_correction_of_the_same_day_comes_after_the_row_it_corrects(store: RegisterStore) -> None:
    load(store, [line(ONE, 5, "A")])
    load(store, [line(ONE, 5, "B")], name="second")
    assert [row["atc"] for row in rows_of(events(store, [ONE]))[0]] == ["A", "B"]


def test_an_older_snapshot_stays_readable_by_its_id(store: RegisterStore) -> None:
    first = load(store, [line(ONE, 5)])
    second = load(store, [line(ONE, 6)], name="second")
    pinned = store.snapshot("lmed", first.snapshot_id)
    assert rows_of(events(store, [ONE], manifest=pinned)) == [[line(ONE, 5)[1]]]
    assert [one.snapshot_id for one in store.snapshots("lmed")] == [first.snapshot_id, second.snapshot_id]
    assert store.current("lmed") == second
    assert second.last_day == date(2024, 1, 6)


def test_the_same_content_has_the_same_snapshot_id_in_any_store(store: RegisterStore, tmp_path: Path) -> None:
    other = RegisterStore(tmp_path / "other", memory_bytes=1 << 30)
    assert load(store, [line(ONE, 5)]).snapshot_id == load(other, [line(ONE, 5)], lines_at_once=1).snapshot_id


def test_the_same_delivery_twice_is_refused_and_changes_nothing(store: RegisterStore) -> None:
    before = load(store, [line(ONE, 5)])
    with pytest.raises(Conflict, match="already"):
        load(store, [line(ONE, 5)])
    assert store.current("lmed") == before


def test_a_full_extract_replaces_what_was_there(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    load(store, [line(TWO, 6)], name="full", replace=True)
    assert events(store, [ONE, TWO]).found.tolist() == [False, True]


def test_a_load_that_is_given_up_leaves_nothing(store: RegisterStore, tmp_path: Path) -> None:
    load(store, [line(ONE, 5)])
    before = files_below(tmp_path)

    def give_up() -> None:
        with store.begin_load(
            "lmed",
            definition_sha256="x",
            date_column="day",
            pepper_version=1,
            delivery_name="bad",
            content_sha256="bad",
        ) as session:
            session.add(pa.array([ONE], pa.binary(16)), pa.RecordBatch.from_pylist([line(ONE, 1)[1]], schema=SCHEMA))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert files_below(tmp_path) == before
    assert rows_of(events(store, [ONE])) == [[line(ONE, 5)[1]]]


def test_two_loads_of_one_register_at_once_are_refused(store: RegisterStore) -> None:
    with (
        store.begin_load(
            "lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a", content_sha256="a"
        ),
        pytest.raises(StateConflict, match="another process"),
    ):
        load(store, [line(ONE, 5)])
    load(store, [line(ONE, 5)])


def test_sweeping_waits_for_a_list_that_is_half_written(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    half_written = store.folder / "lmed" / ".erasures.json.0123.partial"
    with publishing_lock(store.folder / "lmed"):
        half_written.write_bytes(b"{")
        sweeping = threading.Thread(target=store.sweep)
        sweeping.start()
        sweeping.join(0.2)
        assert half_written.exists()
    sweeping.join()
    assert not half_written.exists()


def test_sweeping_passes_over_a_register_that_is_being_loaded(store: RegisterStore) -> None:
    with store.begin_load(
        "lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a", content_sha256="a"
    ) as session:
        assert store.sweep() == 0
        session.add(pa.array([ONE], pa.binary(16)), pa.RecordBatch.from_pylist([line(ONE, 5)[1]], schema=SCHEMA))
        session.publish()
    assert events(store, [ONE]).found.tolist() == [True]


def test_ids_under_another_pepper_version_are_refused(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    with pytest.raises(StateConflict, match="pepper version 1"):
        load(store, [line(ONE, 6)], name="second", pepper_version=2)


def test_rehashing_again_changes_nothing_and_skipping_a_version_is_refused(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    moved = store.rehash("lmed", pepper_version=2, map_ids=lambda ids: ids)
    assert store.rehash("lmed", pepper_version=2, map_ids=lambda ids: ids) == moved
    with pytest.raises(StateConflict, match="one step"):
        store.rehash("lmed", pepper_version=4, map_ids=lambda ids: ids)


def test_a_new_variable_is_null_in_older_months(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    wider = SCHEMA.append(pa.field("reason", pa.list_(pa.int64())))
    who, row = line(ONE, 6)
    load(store, [(who, row | {"reason": [38341003]})], name="second", schema=wider)
    assert [row["reason"] for row in rows_of(events(store, [ONE]))[0]] == [None, [38341003]]
    store.compact("lmed")
    assert [row["reason"] for row in rows_of(events(store, [ONE]))[0]] == [None, [38341003]]


def test_units_and_narrow_codes_are_kept_with_the_columns(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    stored = store.partitions(store.current("lmed"))[0].rows.schema
    assert stored.field("packages").type == pa.uint8()
    assert stored.field("atc").type == pa.dictionary(pa.uint8(), pa.string())
    assert stored.field("causes").type == pa.list_(pa.dictionary(pa.uint8(), pa.string()))
    schema = logical_schema(stored)
    assert schema.field("packages").metadata == {b"scale": b"100"}
    assert schema.field("packages").type == pa.int32()


def test_only_the_columns_asked_for_are_read(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    (partition,) = store.partitions(store.current("lmed"), columns=["atc", "not in the register"])
    assert partition.rows.schema.names == ["day", "atc"]


def test_a_delivery_without_rows_is_a_snapshot_too(store: RegisterStore) -> None:
    assert load(store, []).rows == 0
    assert store.current("lmed").holds_delivery("content of first")
    assert events(store, [ONE]).found.tolist() == [False]


def test_columns_may_not_change_within_a_delivery(store: RegisterStore) -> None:
    with store.begin_load(
        "lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a", content_sha256="a"
    ) as session:
        ids = pa.array([ONE], pa.binary(16))
        rows = pa.RecordBatch.from_pylist([line(ONE, 5)[1]], schema=SCHEMA)
        session.add(ids, rows)
        with pytest.raises(EventsRejected, match="columns differ"):
            session.add(ids, rows.select(["day"]))
        with pytest.raises(EventsRejected, match="one hashed id a row"):
            session.add(ids, rows.slice(1))
        with pytest.raises(EventsRejected, match="row 1 is"):
            session.add(pa.array([None], pa.binary(16)), rows)


def test_no_rows_are_taken_after_a_load_was_published(store: RegisterStore) -> None:
    with store.begin_load(
        "lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a", content_sha256="a"
    ) as session:
        session.publish()
        with pytest.raises(StateConflict, match="has ended"):
            session.add(pa.array([ONE], pa.binary(16)), pa.RecordBatch.from_pylist([line(ONE, 5)[1]], schema=SCHEMA))


def test_forgetting_keeps_what_is_pinned_and_what_is_served(store: RegisterStore, tmp_path: Path) -> None:
    pinned, middle = load(store, [line(ONE, 5)]), load(store, [line(ONE, 6)], name="second", replace=True)
    served = load(store, [line(ONE, 7)], name="third", replace=True)
    assert store.forget("lmed", keep={pinned.snapshot_id}) == 1
    assert [one.snapshot_id for one in store.snapshots("lmed")] == [pinned.snapshot_id, served.snapshot_id]
    with pytest.raises(NotFound):
        store.snapshot("lmed", middle.snapshot_id)
    assert len(list((tmp_path / "lmed" / "segments").iterdir())) == 2
    store.verify(store.snapshot("lmed", pinned.snapshot_id))


@pytest.mark.parametrize("snapshot_id", ["0" * 64, "../../published", ""])
def test_an_unknown_snapshot_is_not_found(store: RegisterStore, snapshot_id: str) -> None:
    load(store, [line(ONE, 5)])
    with pytest.raises(NotFound):
        store.snapshot("lmed", snapshot_id)


def test_a_register_without_deliveries_is_not_found(store: RegisterStore) -> None:
    assert store.registers() == []
    with pytest.raises(NotFound, match="no delivery"):
        store.current("lmed")


@pytest.mark.parametrize("name", ["persons.arrow", "offsets.arrow", "directory.arrow", "rows.arrow"])
@pytest.mark.parametrize("damage", ["missing", "cut", "swapped", "empty"])
def test_a_damaged_segment_is_refused_when_it_is_opened(
    store: RegisterStore, tmp_path: Path, name: str, damage: str
) -> None:
    manifest = load(store, [line(ONE, 5), line(TWO, 6)])
    (path,) = tmp_path.rglob(name)
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"cut": content[:-8], "swapped": content[::-1], "empty": b""}[damage])
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.partitions(manifest)


@pytest.mark.parametrize("name", ["persons.arrow", "offsets.arrow", "directory.arrow", "rows.arrow"])
def test_one_flipped_bit_is_found_by_verifying(store: RegisterStore, tmp_path: Path, name: str) -> None:
    manifest = load(store, [line(ONE, 5), line(TWO, 6)] * 2000)
    (path,) = tmp_path.rglob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.verify(manifest)


def test_a_damaged_manifest_is_refused(store: RegisterStore, tmp_path: Path) -> None:
    manifest = load(store, [line(ONE, 5)])
    path = tmp_path / "lmed" / "snapshots" / f"{manifest.snapshot_id}.json"
    path.write_text(path.read_text().replace('"rows": 1', '"rows": 2'))
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.current("lmed")
    (tmp_path / "lmed" / "published.json").write_text("{")
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.current("lmed")
