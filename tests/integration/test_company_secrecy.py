"""Orders under a company rule: sales of a code that one company supplies are kept back, patients are shown."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.released_table import TOTAL
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore
from linkage_server.runs.describe import describe
from linkage_server.runs.plan import RunPlan
from tests.support.manufacturers import write_table
from tests.support.orders_on_files import FilesOfOthers
from tests.support.register_loading import write_csv

PERSONS = [f"p{number:03}" for number in range(120)]
CODES = ("C10AA01", "C10AA05", "C10AA07", "C10BA02")
COMPANIES = {"C10AA01": ["Nord", "Syd"], "C10AA05": ["Nord", "Syd"], "C10AA07": ["Nord"], "C10BA02": ["Ost", "Syd"]}
SET = """
[set]
id = "sales"
version = "1.0.0"
[exits]
death = false
[codes.lipid]
atc_include = ["C10"]
[codes.rosuvastatin]
atc_include = ["C10AA07"]
[[indicator]]
id = "packages"
kind = "packages"
register = "made_up_sales"
codes = "lipid"
calendar = { from = 2024-01-01, until = 2025-01-01 }
[[indicator]]
id = "users"
kind = "users"
register = "made_up_sales"
codes = "lipid"
reversals = "none"
calendar = { from = 2024-01-01, until = 2025-01-01 }
[[indicator]]
id = "rosuvastatin_packages"
kind = "packages"
register = "made_up_sales"
codes = "rosuvastatin"
statistic = ["sum", "mean"]
calendar = { from = 2024-01-01, until = 2025-01-01 }
"""
CONSENT = {
    "company": "NORD",
    "measures": ["packages"],
    "codes": ["C10AA07"],
    "first_day": "2026-01-01",
    "last_day": "2026-12-31",
    "reference": "1/2026",
}


def policy(**rule: Any) -> DisclosurePolicy:
    written = shipped_policies()["standard@1.0.0"].model_dump(mode="json")
    return DisclosurePolicy.model_validate_json(json.dumps(written | {"id": "companies", "company_secrecy": rule}))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FilesOfOthers:
    return sold_in(tmp_path_factory.mktemp("sales"))


def sold_in(folder: Path) -> FilesOfOthers:
    """A home folder where everybody collected each drug in 2024, in amounts of her own."""
    rows = [
        f"{person},2024-{1 + number % 12:02}-10,{code},{1 + (number + 3 * place) % 7}"
        for number, person in enumerate(PERSONS)
        for place, code in enumerate(CODES)
    ]
    file = write_csv(folder / "sales.csv", ["lopnr,collected,atc,packages", *rows])
    return FilesOfOthers.load(folder, {"made_up_sales": file})


def served(files: FilesOfOthers, folder: Path, companies: dict[str, list[str]], month: str = "2024-12") -> str:
    table = write_table(folder / "npl.csv", companies, month=month)
    return ManufacturerStore(files.home / MANUFACTURERS).load(table, month=month).sha256


def lines(
    files: FilesOfOthers, rules: DisclosurePolicy, *, today: date = date(2026, 11, 22)
) -> dict[tuple[str, str, str], float | None]:
    """Value by indicator, code and statistic, of the whole year."""
    persons = pa.table({"person": PERSONS, "index_date": [date(2024, 1, 1)] * len(PERSONS)})
    answered = files.answer(persons, indicators=SET, by=[["row:atc"]], policy=rules, today=today)
    return {
        (row["indicator"], row["atc"], row["statistic"]): row["value"]
        for row in answered.protected.table.to_pylist()
        if row["period"] == "2024"
    }


def plan(files: FilesOfOthers, rules: DisclosurePolicy) -> RunPlan:
    persons = pa.table({"person": PERSONS, "index_date": [date(2024, 1, 1)] * len(PERSONS)})
    return files.plan(persons, indicators=SET, by=[], policy=rules, today=date(2026, 11, 22))


def test_without_the_rule_everything_is_shown(files: FilesOfOthers) -> None:
    shown = lines(files, shipped_policies()["standard@1.0.0"])
    assert shown["packages", "C10AA07", "sum"] is not None
    assert plan(files, shipped_policies()["standard@1.0.0"]).company_rule is None


def test_sales_of_a_code_with_one_company_are_kept_back_and_patients_shown(
    files: FilesOfOthers, tmp_path: Path
) -> None:
    served(files, tmp_path, COMPANIES)
    shown = lines(files, policy())
    assert shown["packages", "C10AA07", "sum"] is None
    assert shown["packages", TOTAL, "sum"] is not None
    assert [shown["packages", code, "sum"] for code in CODES].count(None) == 2
    assert shown["users", "C10AA07", "persons"] == len(PERSONS)


def test_an_indicator_of_one_companys_code_has_no_sum_and_no_mean(files: FilesOfOthers, tmp_path: Path) -> None:
    served(files, tmp_path, COMPANIES)
    shown = lines(files, policy())
    of_drug = {key: value for key, value in shown.items() if key[0] == "rosuvastatin_packages"}
    assert of_drug["rosuvastatin_packages", TOTAL, "sum"] is None
    assert of_drug["rosuvastatin_packages", TOTAL, "mean"] is None
    # Of other codes it has none, as everybody knows.
    assert set(of_drug.values()) == {None, 0}


def test_two_companies_are_too_few_where_the_policy_says_three(files: FilesOfOthers, tmp_path: Path) -> None:
    served(files, tmp_path, COMPANIES)
    shown = lines(files, policy(minimum_manufacturers=3))
    assert {shown["packages", code, "sum"] for code in CODES} == {None}
    # All four codes together are of three companies.
    assert shown["packages", TOTAL, "sum"] is not None


def test_companies_of_one_group_are_one(files: FilesOfOthers, tmp_path: Path) -> None:
    served(files, tmp_path, COMPANIES | {"C10AA05": ["Nord/Holding", "Syd/Holding"]})
    assert lines(files, policy())["packages", "C10AA05", "sum"] is None


@pytest.mark.parametrize(
    ("changes", "today", "is_shown"),
    [
        ({}, date(2026, 11, 22), True),
        ({}, date(2027, 1, 1), False),
        ({"company": "Syd"}, date(2026, 11, 22), False),
        ({"measures": ["cost"]}, date(2026, 11, 22), False),
        ({"codes": ["C10BA"]}, date(2026, 11, 22), False),
        ({"measures": [], "codes": []}, date(2026, 11, 22), True),
    ],
)
def test_a_consent_shows_what_it_is_about_while_it_lasts(
    changes: dict[str, Any], today: date, is_shown: bool, files: FilesOfOthers, tmp_path: Path
) -> None:
    served(files, tmp_path, COMPANIES)
    rules = policy(consents=[CONSENT | changes])
    assert (lines(files, rules, today=today)["packages", "C10AA07", "sum"] is not None) is is_shown


@pytest.mark.parametrize("month", ["2024-11", "2025-01"])
def test_without_a_table_of_the_month_every_code_counts_as_one_companys(month: str, tmp_path: Path) -> None:
    other = sold_in(tmp_path)
    served(other, tmp_path, COMPANIES, month=month)
    shown = lines(other, policy())
    assert {value for (indicator, _, _), value in shown.items() if indicator == "packages"} == {None}
    assert shown["users", TOTAL, "persons"] == len(PERSONS)
    entry = describe(plan(other, policy()), match_rate_band="not stated").manufacturers
    assert [(one.month, one.sha256) for one in entry] == [("2024-12", "")]


def test_patients_are_kept_back_too_where_the_policy_says_so(files: FilesOfOthers, tmp_path: Path) -> None:
    served(files, tmp_path, COMPANIES)
    shown = lines(files, policy(patients_shown=False))
    assert shown["users", "C10AA07", "persons"] is None
    assert shown["users", TOTAL, "persons"] == len(PERSONS)


def test_the_plan_pins_the_table_and_the_delivery_names_it(files: FilesOfOthers, tmp_path: Path) -> None:
    sha256 = served(files, tmp_path, COMPANIES)
    pinned = plan(files, policy())
    assert pinned.company_rule is not None
    assert pinned.company_rule.tables == {"2024-12": sha256}
    entry = describe(pinned, match_rate_band="not stated").manufacturers
    assert [(one.month, one.sha256) for one in entry] == [("2024-12", sha256)]
    served(files, tmp_path, COMPANIES | {"C10AA07": ["Nord", "Syd"]})
    assert RunPlan.from_json(pinned.model_dump(mode="json", by_alias=True)).sha256() == pinned.sha256()


def test_an_exception_that_an_officer_signed_shows_a_cell(files: FilesOfOthers, tmp_path: Path) -> None:
    served(files, tmp_path, COMPANIES)
    exception = {
        "rule": "company_secrecy",
        "officer": "Eva Strand",
        "signed_at": "2026-11-01T09:00:00Z",
        "reason": "The company publishes the number itself.",
    }
    cells = [{"indicator": "packages", "atc": "C10AA07"} | period for period in ({}, {"period": "2024"})]
    written = policy().model_dump(mode="json") | {
        "exceptions_from": ["company_secrecy"],
        "exceptions": [exception | {"cell": cell} for cell in cells],
    }
    shown = lines(files, DisclosurePolicy.model_validate_json(json.dumps(written)))
    assert None not in {shown["packages", code, "sum"] for code in CODES}
    assert shown["rosuvastatin_packages", TOTAL, "sum"] is None


def test_two_companies_that_are_alone_do_not_hide_each_other(tmp_path: Path) -> None:
    alone = {"C10AA01": ["Nord", "Syd"], "C10AA05": ["Nord", "Syd"], "C10AA07": ["Nord"], "C10BA02": ["Ost"]}
    files = sold_in(tmp_path)
    served(files, tmp_path, alone)
    shown = lines(files, policy())
    # With two blanks Nord takes its own away and knows what Ost sold: a third has to go.
    assert [shown["packages", code, "sum"] for code in ("C10AA07", "C10BA02")] == [None, None]
    assert [shown["packages", code, "sum"] for code in (*CODES, TOTAL)].count(None) >= 3
