"""An officer's commands on a table that a running service computed: looked into, made coarser, released, replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from linkage.errors import ReleaseNotVerified
from linkage.wire.v1 import releases_pb2
from linkage_client.__main__ import app as client_app
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_server.__main__ import app
from linkage_server.access.permits import Role
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.reproduce import reproduce
from tests.support.hostile import call, channel, method
from tests.support.loaded_service import SMALL_ORDER, LoadedService

WAITING = SMALL_ORDER.replace('title = "', 'title = "Reviewed: ')


@pytest.fixture(scope="module")
def heart(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("reviewed") / "client", organisation="reviewed-register")


@pytest.fixture(scope="module")
def order(
    running: LoadedService, heart: ClientHome, made: MadeUpRegisters, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """An order that waits for release."""
    document = tmp_path_factory.mktemp("order") / "order.toml"
    document.write_text(WAITING, encoding="utf-8")
    with Linkage(heart.root) as linkage:
        name = linkage.submit(document, made.population).order.name
    running.wait_until(name, {"awaiting_approval"})
    running.approve(name)
    assert running.wait_until(name, {"awaiting_release", "failed"}) == "awaiting_release"
    return name


class Console:
    """`linkage-server releases` on the home folder of the running service."""

    def __init__(self, running: LoadedService) -> None:
        self.root = str(running.root)

    # Any: JSON.
    def ask(self, command: str, *arguments: str, code: int = 0, name: str = "Anna Berg") -> Any:
        result = self.run(command, *arguments, "--json", name=name)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    # Any: typer's result.
    def run(self, command: str, *arguments: str, name: str = "Anna Berg") -> Any:
        who = [] if command in ("queue", "review", "reproduce") else ["--as", name]
        return CliRunner().invoke(app, ["releases", command, *arguments, *who, "--home", self.root])


@pytest.fixture(scope="module")
def console(running: LoadedService) -> Console:
    return Console(running)


def test_the_queue_names_the_table_with_its_measures(console: Console, order: str) -> None:
    (waiting,) = [one for one in console.ask("queue") if one["order"] == order]
    assert waiting["risk"] >= waiting["sensitive_per_cent"] > 0
    assert (waiting["version"], waiting["officers_needed"]) == (1, 1)


def test_every_hidden_cell_has_a_rule_in_both_languages(console: Console, order: str) -> None:
    english, swedish = (console.ask("hidden", order, "--language", language) for language in ("en", "sv"))
    review = console.ask("review", order)
    assert len(english) == len(swedish) == review["cells_suppressed"]
    assert {"small_cell", "holds_another"} <= {cell["rule"] for cell in english}
    small = next(cell for cell in english if cell["rule"] == "small_cell")
    assert small["words"] == "1 to 9 persons are not shown"
    assert next(cell for cell in swedish if cell["mark"] == small["mark"])["words"] == "1 till 9 personer visas inte"


def test_a_witness_is_told_without_numbers_and_with_them_on_the_record(
    console: Console, order: str, running: LoadedService
) -> None:
    small = next(cell for cell in console.ask("hidden", order) if cell["rule"] == "small_cell")
    told = console.ask("why", order, small["mark"])
    (sentence,) = told["witnesses"]
    assert sentence.startswith("Everything printed would be the same with 1 person more in this cell")
    assert "1 person fewer: " in sentence
    before = running.service.trail.newest(limit=1)[0].seq
    with_numbers = console.ask("why", order, small["mark"], "--counts")["witnesses"]
    assert len(with_numbers) > 1
    (entry,) = [one for one in running.service.trail.entries(after=before) if one.action == "release.read_counts"]
    assert entry.actor.endswith("/Anna Berg")
    assert entry.subject.startswith(f"{order}/tables/1/")


def test_what_is_lost_is_told_in_cells_and_roughly_in_persons(console: Console, order: str) -> None:
    told = console.ask("lost", order)
    review = console.ask("review", order)
    assert (told["whole"]["cells"], told["whole"]["hidden"]) == (review["cells"], review["cells_suppressed"])
    assert sum(part["hidden"] for part in told["tables"]) == told["whole"]["hidden"]
    assert isinstance(told["whole"]["persons_hidden"], str)
    assert isinstance(console.ask("lost", order, "--counts")["whole"]["persons_hidden"], int)


def test_steps_are_ranked_by_what_they_hide(console: Console, order: str) -> None:
    told = console.ask("coarser", order)
    hidden = [step["hidden"] for step in told["steps"] if step["hidden"] is not None]
    assert hidden == sorted(hidden)
    assert {"sex/0", "hospital/0"} <= {step["step"] for step in told["steps"]}


def test_a_coarser_table_is_released_fetched_reproduced_and_replayed(
    console: Console, order: str, running: LoadedService, heart: ClientHome, tmp_path: Path
) -> None:
    offered = console.ask("coarser", order)
    step = next(one for one in offered["steps"] if one["hidden"] is not None)
    (made,) = console.ask("coarsen", order, "--step", step["step"], "--reasoning", "So small hospitals.")
    assert (made["version"], made["chosen"], made["cells"]) == (2, True, step["cells"])
    # The first is the number of all persons, which their sender knows.
    known, *others = (one for one in console.ask("cells", order) if one["cell"].startswith("p"))
    refused = console.ask("hide", order, known["cell"], "--reasoning", "Known from the paper.", code=3)
    assert "how many persons there are in all" in refused["error"]["message"]
    cell = next(one for one in others if not one["hidden"])
    (made,) = console.ask("hide", order, cell["cell"], "--reasoning", "Known from the paper.")
    assert made["suppressed_by_reason"]["hidden_by_hand"] == 1
    proved = console.ask("prove", order)
    assert proved["holds"]
    assert proved["checked"] >= made["measures"]["proved"] > 0
    console.ask("release", order, "--reasoning", "Reviewed; nothing stands out.")
    with Linkage(heart.root) as linkage:
        linkage.fetch(order, tmp_path / "results")
    manifest = verify(tmp_path / "results", home=heart.root)
    assert len(manifest.coarsened) == 1
    table = pq.read_table(tmp_path / "results" / "table.parquet")
    assert table["status"].to_pylist().count("suppressed") == manifest.rows_suppressed
    assert "Made coarser than ordered" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert [one["chosen"] for one in console.ask("versions", order)] == [False, False, True]
    assert reproduce(running.service.run_desk, order, delivered=tmp_path / "results").differing == ()
    replayed = console.ask("replay", order)
    assert replayed["identical"]
    assert replayed["files"] == len(manifest.files) + 2


def test_the_evidence_of_the_released_version_is_accepted_at_the_command_line(
    console: Console, order: str, running: LoadedService, heart: ClientHome, tmp_path: Path
) -> None:
    folder, delivery = tmp_path / "evidence", tmp_path / "results"
    written = console.ask("evidence", order, str(folder))
    assert (written["version"], written["unproved"]) == (3, [])
    with Linkage(heart.root) as linkage:
        linkage.fetch(order, delivery)
    told = linkage_verify(str(folder), "--certificates", "--home", str(heart.root))
    assert "each says what the cells give" in told.output
    assert "hidden_by_hand" in told.output
    beside = linkage_verify(str(delivery), "--evidence", str(folder), "--home", str(heart.root), "--json")
    checked = json.loads(beside.stdout)["checked"]
    assert checked["compared"][:2] == ["table.parquet", "table.csv"]
    assert checked["order"] == order
    assert "report.html: is not compared with the evidence" in checked["not_checked"]
    first = console.ask("evidence", order, str(tmp_path / "first"), "--version", "1")
    assert first["version"] == 1
    refused = linkage_verify(str(delivery), "--evidence", str(tmp_path / "first"), "--home", str(heart.root), code=1)
    assert isinstance(refused.exception, ReleaseNotVerified)
    assert refused.exception.mend == "Do not release this table."
    assert "keep it at the authority" in console.run("evidence", order, str(tmp_path / "again")).output
    console.ask("evidence", order, str(folder), code=6)


# Any: typer's result.
def linkage_verify(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(client_app, ["verify", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_delivery_that_was_touched_does_not_replay(console: Console, order: str, running: LoadedService) -> None:
    folder = running.service.release_desk.find(running.person(Role.OFFICER), order).folder
    path = folder / "table.csv"
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(b"suppressed", b"Suppressed", 1))
        result = console.ask("replay", order, code=6)
        assert result["differing"] == ["table.csv"]
    finally:
        path.write_bytes(content)
    assert console.ask("replay", order)["identical"]


TWO_OFFICERS = """
id = "two-officers"
version = "1.0.0"
officers_to_release = 2
[title]
sv = "Två handläggare"
en = "Two officers"
[description]
sv = "Antal 1-9 visas inte."
en = "Counts of 1-9 are not shown."
"""


def test_two_officers_release_what_one_alone_cannot(
    console: Console, running: LoadedService, heart: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    policies = running.service.home.definitions / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "two-officers.toml").write_text(TWO_OFFICERS, encoding="utf-8")
    document = tmp_path / "order.toml"
    document.write_text(f'policy = "two-officers@1.0.0"\n{WAITING}', encoding="utf-8")
    with Linkage(heart.root) as linkage:
        name = linkage.submit(document, made.population).order.name
    running.wait_until(name, {"awaiting_approval"})
    running.approve(name)
    assert running.wait_until(name, {"awaiting_release", "failed"}) == "awaiting_release"
    officer = running.enrol(tmp_path / "officer", organisation="holder", role=Role.OFFICER)
    with channel(officer) as to:
        seen = call(
            to,
            method("ReleasesService/ReviewRelease"),
            [releases_pb2.ReviewReleaseRequest(order=name).SerializeToString()],
        )
        review = releases_pb2.ReviewReleaseResponse.FromString(seen.messages[0])
        assert (review.officers_needed, list(review.approved_by)) == (2, [])
        request = releases_pb2.ApproveReleaseRequest(order=name, etag=review.etag, reasoning="Fine.")
        refused = call(to, method("ReleasesService/ApproveRelease"), [request.SerializeToString()])
        assert refused.reason == "NOT_PERMITTED"
    first = console.ask("release", name, "--reasoning", "Reviewed.", name="Anna Berg")
    assert first == {"order": name, "officers_still_needed": 1}
    again = console.ask("release", name, "--reasoning", "Reviewed.", name="anna berg", code=4)
    assert "same officer" in again["error"]["message"]
    assert running.wait_until(name, {"awaiting_release"}) == "awaiting_release"
    assert console.ask("release", name, "--reasoning", "So have I.", name="Bo Ek")["release"].startswith(name)
    assert console.ask("replay", name)["identical"]
