"""A released order whose register has seen an erasure since: repeating it says so, and neither fails nor is silent."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from typer.testing import CliRunner

from linkage_client.api import Linkage
from linkage_server.__main__ import app
from linkage_server.commands_register import register_app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.registers.retention import pinned_snapshots
from linkage_server.runs.reproduce import reproduce
from tests.support.loaded_service import SMALL_ORDER, LoadedService

REFERENCE = "Dnr 77-2026"


def numbers_of(population: Path) -> list[str]:
    """Identity numbers of the population's file."""
    with population.open(encoding="utf-8", newline="") as file:
        return [row["personnummer"] for row in csv.DictReader(file)]


def test_it_says_under_which_decision_rows_were_erased(
    running: LoadedService, made: MadeUpRegisters, tmp_path: Path
) -> None:
    client = running.enrol(tmp_path / "client", organisation="erasure")
    asked = tmp_path / "order.toml"
    asked.write_text(SMALL_ORDER, encoding="utf-8")
    with Linkage(client.root) as linkage:
        order = linkage.submit(asked, made.population).order.name
        running.wait_until(order, {"awaiting_approval"})
        running.approve(order)
        running.wait_until(order, {"awaiting_release", "failed"})
        running.release(order)
        linkage.fetch(order, tmp_path / "delivery")
    before = reproduce(running.service.run_desk, order, delivered=tmp_path / "delivery")
    assert (before.differing, before.erased) == ((), ())

    pinned = pinned_snapshots(running.service.database)["lmed"]
    erased = CliRunner().invoke(
        register_app,
        ["erase", "--reference", REFERENCE, "--home", str(running.root)],
        input="\n".join(numbers_of(made.population)[:40]),
    )
    assert erased.exit_code == 0, erased.output

    after = reproduce(running.service.run_desk, order, delivered=tmp_path / "delivery")
    assert after.files == before.files
    assert after.erased == (REFERENCE,)
    printed = CliRunner().invoke(app, ["releases", "reproduce", order, "--home", str(running.root)])
    assert printed.exit_code == 0, printed.output
    assert f"Rows were erased since from what this order read, under: {REFERENCE}." in printed.output
    told = CliRunner().invoke(app, ["releases", "reproduce", order, "--json", "--home", str(running.root)])
    assert json.loads(told.output)["erased_since"] == [REFERENCE]
    # The plan still names the old id; retention keeps what took its place.
    running.service.store.forget("lmed", keep=pinned)
    assert running.service.store.snapshot("lmed", pinned.copy().pop()).snapshot_id not in pinned
