"""A table of inhabitants is loaded by an operator, pinned by an order, and named in its delivery."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkage_client.home import ClientHome
from linkage_server.__main__ import app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.reproduce import reproduce
from tests.support.loaded_service import LoadedService
from tests.support.whole_journey import fetched

INDICATORS = """
[set]
id = "rates"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
[[indicator]]
id = "users"
kind = "users"
codes = "statins"
calendar = { from = 2024-01-01, until = 2025-01-01, step = "year" }
statistic = ["count", "per_1000_inhabitants", "standardised_per_1000_inhabitants"]
standard = { weights = { "<65" = 3, "65+" = 1 } }
interval = "poisson"
[[indicator]]
id = "doses"
kind = "ddd"
codes = "statins"
calendar = { from = 2024-01-01, until = 2025-01-01, step = "year" }
statistic = ["ddd_per_1000_inhabitants_per_day"]
"""


def table(men: int) -> str:
    rows = (f"2024,{sex},{age},{men if sex == 'M' else 90_000}" for sex in "MF" for age in ("0-44", "45-64", "65+"))
    return "\n".join(("year,sex,age_group,population", *rows)) + "\n"


def load(running: LoadedService, folder: Path, *, men: int) -> str:
    (folder / "inhabitants.csv").write_text(table(men))
    told = CliRunner().invoke(
        app, ["register", "inhabitants", str(folder / "inhabitants.csv"), "--home", str(running.root), "--json"]
    )
    assert told.exit_code == 0, told.output
    (row,) = json.loads(told.stdout)
    assert (row["from"], row["until"], row["strata"]) == ("2024-01-01", "2024-12-31", "sex, age")
    return str(row["version"])


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("rates") / "client", organisation="rates")


def test_rates_are_delivered_with_the_table_that_they_are_per(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    version = load(running, tmp_path, men=80_000)
    lines = fetched(
        running,
        client,
        tmp_path,
        population=made.population,
        indicators=INDICATORS,
        by=[["sex"], ["sex", "age_group:<65,65+"]],
        registers=["lmed", "dors"],
    ).to_pylist()
    found = {
        (line["indicator"], line["statistic"], line["sex"], line["age_group"]): line
        for line in lines
        if line["period"] == "2024"
    }
    men = found["users", "per_1000_inhabitants", "man", "65+"]
    assert men["status"] == "ok"
    assert men["denominator"] == 80_000
    assert men["value"] == pytest.approx(1000 * men["numerator"] / 80_000)
    young = found["users", "per_1000_inhabitants", "man", "<65"]
    assert young["denominator"] == 160_000
    standardised = found["users", "standardised_per_1000_inhabitants", "man", "total"]
    assert standardised["value"] == pytest.approx((3 * young["value"] + men["value"]) / 4)
    doses = found["doses", "ddd_per_1000_inhabitants_per_day", "total", "total"]
    assert doses["value"] == pytest.approx(1000 * doses["numerator"] / (510_000 * 366))
    manifest = json.loads((tmp_path / "delivery" / "manifest.json").read_text())
    assert manifest["inhabitants"] == {"version": version}
    report = (tmp_path / "delivery" / "report.html").read_text()
    assert "Per 1,000 inhabitants, standardised by age" in report
    assert version in report
    # Another table is served by now; the order is reproduced with its own.
    assert load(running, tmp_path, men=40_000) != version
    service = running.service
    again = reproduce(service.run_desk, manifest["order"], delivered=tmp_path / "delivery")
    assert not again.differing
