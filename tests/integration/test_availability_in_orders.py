"""Measures of availability through the whole journey: means and shares leave the service as every other number does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from linkage_client.home import ClientHome
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService
from tests.support.whole_journey import fetched

INDICATORS = """
[set]
id = "availability"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
[supply.one_a_day]
steps = ["units_per_day:1"]
[[indicator]]
id = "available"
kind = "medication_availability"
measure = ["cma2", "cma7"]
codes = "statins"
supply = "one_a_day"
follow_up = { anchor = "index_date", offset = -180, length = "18 months" }
observation = { anchor = "index_date", length = "1 year" }
threshold = 0.8
[[indicator]]
id = "in_months"
kind = "medication_availability"
measure = "cma7"
codes = "statins"
supply = "one_a_day"
follow_up = { anchor = "index_date", length = "column:fu_days" }
sliding = { length = 90, every = 90, count = 4 }
"""
DAYS = 365


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("availability") / "client", organisation="availability")


def test_means_and_shares_of_availability_are_delivered_under_disclosure_control(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    text = pa.csv.ConvertOptions(column_types={"personnummer": pa.string()})
    people = pa.csv.read_csv(made.population, convert_options=text)
    people = people.append_column("fu_days", pa.array([DAYS] * people.num_rows))
    pa.csv.write_csv(people, tmp_path / "people.csv")
    table = fetched(
        running,
        client,
        tmp_path,
        population=tmp_path / "people.csv",
        indicators=INDICATORS,
        by=[["hospital"]],
        strata=["hospital", "fu_days"],
        registers=["lmed", "dors"],
    )
    lines = {
        (line["indicator"], line["parameters"], line["statistic"]): line
        for line in table.to_pylist()
        if line["hospital"] == "total"
    }
    mean = lines["available", "measure=cma7", "mean"]
    share = lines["available", "measure=cma7;at_least=0.8", "share"]
    assert 0 < mean["value"] < 1
    assert mean["denominator"] == share["denominator"]
    assert share["lower"] < share["value"] < share["upper"]
    assert mean["value"] >= 0.8 * share["value"]
    assert lines["available", "measure=cma2", "mean"]["denominator"] <= mean["denominator"]
    windows = [lines["in_months", f"measure=cma7;window={number}", "mean"] for number in (1, 2, 3, 4)]
    # Nearly the same persons are measured in each window: what would tell the few between them is kept back.
    shown = [window["value"] for window in windows if window["status"] == "ok"]
    assert shown
    assert all(0 < value < 1 for value in shown)
    for line in table.to_pylist():
        if line["status"] == "suppressed":
            assert line["value"] is line["numerator"] is line["denominator"] is None
