"""An order that is sent again is laid beside its earlier releases, also when its delivery is made again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from linkage.errors import StateConflict
from linkage.order_states import parse_order_name
from linkage.release_manifest import MANIFEST, Manifest
from linkage.released_table import AS_OF, LineStatus, ReleasedTable
from linkage_client.api import Linkage
from linkage_client.certificate_check import CheckFailed
from linkage_client.certificate_check.orders import check_order
from linkage_client.home import ClientHome
from linkage_server.__main__ import app
from linkage_server.access.permits import Role
from linkage_server.commands_register import register_app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.reproduce import reproduce
from linkage_server.storage.tables import LedgerEntryRow, ProtectedTableRow
from tests.support.loaded_service import SMALL_ORDER, LoadedService

ENDED = {"awaiting_release", "failed"}


class Orderer:
    """Sends one order again and again."""

    def __init__(self, running: LoadedService, home: ClientHome, population: Path, folder: Path) -> None:
        self.running, self.home, self.population, self.folder = running, home, population, folder
        self.orders: list[str] = []

    def send(self, population: Path | None = None) -> tuple[str, str]:
        """State and reason of the order once it has run."""
        asked = self.folder / "order.toml"
        asked.write_text(SMALL_ORDER, encoding="utf-8")
        with Linkage(self.home.root) as linkage:
            name = linkage.submit(asked, population or self.population).order.name
        self.orders.append(name)
        self.running.wait_until(name, {"awaiting_approval"})
        self.running.approve(name)
        state = self.running.wait_until(name, ENDED)
        return state, self.running.service.order_book.get(self.running.person(Role.OFFICER), name).reason

    def release(self) -> Path:
        """The folder of the last order's delivery."""
        self.running.release(self.orders[-1])
        folder = self.folder / str(len(self.orders))
        with Linkage(self.home.root) as linkage:
            linkage.fetch(self.orders[-1], folder)
        return folder

    @property
    def releases(self) -> list[str]:
        """Ids that the orders' releases have."""
        return [f"{parse_order_name(name)[1]}-1" for name in self.orders]


@pytest.fixture
def orderer(running: LoadedService, made: MadeUpRegisters, tmp_path: Path, request: pytest.FixtureRequest) -> Orderer:
    organisation = f"ledger{abs(hash(request.node.name)) % 10**6}"
    return Orderer(running, running.enrol(tmp_path / "client", organisation=organisation), made.population, tmp_path)


def numbers_of(population: Path) -> list[str]:
    with population.open(encoding="utf-8", newline="") as file:
        return [row["personnummer"] for row in csv.DictReader(file)]


def erase(running: LoadedService, numbers: list[str], reference: str) -> None:
    """A register learns less: the next snapshot has no row of these persons."""
    arguments = ["erase", "--reference", reference, "--home", str(running.root)]
    done = CliRunner().invoke(register_app, arguments, input="\n".join(numbers))
    assert done.exit_code == 0, done.output


def lines(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    table = ReleasedTable.from_parquet(folder / "table.parquet")
    return {tuple(line[key] for key in table.keys): line for line in table.table.to_pylist()}


def test_the_evidence_of_an_order_about_some_of_the_same_people_is_accepted(
    running: LoadedService, made: MadeUpRegisters, orderer: Orderer, tmp_path: Path
) -> None:
    """Fewer than half are in both, so that no line is said again. It comes before persons are erased."""
    assert orderer.send()[0] == "awaiting_release"
    orderer.release()
    rows = made.population.read_text(encoding="utf-8").splitlines()
    fewer, evidence = tmp_path / "fewer.csv", tmp_path / "evidence"
    fewer.write_text("\n".join(rows[: len(rows) * 2 // 5]) + "\n", encoding="utf-8")
    assert orderer.send(fewer)[0] == "awaiting_release"
    delivery = orderer.release()
    command = ["releases", "evidence", orderer.orders[-1], str(evidence), "--as", "Anna"]
    done = CliRunner().invoke(app, [*command, "--home", str(running.root)])
    assert done.exit_code == 0, done.output
    checked = check_order(evidence, delivery=delivery)
    assert checked.earlier == orderer.releases[:1]
    assert checked.lines_anew == checked.lines - checked.lines_blank
    assert not (evidence / "before.parquet").exists()


def test_a_repeated_order_counts_anew_only_where_enough_people_moved(
    running: LoadedService, made: MadeUpRegisters, orderer: Orderer
) -> None:
    everybody = numbers_of(made.population)
    assert orderer.send()[0] == "awaiting_release"
    first = lines(orderer.release())

    erase(running, everybody[:1], "Dnr 1-2026")
    assert orderer.send()[0] == "awaiting_release"
    folder = orderer.release()
    second = lines(folder)
    own = {AS_OF: orderer.releases[0]}
    told = {key for key, line in first.items() if line["status"] != LineStatus.SUPPRESSED}
    assert second == {key: line | (own if key in told else {AS_OF: ""}) for key, line in first.items()}
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    assert AS_OF in manifest.columns
    assert [one.release for one in manifest.earlier_releases] == orderer.releases[:1]
    with (folder / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        assert AS_OF in file.read().split("\n")[0]

    erase(running, everybody[1:200], "Dnr 2-2026")
    assert orderer.send()[0] == "awaiting_release"
    folder = orderer.release()
    third = lines(folder)
    fresh = [key for key, line in third.items() if line[AS_OF] == orderer.releases[2]]
    assert fresh
    assert {line[AS_OF] for line in third.values()} <= {*orderer.releases, ""}
    assert any(third[key]["numerator"] != first[key]["numerator"] for key in fresh if key in told)
    assert reproduce(running.service.run_desk, orderer.orders[2], delivered=folder).differing == ()


def test_the_evidence_of_each_release_of_a_series_is_accepted_beside_its_delivery(
    running: LoadedService, made: MadeUpRegisters, orderer: Orderer, tmp_path: Path
) -> None:
    everybody, anew = numbers_of(made.population), []
    for number, gone in enumerate((everybody[:0], everybody[300:301], everybody[301:500])):
        if gone:
            erase(running, gone, f"Dnr {number}-2027")
        assert orderer.send()[0] == "awaiting_release"
        delivery, evidence = orderer.release(), tmp_path / f"evidence-{number}"
        command = ["releases", "evidence", orderer.orders[-1], str(evidence), "--as", "Anna"]
        done = CliRunner().invoke(app, [*command, "--home", str(running.root)])
        assert done.exit_code == 0, done.output
        checked = check_order(evidence, delivery=delivery)
        assert checked.earlier == orderer.releases[:number]
        assert "table.parquet" in checked.compared
        anew.append(checked.lines_anew)
    assert anew[1] == 0 < anew[2]
    # Of the releases that its numbers are of none can be left out.
    statement = json.loads((evidence / "evidence.json").read_text())
    (evidence / "evidence.json").write_text(json.dumps(statement | {"releases": statement["releases"][1:]}))
    with pytest.raises(CheckFailed):
        check_order(evidence, delivery=delivery)


def test_of_two_that_wait_the_second_is_not_released_beside_the_first(
    running: LoadedService, made: MadeUpRegisters, orderer: Orderer
) -> None:
    assert orderer.send()[0] == "awaiting_release"
    erase(running, numbers_of(made.population)[200:203], "Dnr 3-2026")
    assert orderer.send()[0] == "awaiting_release"
    running.release(orderer.orders[0])
    with pytest.raises(StateConflict, match="came between"):
        running.release(orderer.orders[1])
    # Its entry is nobody's past: the next order is laid beside the released one alone.
    assert orderer.send()[0] == "awaiting_release"
    with running.service.database.reading() as session:
        entry = session.get_one(LedgerEntryRow, parse_order_name(orderer.orders[2])[1])
        assert entry.earlier == orderer.releases[:1]


def test_a_population_without_one_person_gets_the_numbers_of_the_one_before(
    running: LoadedService, made: MadeUpRegisters, orderer: Orderer, tmp_path: Path
) -> None:
    assert orderer.send()[0] == "awaiting_release"
    first = lines(orderer.release())
    rows = made.population.read_text(encoding="utf-8").splitlines()
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("\n".join([rows[0], *rows[2:]]) + "\n", encoding="utf-8")
    assert orderer.send(fewer)[0] == "awaiting_release"
    assert {key: line["numerator"] for key, line in lines(orderer.release()).items()} == {
        key: line["numerator"] for key, line in first.items()
    }


def test_a_damaged_entry_stops_the_next_order_and_says_how_to_mend_it(running: LoadedService, orderer: Orderer) -> None:
    assert orderer.send()[0] == "awaiting_release"
    orderer.release()
    with running.service.database.reading() as session:
        query = sa.select(LedgerEntryRow.file).where(LedgerEntryRow.order_id == parse_order_name(orderer.orders[0])[1])
        file = running.root / session.scalars(query).one()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    state, reason = orderer.send()
    assert state == "failed"
    assert "release ledger" in reason
    assert "doctor" in reason
    file.write_bytes(content)
    assert orderer.send()[0] == "awaiting_release"


def test_a_release_that_an_older_version_made_has_to_be_entered_first(running: LoadedService, orderer: Orderer) -> None:
    assert orderer.send()[0] == "awaiting_release"
    orderer.release()
    order_id = parse_order_name(orderer.orders[0])[1]
    with running.service.database.transaction() as session:
        session.delete(session.get_one(LedgerEntryRow, order_id))
    state, reason = orderer.send()
    assert state == "failed"
    assert "releases enter" in reason
    done = CliRunner().invoke(app, ["releases", "enter", orderer.orders[0], "--json", "--home", str(running.root)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["as_released"]
    assert orderer.send()[0] == "awaiting_release"
    assert "as they were written" in running.service.run_desk.ledger.check()


def test_no_file_of_the_ledger_holds_an_id_beside_a_cell(running: LoadedService, orderer: Orderer) -> None:
    """Ids lie in files of their own; entries hold numbers, and nobody else may read either."""
    assert orderer.send()[0] == "awaiting_release"
    folder = running.root / "releases" / "ledger"
    ids = b"".join(path.read_bytes() for path in folder.glob("persons-*"))
    assert ids
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        if path.suffix == ".arrow":
            content = path.read_bytes()
            assert not any(ids[start : start + 16] in content for start in range(0, len(ids), 16))
    with running.service.database.reading() as session:
        assert session.get_one(ProtectedTableRow, parse_order_name(orderer.orders[0])[1])
