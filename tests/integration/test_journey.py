"""The whole journey on a real server: check, seal, upload, link, compute, protect, review, release, fetch, verify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from linkage.errors import NotFound, NotPermitted, StateConflict
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_server.access.permits import Role
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.reproduce import reproduce
from tests.support.loaded_service import ORDER, PYTHONPATH, LoadedService


@pytest.fixture(scope="module")
def heart(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("heart") / "client", organisation="heart-register")


@pytest.fixture(scope="module")
def released_order(running: LoadedService, heart: ClientHome, made: MadeUpRegisters) -> str:
    with Linkage(heart.root) as linkage:
        name = linkage.submit(ORDER, made.population).order.name
    assert running.wait_until(name, {"awaiting_approval"}) == "awaiting_approval"
    running.approve(name)
    assert running.wait_until(name, {"awaiting_release", "failed"}) == "awaiting_release"
    running.release(name)
    return name


@pytest.fixture(scope="module")
def delivery(heart: ClientHome, released_order: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fetched") / "results"
    with Linkage(heart.root) as linkage:
        linkage.fetch(released_order, folder)
    return folder


def test_the_delivery_verifies_and_names_all_it_depends_on(
    heart: ClientHome, delivery: Path, running: LoadedService
) -> None:
    manifest = verify(delivery, home=heart.root)
    served = {name: one.snapshot for name, one in running.service.served_snapshots().items()}
    assert {entry.name: entry.snapshot for entry in manifest.registers} == {
        name: served[name] for name in ("lmed", "par_sv", "dors")
    }
    assert [entry.id for entry in manifest.indicator_sets] == ["swedeheart-secondary-prevention"]
    assert manifest.policy.id == "standard"
    assert manifest.software.version == running.service.run_desk.software_version
    assert {entry.path for entry in manifest.files} >= {"table.parquet", "table.csv", "report.html"}


def test_the_table_holds_every_crossing_asked_for_and_no_small_count(delivery: Path) -> None:
    table = pq.read_table(delivery / "table.parquet")
    assert {"hospital", "sex", "age", "index_quarter"} <= set(table.column_names)
    persons = table.filter(pc.equal(table["statistic"], "persons"))
    counts = [value for value in persons["value"].to_pylist() if value]
    assert counts
    assert min(counts) >= 10
    suppressed = table.filter(pc.equal(table["status"], "suppressed"))
    assert suppressed.num_rows
    assert suppressed["value"].null_count == suppressed.num_rows


def test_a_released_order_is_computed_again_byte_for_byte(
    running: LoadedService, released_order: str, delivery: Path
) -> None:
    outcome = reproduce(running.service.run_desk, released_order, delivered=delivery)
    assert outcome.differing == ()
    assert outcome.files >= 5


def test_another_register_can_neither_see_nor_fetch_the_order(
    running: LoadedService, released_order: str, tmp_path: Path
) -> None:
    stranger = running.enrol(tmp_path / "stranger", organisation="stroke-register")
    with Linkage(stranger.root) as linkage:
        with pytest.raises(NotFound):
            linkage.order(released_order)
        with pytest.raises(NotFound):
            linkage.fetch(released_order, tmp_path / "stolen")
        with pytest.raises(NotFound):
            linkage.cancel(released_order)
        assert linkage.orders() == []
    assert not (tmp_path / "stolen").exists()


def test_a_released_order_cannot_be_withdrawn(heart: ClientHome, released_order: str) -> None:
    with Linkage(heart.root) as linkage, pytest.raises(StateConflict):
        linkage.cancel(released_order)


def test_an_officers_certificate_cannot_order(running: LoadedService, made: MadeUpRegisters, tmp_path: Path) -> None:
    officer = running.enrol(tmp_path / "officer", organisation="holder", role=Role.OFFICER)
    with Linkage(officer.root) as linkage, pytest.raises(NotPermitted):
        linkage.submit(ORDER, made.population)


def test_a_revoked_register_is_refused_at_once(running: LoadedService, tmp_path: Path) -> None:
    from linkage.errors import NotAuthenticated
    from linkage_server.access.organisations import revoke_organisation

    client = running.enrol(tmp_path / "client", organisation="lung-register")
    with Linkage(client.root) as linkage:
        assert linkage.orders() == []
        with running.service.database.transaction() as session:
            revoke_organisation(session, "lung-register")
        with pytest.raises(NotAuthenticated):
            linkage.orders()


def test_every_access_is_in_the_audit_log_and_the_chain_holds(running: LoadedService, released_order: str) -> None:
    entries = running.service.trail.newest(limit=10_000, subject=released_order)
    actions = [entry.action for entry in entries]
    for expected in ("order.file", "order.approve", "order.running", "release.approve"):
        assert expected in actions
    assert any("UploadChunks" in entry.action for entry in entries)
    assert any("DownloadFile" in entry.action for entry in running.service.trail.entries())
    running.service.trail.verify()


def test_the_log_holds_typed_events_only(running: LoadedService, released_order: str) -> None:
    lines = (running.root / "logs" / "service.jsonl").read_text().splitlines()
    events = {json.loads(line)["event"] for line in lines}
    assert {"service_started", "call_handled", "run_started", "run_finished"} <= events
    assert "internal_error" not in events


def test_a_second_service_on_the_same_home_is_refused_and_the_first_goes_on(
    running: LoadedService, heart: ClientHome, released_order: str
) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "linkage_server", "serve", "--quiet", "--home", str(running.root)],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": PYTHONPATH},
    )  # fmt: skip
    assert second.returncode == 6
    assert "another service" in second.stderr
    with Linkage(heart.root) as linkage:
        assert linkage.order(released_order).state == "released"
