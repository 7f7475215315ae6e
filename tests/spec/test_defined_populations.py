"""Who belongs to a population that registers define: tables of docs/manual/defined-populations.md, and more by hand."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from linkage.errors import DefinitionRejected, InputRefused
from linkage.indicator_definition import load_indicator_set
from linkage.population_rules import PopulationRules, load_population_rules
from linkage_core.populations.apply_rules import apply_rules
from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.inputs import read_inputs
from tests.support.indicator_tables import DAY_0, lmed, population, register

PAGE = (Path(__file__).parents[2] / "docs" / "manual" / "defined-populations.md").read_text(encoding="utf-8")
SET = """
[set]
id = "persons"
version = "1.0.0"
[exits]
death = false
[codes.statin]
atc_include = ["C10AA"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 90 }
"""


def table_of(*columns: str) -> list[dict[str, str]]:
    """The table of the page that begins with these columns."""
    lines = iter(PAGE.splitlines())
    header = next(line for line in lines if [cell.strip() for cell in line.split("|")][1:3] == list(columns))
    names = [cell.strip() for cell in header.split("|")[1:-1]]
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            return rows
        rows.append(dict(zip(names, (cell.strip() for cell in line.split("|")[1:-1]), strict=True)))
    return rows


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The registers of the page, as plain files."""
    rows = table_of("person", "register")
    dates = {"par_sv": ("admission_date", "main_diagnosis"), "lmed": ("dispensing_date", "atc")}
    for name, (day, code) in dates.items():
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["person_id", day, code, "age", "hospital"])
            for row in rows:
                if row["register"] == name:
                    writer.writerow([row["person"], row["day"], row["code"], row["age"], row["hospital"]])
    (tmp_path / "set.toml").write_text(SET)
    definition = PAGE.split("```toml\n")[1].split("```")[0]
    kept = [line for line in definition.splitlines() if not line.startswith("where")]
    (tmp_path / "order.toml").write_text("\n".join(kept).split("[[population.exclude]]")[0])
    return {name: tmp_path / f"{name}.csv" for name in dates}


def test_the_population_of_the_manual_is_who_the_manual_says(files: dict[str, Path], tmp_path: Path) -> None:
    evaluate_files(
        tmp_path / "set.toml",
        population=None,
        rules=load_population_rules(tmp_path / "order.toml"),
        events=files,
        out=tmp_path / "out",
        write_persons=True,
        by=[["hospital"], ["index:month"], ["age:<65,65+"]],
    )
    expected = {row["person"]: row for row in table_of("person", "index day") if row["index day"] != "-"}
    persons = pq.read_table(tmp_path / "out" / "per_person.parquet")
    assert sorted(persons["person_id"].to_pylist()) == sorted(expected)
    inputs = read_inputs(
        load_indicator_set(tmp_path / "set.toml"),
        population=None,
        events=files,
        told={},
        rules=load_population_rules(tmp_path / "order.toml"),
    )
    assert inputs.population.index_date is not None
    found = zip(
        inputs.persons.to_pylist(),
        inputs.population.index_date.to_pylist(),
        inputs.population.strata["hospital"].to_pylist(),
        strict=True,
    )
    assert {who: (str(index), hospital) for who, index, hospital in found} == {
        who: (row["index day"], row["hospital"]) for who, row in expected.items()
    }


def test_rules_without_a_definition_need_a_file_of_persons(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="one of the two"):
        evaluate_files(tmp_path / "set.toml", population=None, events=files, out=tmp_path / "out")
    (tmp_path / "empty.toml").write_text("[population]\nstrata = []\n")
    with pytest.raises(DefinitionRejected, match="no rules"):
        load_population_rules(tmp_path / "empty.toml")


def test_persons_of_a_file_get_index_days_and_exclusions_from_registers(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("person_id,clinic\n" + "".join(f"{who},x\n" for who in ("anna", "dan", "fia")))
    (tmp_path / "rules.toml").write_text(
        """
        [population.codes.infarction]
        icd10_include = ["I21"]
        [population.codes.statins]
        atc_include = ["C10AA"]
        [population.index_event]
        kind = "diagnosis"
        codes = "infarction"
        columns = "main_diagnosis"
        period = { from = 2024-01-01, until = 2025-01-01 }
        rule = "last"
        [[population.exclude]]
        id = "treated"
        kind = "drug"
        codes = "statins"
        window = { to = -1 }
        """
    )
    evaluate_files(
        tmp_path / "set.toml",
        population=tmp_path / "people.csv",
        rules=load_population_rules(tmp_path / "rules.toml"),
        events=files,
        out=tmp_path / "out",
        write_persons=True,
    )
    rows = pq.read_table(tmp_path / "out" / "per_person.parquet").to_pylist()
    assert {row["person_id"]: (row["value"], row["reason"]) for row in rows} == {
        "anna": (0, "no_rows"),
        "dan": (None, "excluded:treated"),
        "fia": (None, "excluded:no_index_event"),
    }


# ---- One rule at a time. Days are counted from 1 January 2020.

PERSONS = ["anna", "bo", "cia"]


def day(number: int) -> date:
    return date.fromordinal(DAY_0.toordinal() + number)


def selected(rules: dict[str, Any], **registers: Any) -> dict[str, tuple[date, str | None]]:
    """Index day and exclusion of each person who is selected."""
    checked = PopulationRules.model_validate({"codes": {"statin": {"atc_include": ["C10AA"]}}, **rules})
    found = apply_rules(checked, population=population(PERSONS, index=False), events=registers)
    names = [PERSONS[int.from_bytes(who, "big")] for who in found.hashed_ids.to_pylist()]
    assert found.index_date is not None
    why = [None] * len(names) if found.excluded is None else found.excluded.to_pylist()
    return dict(zip(names, zip(found.index_date.to_pylist(), why, strict=True), strict=True))


def defined(**lists: Any) -> dict[str, Any]:
    return {"defined": {"period": {"from": day(0), "until": day(100)}, **lists}}


DRUG = {"kind": "drug", "codes": "statin"}


def test_a_reversed_dispensing_selects_nobody() -> None:
    rows = lmed(PERSONS, "anna 5 C10AA05 1 30", "anna 6 C10AA05 -1 30", "bo 5 C10AA05 1 30")
    assert selected(defined(all=[DRUG]), lmed=rows) == {"bo": (day(5), None)}
    untouched = {**DRUG, "reversals": "none"}
    assert set(selected(defined(all=[untouched]), lmed=rows)) == {"anna", "bo"}


def test_the_period_is_half_open() -> None:
    rows = lmed(PERSONS, "anna 0 C10AA05 1 30", "bo 99 C10AA05 1 30", "cia 100 C10AA05 1 30")
    assert set(selected(defined(all=[DRUG]), lmed=rows)) == {"anna", "bo"}


def test_new_means_no_row_on_any_of_the_days_before() -> None:
    rows = lmed(
        PERSONS,
        *("anna -30 C10AA05 1 30", "anna 0 C10AA05 1 30", "anna 90 C10AA05 1 30"),
        *("bo -31 C10AA05 1 30", "bo 0 C10AA05 1 30"),
    )
    new = {**DRUG, "new_after_days": 30}
    # Anna's row on day 0 is 30 days after another; 90 days later she begins anew.
    assert selected(defined(all=[new]), lmed=rows) == {"anna": (day(90), None), "bo": (day(0), None)}


def test_the_index_day_is_when_all_are_met_and_the_first_of_any() -> None:
    rows = lmed(PERSONS, "anna 5 C10AA05 1 30", "anna 9 B01AC06 1 30", "bo 5 C10AA05 1 30", "cia 3 B01AC06 1 30")
    codes = {"codes": {"statin": {"atc_include": ["C10AA"]}, "asa": {"atc_include": ["B01AC06"]}}}
    other = {"kind": "drug", "codes": "asa"}
    both = {**defined(all=[DRUG, other]), **codes}
    assert selected(both, lmed=rows) == {"anna": (day(9), None)}
    either = {**defined(any=[DRUG, other]), **codes}
    assert selected(either, lmed=rows) == {"anna": (day(5), None), "bo": (day(5), None), "cia": (day(3), None)}
    fixed = {**defined(all=[DRUG], index=day(50)), **codes}
    assert selected(fixed, lmed=rows) == {"anna": (day(50), None), "bo": (day(50), None)}


def test_the_order_of_criteria_does_not_matter() -> None:
    rows = lmed(PERSONS, "anna 5 C10AA05 1 30", "anna 9 B01AC06 1 30", "bo 5 C10AA05 1 30")
    codes = {"codes": {"statin": {"atc_include": ["C10AA"]}, "asa": {"atc_include": ["B01AC06"]}}}
    criteria = [DRUG, {"kind": "drug", "codes": "asa"}]
    assert selected({**defined(all=criteria), **codes}, lmed=rows) == selected(
        {**defined(all=criteria[::-1]), **codes}, lmed=rows
    )


def test_the_last_event_gives_the_index_day_where_the_rule_says_so() -> None:
    rows = lmed(PERSONS, "anna 5 C10AA05 1 30", "anna 9 C10AA05 1 30", "anna 100 C10AA05 1 30", "bo 200 C10AA05 1 30")
    event = {**DRUG, "period": {"from": day(0), "until": day(100)}, "rule": "last"}
    assert selected({"index_event": event}, lmed=rows) == {
        "anna": (day(9), None),
        "bo": (None, "no_index_event"),
        "cia": (None, "no_index_event"),
    }


def test_who_is_excluded_stays_with_the_first_rule_that_speaks_of_her() -> None:
    rows = lmed(PERSONS, "anna 5 C10AA05 1 30", "anna -3 C10AA05 1 30", "bo 5 C10AA05 1 30")
    before = {**DRUG, "id": "before", "window": {"to": -1}}
    ever = {**DRUG, "id": "ever"}
    found = selected({**defined(all=[DRUG]), "exclude": [before, ever]}, lmed=rows)
    assert found == {"anna": (day(5), "before"), "bo": (day(5), "ever")}


def test_age_is_exact_on_the_day_of_the_event() -> None:
    rules = PopulationRules.model_validate(
        defined(all=[{"kind": "event", "register": "par_sv", "date": "admission_date"}])
    )
    stays = [
        {"person": "anna", "day": 59, "age": 65, "sex": "2"},  # 29 February
        {"person": "bo", "day": 10, "age": 0, "sex": "1"},
        {"person": "cia", "day": 10, "age": None, "sex": None},
    ]
    events = {"par_sv": register(PERSONS, stays, date_column="admission_date")}
    found = apply_rules(rules, population=population(PERSONS, index=False), events=events)
    assert found.birth_date is not None
    assert found.sex is not None
    assert found.birth_date.to_pylist() == [date(1955, 2, 28), date(2020, 1, 11), None]
    assert found.sex.to_pylist() == [2, 1, 0]
    assert pc.year(found.index_date).to_pylist() == [2020] * 3
