"""`linkage-server register manufacturers` as an operator meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused, NotFound, ServiceUnavailable
from linkage_server.audit.trail import AuditTrail
from linkage_server.commands_register import register_app
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore
from linkage_server.settings import DEFAULT_SETTINGS
from linkage_server.storage.database import Database
from tests.support.manufacturers import write_table

TWO = {"C10AA05": ["Nord", "Syd"], "C10AA07": ["Nord"]}


@pytest.fixture
def home(tmp_path: Path) -> HomeFolder:
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    KeyRing.create(home.keys)
    return home


def run(home: HomeFolder, *arguments: str | Path) -> Any:
    result = CliRunner().invoke(
        register_app, ["manufacturers", *map(str, arguments), "--home", str(home.root), "--json"]
    )
    if result.exception is not None:
        raise result.exception
    return json.loads(result.stdout)


def entries(home: HomeFolder) -> list[tuple[str, str, str]]:
    database = Database(f"sqlite:///{home.database_file}")
    try:
        return [(one.action, one.subject, one.outcome) for one in AuditTrail(database).entries()]
    finally:
        database.close()


def test_a_table_is_loaded_listed_and_written_into_the_audit_trail(home: HomeFolder, tmp_path: Path) -> None:
    assert run(home) == []
    loaded = run(home, write_table(tmp_path / "npl.csv", TWO), "--month", "2024-12")
    assert (loaded[0]["month"], loaded[0]["codes"], loaded[0]["codes_of_one_company"]) == ("2024-12", 2, 1)
    assert run(home) == [{"month": "2024-12", "sha256": loaded[0]["sha256"]}]
    assert entries(home) == [("register.manufacturers", "manufacturers/2024-12", "OK")]


def test_a_table_of_the_wrong_month_changes_nothing_and_is_audited(home: HomeFolder, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="of 2024-12, and 2025-01 was asked for"):
        run(home, write_table(tmp_path / "npl.csv", TWO), "--month", "2025-01")
    assert run(home) == []
    assert entries(home) == [("register.manufacturers", "manufacturers/2025-01", "INPUT_REFUSED")]


@pytest.mark.parametrize(("arguments", "words"), [([], "no month"), (["--month", "december"], "not written as")])
def test_a_month_has_to_be_said(arguments: list[str], words: str, home: HomeFolder, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=words):
        run(home, write_table(tmp_path / "npl.csv", TWO), *arguments)


def test_a_table_that_was_replaced_is_still_read_by_its_hash(home: HomeFolder, tmp_path: Path) -> None:
    store = ManufacturerStore(home.root / MANUFACTURERS)
    first = store.load(write_table(tmp_path / "one.csv", TWO), month="2024-12")
    second = store.load(write_table(tmp_path / "two.csv", {"C10AA05": ["Nord"]}), month="2024-12")
    assert store.served() == {"2024-12": second.sha256}
    assert store.read(first.sha256) == first
    with pytest.raises(NotFound):
        store.read("0" * 64)
    (home.root / MANUFACTURERS / f"{first.sha256}.csv").write_bytes(b"changed")
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.read(first.sha256)
