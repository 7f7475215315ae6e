"""The officer's and the operator's commands, on a home folder whose server may be running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from linkage.enrolment import EnrolmentReply, EnrolmentRequest, read_letter
from linkage.errors import LinkageError
from linkage.signatures import SigningKeyPair
from linkage_server import commands_audit, commands_orders, commands_organisation
from linkage_server.__main__ import app as whole_program
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.access.certificates import identify_caller
from linkage_server.checkup import check_up
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.settings import DEFAULT_SETTINGS, load_settings
from linkage_server.storage.database import Database, utc_now
from linkage_server.storage.tables import SecrecyDecisionRow
from tests.support.order_desk import OFFICER, Desks, open_desks

APP = typer.Typer()
APP.add_typer(commands_organisation.app, name="organisation")
APP.add_typer(commands_orders.app, name="orders")
APP.add_typer(commands_audit.app, name="audit")


@pytest.fixture
def home(tmp_path: Path) -> HomeFolder:
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    KeyRing.create(home.keys)
    CertificateAuthority.create(home.keys, name="Linkage CA", now=utc_now()).issue_server_certificate(
        home.keys, hosts=("localhost",), now=utc_now()
    )
    return home


@pytest.fixture
def database_of_home(home: HomeFolder) -> Iterator[Database]:
    database = Database(f"sqlite:///{home.database_file}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def desks(database_of_home: Database) -> Desks:
    return open_desks(database_of_home)


def run(home: HomeFolder, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(APP, [*words, "--home", str(home.root)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


def run_json(home: HomeFolder, *words: str, code: int = 0) -> Any:
    return json.loads(run(home, *words, "--json", code=code))


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "riksstroke")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    letter = EnrolmentRequest(
        organisation="riksstroke",
        title="Riksstroke",
        certificate_request=csr.public_bytes(serialization.Encoding.PEM).decode(),
        signing_keys=SigningKeyPair.generate().public.to_json(),
    )
    path = tmp_path / "enrolment-request.json"
    path.write_text(letter.to_json())
    return path


def test_an_organisation_is_added_listed_and_revoked(
    home: HomeFolder, database_of_home: Database, request_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reply.json"
    told = run_json(home, "organisation", "add", str(request_file), "--out", str(out), "--as", "Olle")
    reply = read_letter(out, EnrolmentReply)
    assert told["fingerprint"] == reply.fingerprint
    assert reply.server_address == "localhost:50051"
    assert reply.recipient == KeyRing(home.keys).envelope_key().public
    assert identify_caller(database_of_home, reply.certificate.encode()).organisation == "riksstroke"
    assert "riksstroke" in run(home, "organisation", "list")
    run(home, "organisation", "revoke", "riksstroke")
    (listed,) = run_json(home, "organisation", "list")
    assert listed["revoked_at"]
    trail = run_json(home, "audit", "show")
    assert [(entry["action"], entry["role"]) for entry in trail] == [
        ("organisation.add", "operator"),
        ("organisation.revoke", "operator"),
    ]
    assert trail[0]["actor"] == "holder/Olle"


def test_a_reply_that_cannot_be_written_admits_nobody(home: HomeFolder, request_file: Path, tmp_path: Path) -> None:
    run(home, "organisation", "add", str(request_file), "--out", str(tmp_path / "absent" / "reply.json"), code=7)
    assert run_json(home, "organisation", "list") == []
    assert run_json(home, "audit", "show") == []


def test_refusals_have_their_documented_exit_codes(home: HomeFolder, tmp_path: Path) -> None:
    run(home, "organisation", "add", str(tmp_path / "absent.json"), code=3)
    run(home, "organisation", "revoke", "nobody", code=5)
    run(home, "orders", "show", "bcdf-ghjk-mnpq", code=5)
    run(home, "orders", "show", "organisations/a/orders/bcdf-ghjk-mnpq", code=5)
    run(home, "audit", "verify", "--known", "rubbish", code=3)
    run(home, "orders", "list", "--state", "nonsense", code=2)
    elsewhere = HomeFolder(tmp_path / "nothing")
    assert "is not a home folder" in run(elsewhere, "orders", "list", code=5)
    answer = run_json(home, "orders", "show", "bcdf-ghjk-mnpq", code=5)
    assert (answer["error"]["reason"], answer["exit_code"]) == ("NOT_FOUND", 5)
    assert answer["error"]["mend"]


def test_an_officer_approves_at_the_console(home: HomeFolder, desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    short = order.name.rpartition("/")[2]
    assert order.name in run(home, "orders", "list", "--state", "awaiting_approval")
    shown = run(home, "orders", "show", short)
    assert order.document in shown
    decision = ("orders", "approve", short, "--reasoning", "Large population, reviewed set.", "--as", "Anna")
    assert "nobody, nor anyone close" in run(home, *decision, code=3)
    answer = run_json(home, *decision, "--no-harm")
    assert (answer["state"], answer["waits_for"]) == ("approved", "service")
    with desks.database.reading() as session:
        (row,) = session.scalars(sa.select(SecrecyDecisionRow)).all()
    assert (row.decider, row.no_harm) == ("holder/Anna", True)
    run(home, *decision, "--no-harm", code=6)


def test_an_officer_decides_on_what_was_shown(home: HomeFolder, desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    run(home, "orders", "reject", order.name, "--reason", "No.", "--etag", "old", code=6)
    assert desks.book.get(OFFICER, order.name) == order


@pytest.mark.parametrize(("verb", "state"), [("return", "returned"), ("reject", "rejected")])
def test_an_officer_turns_an_order_down_with_a_reason(home: HomeFolder, desks: Desks, verb: str, state: str) -> None:
    order = desks.file_waiting_for_approval()
    run(home, "orders", verb, order.name, "--reason", "Too detailed.")
    shown = run_json(home, "orders", "show", order.name)
    assert (shown["state"], shown["reason"]) == (state, "Too detailed.")


def test_the_audit_trail_is_verified_against_a_head_noted_down(home: HomeFolder, desks: Desks) -> None:
    desks.file()
    head = run_json(home, "audit", "verify")["head"]
    desks.file()
    assert "holds together" in run(home, "audit", "verify", "--known", head)
    forged = "1:" + "0" * 64
    assert "entry 1" in run(home, "audit", "verify", "--known", forged, code=6)


def is_sentence(words: str) -> bool:
    return words.endswith(".") and not words[0].islower()


def test_the_doctor_finds_a_new_home_well(home: HomeFolder, database_of_home: Database) -> None:
    settings = load_settings(home.settings_file)
    checks = {"registers": lambda: "None yet."}
    findings = list(check_up(home, settings=settings, database=database_of_home, store_checks=checks))
    assert [finding.check for finding in findings if not finding.well] == []
    assert len(findings) == 8
    assert [finding.words for finding in findings if not is_sentence(finding.words)] == []


def test_the_doctor_names_everything_that_is_wrong_at_once(home: HomeFolder) -> None:
    unmigrated = Database(f"sqlite:///{home.database_file}")
    (home.keys / "server.pem").unlink()
    (home.keys / "release-signing.pem").chmod(0o644)
    home.settings_file.write_text("[limits]\ndisk_reserve_bytes = 9000000000000000")

    def broken_store() -> str:
        raise LinkageError("segment 12 is gone.", mend="Restore it.")

    settings = load_settings(home.settings_file)
    findings = check_up(home, settings=settings, database=unmigrated, store_checks={"registers": broken_store})
    ill = {finding.check: finding for finding in findings if not finding.well}
    assert set(ill) == {"home folder", "keys", "certificates", "database", "audit trail", "registers", "disk"}
    assert all(finding.words and finding.mend for finding in ill.values())
    assert [finding.words for finding in ill.values() if not is_sentence(finding.words)] == []
    unmigrated.close()


def test_every_command_that_ends_by_itself_answers_in_json() -> None:
    def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name, command in getattr(group, "commands", {}).items():
            yield (*words, name), command
            yield from commands(command, (*words, name))

    ends = dict(commands(typer.main.get_command(whole_program)))
    assert ("releases", "reproduce") in ends
    for words, command in ends.items():
        if not hasattr(command, "commands") and words not in {("serve",), ("demo",)}:
            assert "--json" in {option for parameter in command.params for option in parameter.opts}, words
