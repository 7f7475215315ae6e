"""Every call leaves exactly one entry in the audit log, and a changed entry is found."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest

from linkage_client.home import ClientHome
from linkage_server.access.permits import Role
from linkage_server.audit.trail import AuditEntry
from tests.support.hostile import all_methods, call, channel, method, path_of
from tests.support.loaded_service import LoadedService

# These wait for what comes; a call that is broken off leaves its entry when the service sees it.
WAITING = {"Watch"}


@pytest.fixture(scope="module")
def people(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> dict[Role, ClientHome]:
    folder = tmp_path_factory.mktemp("people")
    holders = {Role.ORDERER: "heart-register", Role.OFFICER: "holder", Role.OPERATOR: "holder"}
    return {role: running.enrol(folder / role, organisation=who, role=role) for role, who in holders.items()}


def accesses_after(service: LoadedService, seq: int) -> list[AuditEntry]:
    """Entries of calls; deeds have entries of their own, named otherwise."""
    return [entry for entry in service.service.trail.entries(after=seq) if entry.action.startswith("/")]


def last(service: LoadedService) -> int:
    return service.service.trail.newest(limit=1)[0].seq


def test_every_call_of_every_role_leaves_one_entry(running: LoadedService, people: dict[Role, ClientHome]) -> None:
    for role, client in people.items():
        with channel(client) as to:
            for one in all_methods():
                if one.name in WAITING:
                    continue
                before = last(running)
                for request in (b"", b"\xff\xff\xff"):
                    answer = call(to, one, [request])
                    (entry,) = accesses_after(running, before)
                    before = last(running)
                    assert (entry.action, entry.role) == (path_of(one), role.value)
                    assert entry.outcome == (answer.reason or answer.code.name), one.name
                    assert entry.actor == client.enrolment().organisation


def test_a_call_that_is_broken_off_leaves_one_entry(running: LoadedService, people: dict[Role, ClientHome]) -> None:
    before = last(running)
    with channel(people[Role.ORDERER]) as to:
        answer = call(to, method("Health/Watch"), [b""], seconds=0.5)
        assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED
    until = time.monotonic() + 20
    while not (found := accesses_after(running, before)):
        assert time.monotonic() < until, "the call left no entry"
        time.sleep(0.02)
    assert [(entry.action, entry.outcome) for entry in found] == [("/grpc.health.v1.Health/Watch", "CANCELLED")]


def test_a_changed_entry_is_found_by_the_operators_command(running: LoadedService, tmp_path: Path) -> None:
    home = tmp_path / "home"
    copied = tmp_path / "copy.sqlite"
    verify = [sys.executable, "-m", "linkage_server", "audit", "verify", "--home", str(home)]
    # The registers are not what is looked at.
    shutil.copytree(running.root, home, ignore=shutil.ignore_patterns("store"))
    with sqlite3.connect(running.root / "database.sqlite") as source, sqlite3.connect(copied) as target:
        source.backup(target)
    for path in home.glob("database.sqlite*"):
        path.unlink()
    copied.chmod(0o600)
    copied.rename(home / "database.sqlite")
    running.service.trail.verify()
    with sqlite3.connect(home / "database.sqlite") as database:
        triggers = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entries'"
        ).fetchall()
        with pytest.raises(sqlite3.DatabaseError):
            database.execute("UPDATE audit_entries SET outcome = 'OK' WHERE seq = 2")
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit_entries SET actor = 'somebody-else' WHERE seq = 2")
    database.close()
    found = subprocess.run(verify, capture_output=True, check=False, text=True)
    assert found.returncode != 0
    assert "entry 2 was changed" in found.stdout + found.stderr
