"""`linkage-server register ...` as an operator meets it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.errors import DeliveryRejected, InputRefused, LinkageError, NotFound
from linkage_server.audit.trail import AuditTrail
from linkage_server.commands_register import register_app
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.settings import DEFAULT_SETTINGS
from linkage_server.storage.database import Database
from tests.support.register_loading import PERSONS, write_csv

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with keys and nothing else."""
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    KeyRing.create(home.keys)
    return home.root


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    rows = [
        f"{PERSONS[number]};2024-{month:02d}-{1 + number % 28:02d};C10AA05;1"
        for month in range(1, 7)
        for number in range(20)
    ]
    return write_csv(tmp_path / "lmed.csv", ["personnummer;EDATUM;ATC;ANTAL", *rows, "x;2024-06-01;C10AA05;1"])


def run(*arguments: str | Path, home: Path) -> str:
    """What the command prints; its refusal is raised."""
    result = runner.invoke(register_app, [*map(str, arguments), "--home", str(home)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def run_json(*arguments: str | Path, home: Path) -> Any:
    return json.loads(run(*arguments, "--json", home=home))


def test_a_load_prints_what_became_of_the_rows(home: Path, delivery: Path) -> None:
    printed = run("load", "lmed", delivery, home=home)

    assert "Published as a new snapshot." in printed
    assert "wrong_identity_number" in printed
    assert "120" in printed
    assert "2024-06" in printed


def test_a_load_as_json_is_the_stored_report(home: Path, delivery: Path) -> None:
    loaded = run_json("load", "lmed", delivery, home=home)

    assert loaded["rows"] == {"read": 121, "stored": 120, "quarantined": 1, "merged": 0, "set_aside": 0}
    cost = loaded.pop("load")
    assert {*cost["seconds"]} == {"checking", "reading", "sorting"}
    assert cost["peak_memory_bytes"] > 0
    assert cost["spilled_bytes"] == 0
    assert run_json("report", "lmed", home=home) == loaded
    assert run_json("load", "lmed", delivery, home=home)["status"] == "held already"


def test_a_load_takes_the_memory_it_is_given(home: Path, delivery: Path) -> None:
    assert run_json("load", "lmed", delivery, "--memory", "2GiB", home=home)["rows"]["stored"] == 120
    with pytest.raises(SystemExit):
        run("load", "lmed", delivery, "--memory", "much", home=home)


def test_registers_are_listed_with_what_they_hold(home: Path, delivery: Path) -> None:
    run("load", "lmed", delivery, home=home)

    rows = {row["register"]: row for row in run_json("list", home=home)}
    assert (rows["lmed"]["rows"], rows["lmed"]["last_day"]) == (120, "2024-06-20")
    assert (rows["dors"]["rows"], rows["dors"]["snapshot"]) == (0, None)
    assert "Prescribed drug register" in run("list", home=home)


def test_snapshots_and_compaction(home: Path, delivery: Path) -> None:
    run("load", "lmed", delivery, home=home)
    more = write_csv(
        delivery.with_name("july.csv"),
        ["personnummer;EDATUM;ATC;ANTAL", *(f"{PERSONS[n]};2024-07-05;C10AA05;1" for n in range(20))],
    )
    run("load", "lmed", more, home=home)

    assert [row["rows"] for row in run_json("snapshots", "lmed", home=home)] == [120, 140]
    compacted = run_json("compact", "lmed", home=home)[0]
    assert (compacted["segments"], compacted["rows"]) == (1, 140)
    assert run_json("load", "lmed", more, home=home)["status"] == "held already"


def test_changed_numbers_are_learnt(home: Path, tmp_path: Path) -> None:
    changes = write_csv(tmp_path / "changes.csv", ["old,new", f"{PERSONS[0]},{PERSONS[1]}"])

    assert run_json("history", changes, home=home)[0]["changes"] == 1
    for file in home.rglob("*"):
        assert not file.is_file() or PERSONS[0].encode() not in file.read_bytes()


def test_a_register_of_the_holders_own_loads_by_its_definition_file(home: Path, delivery: Path) -> None:
    shipped = (resources.files("linkage") / "definitions" / "registers" / "lmed.toml").read_text(encoding="utf-8")
    folder = home / "definitions" / "registers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "consumables.toml").write_text(
        shipped.replace('name = "lmed"', 'name = "consumables"', 1), encoding="utf-8"
    )

    assert run_json("load", "consumables", delivery, home=home)["status"] == "published"


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("load", "nowhere", "x.csv"), DeliveryRejected),
        (("load", "lmed", "x.csv"), DeliveryRejected),
        (("report", "lmed"), NotFound),
        (("compact", "lmed"), NotFound),
        (("history", "x.csv"), InputRefused),
    ],
)
def test_each_refusal_has_a_mend_and_an_exit_code(
    home: Path, arguments: tuple[str, ...], refusal: type[LinkageError]
) -> None:
    with pytest.raises(refusal) as refused:
        run(*arguments, home=home)

    assert refused.value.mend
    assert refused.value.exit_code in (3, 5)


def test_a_folder_that_is_no_home_is_refused_and_so_is_one_that_others_can_read(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a home folder"):
        run("list", home=tmp_path / "nothing")
    home.chmod(0o755)
    with pytest.raises(InputRefused, match="open to other users"):
        run("list", home=home)


def test_who_changed_a_register_stands_in_the_audit_trail_with_the_outcome(home: Path, delivery: Path) -> None:
    run("load", "lmed", delivery, home=home)
    with pytest.raises(LinkageError):
        run("load", "dors", delivery, home=home)
    run("compact", "lmed", home=home)
    database = Database(f"sqlite:///{home / 'database.sqlite'}")
    written = [(e.role, e.action, e.subject, e.outcome) for e in AuditTrail(database).newest(limit=9, subject=None)]
    database.close()
    assert written == [
        ("operator", "register.load", "registers/lmed", "OK"),
        ("operator", "register.load", "registers/dors", "DELIVERY_REJECTED"),
        ("operator", "register.compact", "registers/lmed", "OK"),
    ]
