"""Opened segments are used again while their files stand as they were, and let go of when they do not."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from linkage.errors import ServiceUnavailable
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.opened_segments import OpenedSegments
from linkage_server.registers.store import RegisterStore
from tests.support.register_loads import Line, events, load, rows_of

ONE, TWO = bytes(15) + b"\1", b"\7" + bytes(15)


def line(who: bytes, packages: int) -> Line:
    row = {"day": date(2024, 1, 1), "atc": "C10", "causes": None, "text": "", "packages": packages}
    return who, row


@pytest.fixture
def store(tmp_path: Path) -> RegisterStore:
    return RegisterStore(tmp_path, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))


def mapped(folder: Path) -> list[str]:
    """Files below a folder that the process has mapped."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split("/", 1)[1] for line in maps if str(folder) in line})


def folder_of(store: RegisterStore, manifest: Manifest) -> Path:
    return store.folder / "lmed" / "segments" / manifest.segments[0].segment_id


def test_the_next_order_finds_the_segments_open(store: RegisterStore) -> None:
    manifest = load(store, [line(ONE, 5)])
    first, second = store.partitions(manifest)[0], store.partitions(manifest, columns=["atc"])[0]
    assert second.keys_hi is first.keys_hi
    assert second.rows.schema.names == ["day", "atc"]


def test_few_persons_have_a_mapping_of_their_own(store: RegisterStore) -> None:
    manifest = load(store, [line(ONE, 5), line(TWO, 6)])
    usual, few, many = (store.partitions(manifest, asked=asked)[0] for asked in (None, 0, 1))
    assert few.keys_hi is not usual.keys_hi
    assert many.keys_hi is usual.keys_hi
    assert few.rows.equals(usual.rows)


def test_a_retired_segment_is_let_go_of_whoever_retired_it(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    rows = rows_of(events(store, [ONE]))
    assert rows[0][0]["packages"] == 5
    assert mapped(store.folder)
    other = RegisterStore(store.folder)
    load(other, [line(ONE, 6)], name="second", replace=True)
    other.forget("lmed", keep=set())
    store.let_go()
    assert not mapped(store.folder)
    assert rows_of(events(store, [ONE]))[0][0]["packages"] == 6


def test_a_store_that_forgets_keeps_nothing_open_of_what_it_forgot(store: RegisterStore) -> None:
    load(store, [line(ONE, 5)])
    events(store, [ONE])
    load(store, [line(ONE, 6)], name="second", replace=True)
    store.forget("lmed", keep=set())
    assert not mapped(store.folder)


def test_who_is_hidden_after_a_segment_was_opened_is_not_seen(store: RegisterStore) -> None:
    load(store, [line(ONE, 5), line(TWO, 6)])
    assert rows_of(events(store, [ONE]))[0]
    store.hide("lmed", find=lambda partition, _: (partition.keys_hi == 0).nonzero()[0], reference="Dnr 1")
    assert rows_of(events(store, [ONE, TWO]))[0] == []
    assert rows_of(events(store, [ONE, TWO]))[1][0]["packages"] == 6


@pytest.mark.parametrize("damage", ["cut", "written to", "missing", "another file"])
def test_a_file_that_was_changed_while_it_was_open_is_checked_again(store: RegisterStore, damage: str) -> None:
    manifest = load(store, [line(ONE, 5)])
    store.partitions(manifest)
    path = folder_of(store, manifest) / "rows.arrow"
    content = path.read_bytes()
    if damage == "cut":
        os.truncate(path, len(content) - 8)
    elif damage == "written to":
        path.write_bytes(content[:-1] + b"?")
    else:
        path.unlink()
        if damage == "another file":
            path.write_bytes(content[::-1])
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.partitions(manifest)


def test_those_used_last_stay_open(store: RegisterStore) -> None:
    manifests = [load(store, [line(ONE, packages)], name=f"{packages}", replace=True) for packages in (1, 2, 3)]
    opened = OpenedSegments(at_most=2)

    def opening(place: int) -> object:
        manifest = manifests[place]
        return opened.open(folder_of(store, manifest), manifest.segments[0], date_column="day")

    first, second = opening(0), opening(1)
    assert opening(0) is first
    opening(2)
    assert len(opened) == 2
    assert opening(0) is first
    assert opening(1) is not second
