"""Files of the laboratory have the columns that the manual tells; the record of a run names what it read."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from linkage.population_rules import load_population_rules
from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.population_results import Asked

PAGE = (Path(__file__).parents[2] / "docs" / "manual" / "laboratory.md").read_text(encoding="utf-8")
STRATA = {"sex", "hospital", "year", "age", "index_month"}
SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.ezetimibe]
atc_include = ["C10AX09"]
[supply.given]
steps = ["days_supply"]
[drug_use.statins.packages]
"104523" = { ddd_low = 0.5, ddd_usual = 1.0, days_min = 14, days_usual = 28, days_max = 56 }
[[indicator]]
id = "users"
kind = "users"
codes = "statin"
calendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }
statistic = ["count", "per_1000_inhabitants"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 30 }
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
codes = "statin"
supply = "given"
observe = { from = 0, to = 100 }
statistic = ["mean", "median"]
[[indicator]]
id = "availability"
kind = "medication_availability"
measure = ["cma7"]
codes = "statin"
supply = "given"
follow_up = { anchor = "index_date", length = "100 days" }
[[indicator]]
id = "episodes"
kind = "treatment_episodes"
codes = "statin"
supply = "given"
gap_days = [30]
[[indicator]]
id = "stops"
kind = "time_to_discontinuation"
codes = "statin"
supply = "given"
gap_days = [30]
at_days = [90]
competing = "none"
statistic = ["km"]
[[indicator]]
id = "first"
kind = "sequence_symmetry"
codes = "statin"
marker = "ezetimibe"
statistic = ["crude_ratio"]
[[indicator]]
id = "lines"
kind = "treatment_lines"
codes = ["statin", "ezetimibe"]
supply = "given"
observe = { from = 0, to = 365 }
statistic = ["mean", "paths"]
[[indicator]]
id = "use"
kind = "drug_use_periods"
codes = "statin"
drug_use = "statins"
observe = { from = 0, to = 365 }
"""
POPULATION = """person_id,index_date,birth_date,sex,hospital
p1,2020-01-01,1950-01-01,F,north
p2,2020-02-01,1960-01-01,M,south
"""
LMED = """person_id,date,atc,packs,days_supply,product,ddd_dispensed
p1,2020-01-01,C10AA05,1,30,104523,28
p1,2020-02-10,C10AX09,1,60,200000,60
p2,2020-02-11,C10AA05,1,30,104523,28
"""
RULES = """
[population.codes.statins]
atc_include = ["C10AA"]
[[population.exclude]]
id = "used_before"
kind = "drug"
codes = "statins"
window = { from = -365, to = -1 }
"""


def told() -> dict[str, list[str]]:
    """Columns by file, as the page has them; `those of X` stands for the columns of X."""
    _, _, section = PAGE.partition("## Files and their columns")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE)
    found = {name: columns.split(", ") for name, columns in rows}
    return {
        name: found[columns[0].split("`")[1]] if columns[0].startswith("those of") else columns
        for name, columns in found.items()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("laboratory")
    (folder / "set.toml").write_text(SET)
    (folder / "people.csv").write_text(POPULATION)
    (folder / "lmed.csv").write_text(LMED)
    (folder / "inhabitants.csv").write_text("year,sex,persons\n2020,F,500\n2020,M,500\n")
    evaluate_files(
        folder / "set.toml",
        population=folder / "people.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder / "out",
        write_persons=True,
        write_events=True,
        by=[["sex"], ["hospital", "index:month"]],
        data_until={"lmed": date(2020, 12, 31)},
        inhabitants=folder / "inhabitants.csv",
        asked=Asked(rolling=1, compare=["hospital"]),
    )
    return {path.stem: pq.read_schema(path).names for path in (folder / "out").glob("*.parquet")}


def test_every_file_stands_on_the_page_and_has_its_columns(written: dict[str, list[str]]) -> None:
    page = told()
    assert written.keys() == page.keys()
    for name, columns in written.items():
        assert [column for column in columns if column not in STRATA] == page[name], name


def test_the_page_sends_nobody_to_a_file_that_is_not_written(written: dict[str, list[str]]) -> None:
    _, _, section = PAGE.partition("## How to get each figure")
    section, _, _ = section.partition("## ")
    rows = [line.split("|")[3] for line in section.splitlines() if line.startswith("| ")][1:]
    named = [found[1] for row in rows if (found := re.match(r" `(\w+)`", row))]
    assert len(named) >= 15
    assert set(named) <= written.keys()


def test_the_record_names_each_file_that_was_read_and_the_rules_of_the_population(tmp_path: Path) -> None:
    (tmp_path / "set.toml").write_text(SET)
    (tmp_path / "people.csv").write_text(POPULATION)
    (tmp_path / "lmed.csv").write_text(LMED)
    (tmp_path / "inhabitants.csv").write_text("year,sex,persons\n2020,F,500\n2020,M,500\n")
    (tmp_path / "rules.toml").write_text(RULES)
    evaluate_files(
        tmp_path / "set.toml",
        population=tmp_path / "people.csv",
        rules=load_population_rules(tmp_path / "rules.toml"),
        events={"lmed": tmp_path / "lmed.csv"},
        out=tmp_path,
        inhabitants=tmp_path / "inhabitants.csv",
    )
    record = json.loads((tmp_path / "definition.json").read_text())
    assert record["files"] == {
        name: hashlib.sha256((tmp_path / f"{file}.csv").read_bytes()).hexdigest()
        for name, file in (("population", "people"), ("inhabitants", "inhabitants"), ("lmed", "lmed"))
    }
    assert record["population_rules"]["exclude"][0]["id"] == "used_before"
