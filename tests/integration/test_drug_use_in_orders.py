"""Drug use periods and estimated supply through the whole journey, with what the rows behind them were."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from linkage.errors import LinkageError
from linkage_client.home import ClientHome
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService
from tests.support.whole_journey import fetched

INDICATORS = """
[set]
id = "drug-use"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
[drug_use.statins.drugs]
"C10AA" = { ddd_low = 0.25, ddd_usual = 1.0, days_min = 7, days_max = 120 }
[supply.estimated]
steps = ["pre2dup:statins", "wtd:87"]
source = "made up"
cap_days = 300
[[indicator]]
id = "periods"
kind = "drug_use_periods"
codes = "statins"
drug_use = "statins"
observe = { from = 0, to = 365 }
measure = ["periods", "days_in_use", "in_use"]
at_days = 180
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
codes = "statins"
supply = "estimated"
observe = { from = 0, to = 365 }
lookback_days = 365
stock_cap_days = "none"
"""
WAITING = """
[set]
id = "waiting"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
[[indicator]]
id = "duration"
kind = "waiting_time_distribution"
codes = "statins"
between = { from = 2024-01-01, until = 2025-01-01 }
"""


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("drug_use") / "client", organisation="drug-use")


def test_periods_and_the_shares_of_rows_are_delivered(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    table = fetched(
        running, client, tmp_path, population=made.population, indicators=INDICATORS, registers=["lmed", "dors"]
    )
    lines = {(line["indicator"], line["parameters"], line["statistic"]): line for line in table.to_pylist()}
    days = lines["periods", "observe_days=365;measure=days_in_use", "mean"]
    in_use = lines["periods", "measure=in_use;at_day=180", "share"]
    assert 0 < lines["periods", "observe_days=365;measure=periods", "mean"]["value"] < 5
    assert 0 < days["value"] < 365
    assert in_use["lower"] < in_use["value"] < in_use["upper"]
    # Made-up persons live on and begin soon: who is in use half a year on says how many days are.
    assert in_use["value"] == pytest.approx(days["value"] / 365, abs=0.25)
    with (tmp_path / "delivery" / "rows.csv").open(newline="") as file:
        shares = {(one["indicator"], one["question"], one["part"]): one["per_cent"] for one in csv.DictReader(file)}
    assert {part for _, question, part in shares if question == "supply"} == {
        "pre2dup:statins",
        "wtd:87",
        "no_step",
    }
    # Every statin has parameters of its group, so no row is left to the waiting-time distribution.
    assert shares["covered", "supply", "pre2dup:statins"] == "100"
    assert shares["covered", "supply", "wtd:87"] == "0"
    assert shares["periods", "drug_use", "in_periods"] == "100"
    report = (tmp_path / "delivery" / "report.html").read_text()
    assert "Rows behind the numbers" in report
    assert "days of supply from drug use periods (statins)" in report


def test_an_order_for_an_estimate_from_its_population_is_refused(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    with pytest.raises(LinkageError, match="estimate"):
        fetched(running, client, tmp_path, population=made.population, indicators=WAITING)
