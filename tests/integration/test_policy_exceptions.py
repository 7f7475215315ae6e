"""An officer signs an exception: a new version of the policy, an entry in the audit trail, and no run without it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.disclosure_policy import canonical_sha256, load_policy
from linkage.errors import OrderRejected
from linkage_server import commands_policies
from linkage_server.audit.trail import AuditTrail
from linkage_server.operations.home import HomeFolder
from linkage_server.orders.signed_exceptions import require_signatures
from linkage_server.settings import DEFAULT_SETTINGS
from linkage_server.storage.database import Database

POLICY = """# The holder's own.
id = "classes"
version = "1.0.0"
class_disclosure = true
exceptions_from = ["class_disclosure"]
[title]
sv = "Klasser"
en = "Classes"
[description]
sv = "Klasser visas inte."
en = "Classes are not shown."
"""


@pytest.fixture
def home(tmp_path: Path) -> HomeFolder:
    return HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "classes.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def sign(home: HomeFolder, policy: Path, **changes: str) -> tuple[int, Any]:
    options = {
        "rule": "class_disclosure",
        "reason": 'The region "01" publishes it itself.',
        "version": "1.1.0",
        "as": "Eva Strand",
    } | changes
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    cells = ["--cell", "indicator=users", "--cell", "region=01"]
    result = CliRunner().invoke(
        commands_policies.app, ["except", str(policy), *arguments, *cells, "--home", str(home.root), "--json"]
    )
    return result.exit_code, json.loads(result.stdout)


def trail_of(home: HomeFolder) -> AuditTrail:
    database = Database(f"sqlite:///{home.database_file}")
    database.migrate()
    return AuditTrail(database)


def test_a_signed_exception_is_a_new_version_and_an_entry_that_tells_who_what_and_why(
    home: HomeFolder, policy: Path
) -> None:
    code, told = sign(home, policy)
    assert (code, told["policy"]) == (0, "classes@1.1.0")
    written = load_policy(home.definitions / "policies" / "classes-1.1.0.toml")
    assert canonical_sha256(written) == told["sha256"]
    (exception,) = written.exceptions
    assert exception.cell == {"indicator": "users", "region": "01"}
    assert exception.officer == "Eva Strand"
    assert exception.signed_at.tzinfo is not None
    trail = trail_of(home)
    (entry,) = trail.entries()
    assert (entry.actor, entry.role, entry.action, entry.outcome) == (
        "holder/Eva Strand",
        "officer",
        "policy.except",
        "OK",
    )
    assert "class_disclosure indicator=users, region=01: The region" in entry.subject
    require_signatures(written, trail)
    trail.verify()


def test_an_exception_that_nobody_signed_here_stops_the_run(home: HomeFolder, policy: Path) -> None:
    sign(home, policy)
    signed = load_policy(home.definitions / "policies" / "classes-1.1.0.toml")
    trail = trail_of(home)
    for change in (
        {"cell": {"region": "03"}},
        {"officer": "Somebody Else"},
        {"reason": "Because I say so, I think."},
        {"signed_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        forged = signed.exceptions[0].model_copy(update=change)
        with pytest.raises(OrderRejected, match=r"exception 2 of policy classes@1\.1\.0 was not signed here"):
            require_signatures(signed.model_copy(update={"exceptions": (*signed.exceptions, forged)}), trail)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "minimum_cell"}, "no exceptions from that rule"),
        ({"rule": "dominance"}, "exceptions_from does not allow any"),
        ({"version": "1.0.0"}, "needs a new version"),
        ({"reason": "short"}, "reason"),
        ({"reason": "It is about 19121212-1212 alone."}, "identity number"),
    ],
)
def test_what_is_not_allowed_leaves_neither_file_nor_entry(
    changes: dict[str, str], words: str, home: HomeFolder, policy: Path
) -> None:
    code, told = sign(home, policy, **changes)
    assert code == 3
    assert words in told["error"]["message"]
    assert not list((home.definitions / "policies").glob("*.toml"))
    assert not list(trail_of(home).entries())


def test_a_version_that_is_there_is_not_overwritten(home: HomeFolder, policy: Path) -> None:
    sign(home, policy)
    assert sign(home, policy)[0] == 6
