"""An officer writes the evidence of an order; a checker that knows nothing of the protector holds deliveries to it."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.errors import Conflict, LinkageError, NotPermitted
from linkage.released_table import verify_release
from linkage_client.certificate_check import CheckFailed
from linkage_client.certificate_check.orders import check_order
from linkage_server.release.recipe import HiddenCell, Step
from linkage_server.release.release_desk import Released
from linkage_server.reviews.evidence_room import open_for_evidence
from linkage_server.reviews.order_evidence import write_evidence
from linkage_server.storage.database import Database
from tests.support.order_desk import ORDERER
from tests.support.random_tables import random_table
from tests.support.review_desks import ANNA, OPERATOR, OWN_OFFICER, WaitingTable, key, waiting_table


@pytest.fixture
def waiting(database: Database, tmp_path: Path) -> WaitingTable:
    return waiting_table(database, tmp_path / "home")


def written(waiting: WaitingTable, folder: Path, *, version: int | None = None) -> Path:
    opened = open_for_evidence(waiting.review, ANNA, waiting.order, version=version)
    assert not write_evidence(waiting.review, ANNA, opened, folder).unproved
    return folder


def released(waiting: WaitingTable) -> Path:
    answer = waiting.release.approve(ANNA, waiting.order, etag=waiting.etag, reasoning="Nobody is told.")
    assert isinstance(answer, Released)
    verify_release(answer.folder, trusted_keys=key().public)
    return answer.folder


def test_a_waiting_table_and_its_delivery_are_accepted(waiting: WaitingTable, tmp_path: Path) -> None:
    folder = written(waiting, tmp_path / "evidence")
    checked = check_order(folder)
    assert (checked.order, checked.compared) == (waiting.order, [])
    assert checked.blank["persons"] > checked.sensitive["persons"] > 0
    beside = check_order(folder, delivery=released(waiting))
    assert beside.compared == ["table.parquet", "table.csv"]
    assert beside.not_checked == []


def test_the_folder_is_its_owners_alone_and_the_trail_knows_of_it(waiting: WaitingTable, tmp_path: Path) -> None:
    folder = written(waiting, tmp_path / "evidence")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    names = ("cells.parquet", "certificates.parquet", "evidence.json", "table.parquet")
    assert modes == dict.fromkeys(names, 0o600)
    assert (ANNA.actor, "release.write_evidence") in waiting.actions()
    with pytest.raises(Conflict, match="already"):
        written(waiting, folder)
    assert sorted(path.name for path in tmp_path.iterdir() if "evidence" in path.name) == ["evidence"]


@pytest.mark.parametrize("caller", [ORDERER, OPERATOR, OWN_OFFICER], ids=["orderer", "operator", "own officer"])
def test_nobody_else_than_the_holders_officers_gets_it(waiting: WaitingTable, caller: Any, tmp_path: Path) -> None:
    opened = open_for_evidence(waiting.review, ANNA, waiting.order)
    before = waiting.actions()
    for ask in (
        lambda: open_for_evidence(waiting.review, caller, waiting.order),
        lambda: write_evidence(waiting.review, caller, opened, tmp_path / "evidence"),
    ):
        with pytest.raises(NotPermitted):
            ask()
    assert not (tmp_path / "evidence").exists()
    assert waiting.actions() == before


def test_a_version_of_an_officer_is_checked_as_such(waiting: WaitingTable, tmp_path: Path) -> None:
    cell = HiddenCell(kind="persons", key="statin/yes", at=(("hospital", "Lund"), ("sex", "man")))
    first = written(waiting, tmp_path / "first")
    waiting.review.change(ANNA, waiting.order, etag=waiting.etag, reasoning="Known.", hide=[cell])
    by_hand = check_order(written(waiting, tmp_path / "second"))
    assert by_hand.not_checked == ["1 cells: that rule 'hidden_by_hand' is about them is taken from the service"]
    waiting.review.change(
        ANNA, waiting.order, etag=waiting.etag, reasoning="Few women.", steps=[Step(dimension="sex")], base=1
    )
    third = written(waiting, tmp_path / "third")
    assert check_order(third).lines < check_order(first).lines
    delivery = released(waiting)
    assert check_order(third, delivery=delivery).compared
    for other in (first, tmp_path / "second"):
        with pytest.raises(CheckFailed):
            check_order(other, delivery=delivery)


def test_each_altered_cell_of_a_delivery_is_rejected(waiting: WaitingTable, tmp_path: Path) -> None:
    folder, delivery = written(waiting, tmp_path / "evidence"), released(waiting)
    table = pq.read_table(delivery / "table.parquet")
    rows = table.to_pylist()
    for place, row in enumerate(rows):
        number = 1.0 if row["value"] is None else row["value"] + 0.001
        for other in ({"value": number}, {"status": "ok" if row["status"] == "suppressed" else "suppressed"}):
            changed = [*rows[:place], row | other, *rows[place + 1 :]]
            spoiled = pa.Table.from_pylist(changed, schema=table.schema)
            _rejected(folder, delivery, "table.parquet", _as_parquet(spoiled))
    text = (delivery / "table.csv").read_text(encoding="utf-8")
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    for place, line in enumerate(lines):
        for column in range(len(header)):
            other_cell = "1" if line[column] in ("NA", "") else f"1{line[column]}"
            other_line = [*line[:column], other_cell, *line[column + 1 :]]
            _rejected(folder, delivery, "table.csv", _as_csv([header, *lines[:place], other_line, *lines[place + 1 :]]))
    assert check_order(folder, delivery=delivery).compared


def test_a_delivery_of_another_order_or_policy_is_rejected(waiting: WaitingTable, tmp_path: Path) -> None:
    folder, delivery = written(waiting, tmp_path / "evidence"), released(waiting)
    manifest = json.loads((delivery / "manifest.json").read_text())
    for other in ({"order": f"{waiting.order}x"}, {"policy": manifest["policy"] | {"sha256": "0" * 64}}, {"files": []}):
        _rejected(folder, delivery, "manifest.json", json.dumps(manifest | other).encode())


def test_sums_and_means_are_checked_without_anybody_of_those_behind_them(database: Database, tmp_path: Path) -> None:
    waiting = waiting_table(database, tmp_path / "home", counted=random_table(11))
    folder = written(waiting, tmp_path / "evidence")
    checked = check_order(folder, delivery=released(waiting))
    assert checked.blank["sum"] > 0
    assert checked.moves["sum"] > 0
    assert pq.read_table(folder / "cells.parquet").column_names == ["kind", "key", "strata", "levels", "value", "blank"]


def _rejected(folder: Path, delivery: Path, name: str, content: bytes) -> None:
    path = delivery / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        with pytest.raises(CheckFailed):
            check_order(folder, delivery=delivery)
        with pytest.raises(LinkageError):
            verify_release(delivery, trusted_keys=key().public)
    finally:
        path.write_bytes(before)


def _as_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _as_csv(lines: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()
