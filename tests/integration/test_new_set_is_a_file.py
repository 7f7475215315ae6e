"""A new indicator of a known kind is a file in the home folder of a running service: no code, no restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused
from linkage_client.__main__ import run
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_server.__main__ import app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService

SET = """
[set]
id = "written-today"
version = "1.0.0"
owner = "The register holder"
next_review = 2030-01-01
title = { sv = "Skriven i dag", en = "Written today" }
description = { sv = "En indikator.", en = "One indicator." }
[codes.lipid_lowering]
atc_include = ["C10"]
needs_review = true
[[indicator]]
id = "lipid_lowering_60"
kind = "initiation"
codes = "lipid_lowering"
window = { from = 0, to = 60 }
title = { sv = "Blodfettssänkande inom 60 dagar", en = "Lipid lowering within 60 days" }
description = { sv = "Andel med uttag.", en = "Share with a dispensing." }
"""
ORDER = """
title = "By a set that was written today"
purpose = "quality assurance"
registers = ["lmed", "dors"]
formats = ["parquet", "html"]
by = [["sex"]]
[[indicators]]
set = "written-today"
version = "1.0.0"
[population]
index_date = true
strata = ["hospital"]
reference_date = 2026-01-15
[contact]
name = "Test"
email = "test@example.org"
[legal_basis]
text = "Made-up persons."
"""


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("client") / "client", organisation="file-readers")


@pytest.fixture(scope="module")
def file(running: LoadedService) -> Iterator[Path]:
    path = running.root / "definitions" / "indicators" / "today.toml"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def delivery(
    running: LoadedService,
    client: ClientHome,
    file: Path,
    made: MadeUpRegisters,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The delivery of an order that names a set which was not there when the service started."""
    folder = tmp_path_factory.mktemp("order")
    order = folder / "order.toml"
    order.write_text(ORDER, encoding="utf-8")
    with Linkage(client.root) as linkage:
        with pytest.raises(InputRefused, match="is not a set known here"):
            linkage.submit(order, made.population, validate_only=True)
        file.write_text(SET, encoding="utf-8")
        name = linkage.submit(order, made.population).order.name
        running.wait_until(name, {"awaiting_approval"})
        running.approve(name)
        running.wait_until(name, {"awaiting_release", "failed"})
        running.release(name)
        linkage.fetch(name, folder / "delivery")
    return folder / "delivery"


def catalogue(client: ClientHome, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """What `linkage catalogue indicators` prints: the answer, and what stands beside it."""
    assert run(["catalogue", "indicators", *arguments, "--home", str(client.root)]) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_an_order_that_names_the_new_set_runs_to_a_delivery(client: ClientHome, delivery: Path) -> None:
    manifest = verify(delivery, home=client.root)
    assert [(entry.id, entry.version) for entry in manifest.indicator_sets] == [("written-today", "1.0.0")]
    table = pq.read_table(delivery / "table.parquet").to_pylist()
    share = next(line for line in table if line["statistic"] == "share" and line["sex"] == "total")
    assert (share["indicator"], share["parameters"]) == ("lipid_lowering_60", "within_days=60")
    assert 0 < share["value"] <= 1


def test_the_report_of_the_delivery_says_that_the_codes_await_review(delivery: Path) -> None:
    page = (delivery / "report.html").read_text(encoding="utf-8")
    assert "awaits sign-off" in page


def test_the_catalogue_shows_it_with_codes_formula_and_a_drawn_example(
    client: ClientHome, delivery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, _ = catalogue(client, capsys, "--id", "lipid_lowering_60")
    for words in (
        "NOT SIGNED OFF",
        "Blodfettssänkande inom 60 dagar",
        "ATC C10",
        "from <= d - day 0 <= to",
        "● dispensed",
    ):
        assert words in told
    catalogue(client, capsys, "--set", "written-today", "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Lipid lowering within 60 days" in page
    assert "data:image/svg+xml;base64," in page
    listed, _ = catalogue(client, capsys, "--set", "written-today", "--json")
    assert [one["id"] for one in json.loads(listed)] == ["lipid_lowering_60"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("to = 60", "to = ", "is not TOML"),
        ('kind = "initiation"', 'kind = "initation"', "unknown kind"),
        ('"C10"', '"K10"', "no code begins with 'K10'"),
        ("to = 60", "to = 61", "was used by orders and says something else now"),
    ],
)
@pytest.mark.usefixtures("delivery")
def test_a_broken_or_changed_file_is_refused_and_what_was_used_stays(
    running: LoadedService,
    client: ClientHome,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    made: MadeUpRegisters,
    *,
    old: str,
    new: str,
    words: str,
) -> None:
    file.write_text(SET.replace(old, new, 1), encoding="utf-8")
    listed, beside = catalogue(client, capsys, "--set", "written-today")
    assert "lipid_lowering_60" in listed
    assert "today.toml cannot be used" in beside
    assert words in beside
    assert "Still on offer: written-today@1.0.0" in beside

    doctor = CliRunner().invoke(app, ["doctor", "--home", str(running.root), "--json"])
    (finding,) = [one for one in json.loads(doctor.stdout) if one["check"] == "indicator sets"]
    assert (finding["well"], words in finding["words"], doctor.exit_code) == (False, True, 7)

    order = running.root.parent / "order.toml"
    order.write_text(ORDER, encoding="utf-8")
    with Linkage(client.root) as linkage:
        assert linkage.submit(order, made.population, validate_only=True)
    file.write_text(SET, encoding="utf-8")
    _, beside = catalogue(client, capsys, "--set", "written-today")
    assert "cannot be used" not in beside


def test_codes_are_linted_against_the_registers_that_are_served(running: LoadedService, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(SET.replace('["C10"]', '["C10AA", "C10AX99"]'), encoding="utf-8")
    outcome = CliRunner().invoke(app, ["lab", "lint", str(mine), "--home", str(running.root), "--json"])
    assert outcome.exit_code == 0, outcome.stdout
    told = json.loads(outcome.stdout)
    assert [one["place"] for one in told["findings"] if one["rule"] == "matches_nothing"] == [
        "codes.lipid_lowering.atc_include[2]"
    ]
    (matched,) = [one for one in told["matched"] if one["register"] == "lmed"]
    assert matched["names"]
    assert all(code.startswith("C10AA") for code in matched["names"])
