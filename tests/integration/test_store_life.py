"""`linkage-server register erase | maintain | snapshots --forget` and `doctor`, as an operator meets them."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused, LinkageError
from linkage_core.pepper_chain import pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.audit.trail import AuditTrail
from linkage_server.commands_register import register_app
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.erased_person import erased_person
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.jobs import Job, JobStart
from linkage_server.registers.maintenance import Deed, UpkeepRules, maintain_store
from linkage_server.registers.register_lock import register_lock
from linkage_server.registers.retention import kept_snapshots
from linkage_server.registers.store import RegisterStore
from linkage_server.registers.store_checkup import check_erasures, check_jobs, verify_snapshots
from linkage_server.settings import DEFAULT_SETTINGS
from linkage_server.storage.database import Database
from linkage_server.upkeep import Upkeep, maintaining
from tests.support.register_loading import PERSONS, write_csv
from tests.support.register_loads import load

runner = CliRunner()
REFERENCE = "Dnr 12-2026"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
RULES = UpkeepRules(compact_after_deliveries=2, keep_snapshots=timedelta(days=90), disk_reserve_bytes=0)
DAY = date(2025, 1, 1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with three months of the drug register."""
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    KeyRing.create(home.keys)
    for month in (1, 2, 3):
        rows = [f"{PERSONS[number]};2024-{month:02d}-{1 + number:02d};C10AA05;1" for number in range(20)]
        path = write_csv(tmp_path / f"{month}.csv", ["personnummer;EDATUM;ATC;ANTAL", *rows])
        ran(home.root, "load", "lmed", str(path))
    return home.root


def ran(home: Path, *arguments: str, stdin: str = "", code: int = 0) -> str:
    result = runner.invoke(register_app, [*arguments, "--home", str(home)], input=stdin)
    if isinstance(result.exception, LinkageError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def ran_json(home: Path, *arguments: str, stdin: str = "", code: int = 0) -> Any:
    return json.loads(ran(home, *arguments, "--json", stdin=stdin, code=code))


def erase(home: Path, number: str, *, code: int = 0) -> dict[str, str]:
    rows = ran_json(home, "erase", "--reference", REFERENCE, stdin=f"{number}\n", code=code)
    return {row["register"]: row["outcome"] for row in rows}


def test_a_person_is_erased_by_her_number_and_the_number_is_nowhere(home: Path) -> None:
    assert erase(home, PERSONS[0]) == {"lmed": "erased", "number history": "nothing of hers"}
    store = RegisterStore(home / "store")
    for line in store.snapshots("lmed"):
        assert len(line.formerly) == 1
        deliveries = len(store.snapshot("lmed", line.snapshot_id).deliveries)
        assert store.snapshot("lmed", line.snapshot_id).rows == 19 * deliveries
    assert erase(home, PERSONS[0]) == {"lmed": "nothing of hers", "number history": "nothing of hers"}
    digits = re.sub(r"\D", "", PERSONS[0])
    for path in home.rglob("*"):
        assert not path.is_file() or digits.encode() not in path.read_bytes()


def test_the_audit_trail_names_the_decision(home: Path) -> None:
    erase(home, PERSONS[0])
    database = Database(f"sqlite:///{home / 'database.sqlite'}")
    (entry,) = AuditTrail(database).newest(limit=1)
    assert (entry.action, entry.subject, entry.outcome) == ("register.erase", f"erasures/{REFERENCE}", "OK")
    database.close()


def test_numbers_she_had_before_and_since_are_followed_through_two_peppers(home: Path, tmp_path: Path) -> None:
    changes = write_csv(
        tmp_path / "changes.csv", ["old,new", f"{PERSONS[0]},{PERSONS[1]}", f"{PERSONS[5]},{PERSONS[6]}"]
    )
    ran(home, "history", str(changes))
    ran(home, "rehash", "--new-pepper")
    later = write_csv(tmp_path / "later.csv", ["old,new", f"{PERSONS[1]},{PERSONS[2]}"])
    ran(home, "history", str(later))
    assert erase(home, PERSONS[1]) == {"lmed": "erased", "number history": "erased"}
    store = RegisterStore(home / "store")
    rows = [store.snapshot("lmed", line.snapshot_id).rows for line in store.snapshots("lmed")]
    assert rows == [17, 34, 51, 51]
    history = NumberHistoryStore(home / "store" / "number-history")
    assert len(history.read().old) == 1
    assert len(list((home / "store" / "number-history" / "changes").iterdir())) == 2


def test_a_register_that_is_being_written_hides_her_and_tells_so(home: Path) -> None:
    with register_lock(home / "store" / "lmed"):
        assert erase(home, PERSONS[0], code=6)["lmed"] == "hidden, not erased yet"
    store = RegisterStore(home / "store")
    with pytest.raises(LinkageError, match=REFERENCE):
        check_erasures(store)
    assert ran_json(home, "maintain") == [{"register": "lmed", "deed": "erase", "outcome": "OK"}]
    assert "1 erasure is finished" in check_erasures(store)
    assert ran_json(home, "maintain") == []


@pytest.mark.parametrize("reference", ["", "x" * 101, "a\nb"])
def test_a_reference_is_a_diary_number(home: Path, reference: str) -> None:
    with pytest.raises(InputRefused, match="--reference"):
        ran(home, "erase", "--reference", reference, stdin=PERSONS[0])


def test_a_reference_is_no_identity_number_and_a_number_is_needed(home: Path) -> None:
    with pytest.raises(InputRefused, match="identity number"):
        ran(home, "erase", "--reference", PERSONS[0], stdin=PERSONS[0])
    with pytest.raises(InputRefused, match="no identity number was given"):
        ran(home, "erase", "--reference", REFERENCE, stdin="\n")
    with pytest.raises(InputRefused, match="line 2 is no identity number"):
        ran(home, "erase", "--reference", REFERENCE, stdin=f"{PERSONS[0]}\n19121212-1213\n")
    assert RegisterStore(home / "store").current("lmed").rows == 60


def test_a_number_that_only_the_history_knows_is_found_under_an_older_pepper() -> None:
    peppers = [Pepper(version, bytes([version]) * 32) for version in (1, 2)]

    def ids(*numbers: str, version: int) -> pa.FixedSizeBinaryArray:
        return pseudonymise_through(pa.array(numbers), reference_date=DAY, peppers=peppers[:version]).hashed_ids

    class Learnt:
        old, new = ids(PERSONS[0], version=2), ids(PERSONS[1], version=2)

    person = erased_person(
        [PERSONS[1]],
        peppers=peppers,
        history=Learnt(),
        history_version=2,
        reference_date=DAY,  # type: ignore[arg-type]
    )
    assert person.is_hers(ids(PERSONS[0], PERSONS[1], PERSONS[2], version=1), 1).to_pylist() == [True, True, False]
    assert person.is_hers(ids(PERSONS[0], PERSONS[2], version=2), 2).to_pylist() == [True, False]


def test_what_the_history_is_told_again_is_known_again(tmp_path: Path) -> None:
    pepper = Pepper(1, bytes(32))
    found = pseudonymise_through(pa.array(PERSONS[:3]), reference_date=DAY, peppers=[pepper]).hashed_ids
    history = NumberHistoryStore(tmp_path)
    pinned = history.add(found[:1], found[1:2], pepper_version=1)
    person = erased_person(
        [PERSONS[1]], peppers=[pepper], history=history.read(), history_version=1, reference_date=DAY
    )
    assert history.erase(person.is_hers, pepper_versions=1, reference=REFERENCE) == 1
    assert len(history.read().old) == len(history.read(pinned.version).old) == 0
    assert history.erased_since(pinned.version) == (REFERENCE,)
    assert history.add(found[:1], found[1:2], pepper_version=1) == pinned
    assert len(history.read().old) == 1


def test_only_old_snapshots_that_nobody_needs_are_forgotten(tmp_path: Path) -> None:
    moments = iter([NOW - timedelta(days=days) for days in (400, 300, 200, 80, 1)])
    store = RegisterStore(tmp_path, clock=lambda: next(moments))
    made = [load(store, [], name=str(number)).snapshot_id for number in range(5)]
    # Each was served until the next took its place.
    kept = kept_snapshots(store, "lmed", pinned={made[1]}, age=timedelta(days=90), now=NOW)
    assert kept == {made[1], made[2], made[3], made[4]}
    rules = UpkeepRules(compact_after_deliveries=0, keep_snapshots=timedelta(days=90), disk_reserve_bytes=0)
    pinned = {"lmed": {made[1]}}
    assert maintain_store(store, pinned=pinned, rules=rules, now=NOW) == [Deed("lmed", "forget", "OK")]
    assert [line.snapshot_id for line in store.snapshots("lmed")] == made[1:]
    assert maintain_store(store, pinned=pinned, rules=rules, now=NOW) == []


def test_snapshots_are_forgotten_by_hand(home: Path) -> None:
    assert len(ran_json(home, "snapshots", "lmed", "--forget")) == 3
    assert len(ran_json(home, "snapshots", "lmed", "--forget", "--older-than", "0")) == 1


def test_compaction_is_due_after_so_many_deliveries_or_when_it_was_begun(tmp_path: Path) -> None:
    store = RegisterStore(tmp_path, clock=lambda: NOW)
    for number in range(3):
        load(store, [], name=str(number))
    assert maintain_store(store, pinned={}, rules=RULES, now=NOW) == []
    load(store, [], name="fourth")
    with register_lock(tmp_path / "lmed"):
        assert maintain_store(store, pinned={}, rules=RULES, now=NOW) == [Deed("lmed", "compact", "STATE_CONFLICT")]
    assert maintain_store(store, pinned={}, rules=RULES, now=NOW) == [Deed("lmed", "compact", "OK")]
    assert store.current("lmed").deltas == 0


def test_the_doctor_tells_of_work_under_way_interrupted_and_left_behind(tmp_path: Path) -> None:
    store = RegisterStore(tmp_path, clock=lambda: NOW)
    assert verify_snapshots(store) == "No register is loaded yet."
    assert check_jobs(store) == "Nothing is left behind."
    base = load(store, [])
    assert verify_snapshots(store) == "1 register is as written, 0 segments in all."
    job = Job(tmp_path / "lmed", "compaction")
    with job.held():
        job.begin(JobStart(snapshot_id=base.snapshot_id, pepper_version=1))
        assert check_jobs(store) == "compaction of lmed is under way."
    assert "goes on" in check_jobs(store)
    load(store, [], name="whole", replace=True)
    with pytest.raises(LinkageError, match="leads nowhere"):
        check_jobs(store)
    store.sweep()
    assert check_jobs(store) == "Nothing is left behind."


def test_the_service_s_own_upkeep_does_what_is_due(home: Path) -> None:
    with register_lock(home / "store" / "lmed"):
        erase(home, PERSONS[0], code=6)
    assert Upkeep(maintaining(home), every_seconds=60.0).run_once() == 0
    assert "1 erasure is finished" in check_erasures(RegisterStore(home / "store"))


def test_upkeep_ends_with_the_service(home: Path) -> None:
    never = Upkeep(maintaining(home), every_seconds=0.0)
    never.start()
    never.stop()
    soon = Upkeep(maintaining(home), every_seconds=0.01)
    soon.start()
    soon.stop()
    assert soon._thread is not None
    assert not soon._thread.is_alive()
