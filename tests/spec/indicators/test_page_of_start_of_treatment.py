"""The tables of docs/manual/start-of-treatment.md are what the program answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import HEADER, deaths, drawn_set, evaluated, lmed, outcome, population, register

PAGE = Path(__file__).resolve().parents[3] / "docs" / "manual" / "start-of-treatment.md"
ANNA = ["anna"]
NOBODYS = "anna 5000 N02BE01 1 30"


def table(first_column: str) -> list[list[str]]:
    """Cells of the table whose head begins so."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {first_column} "))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def table_under(heading: str, first_column: str) -> list[list[str]]:
    """The same where several begin so."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    after = lines[lines.index(f"## {heading}") :]
    start = next(place for place, line in enumerate(after) if line.startswith(f"| {first_column} "))
    end = next(place for place in range(start, len(after) + 1) if place == len(after) or not after[place])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in after[start + 2 : end]]


def values_of(body: str, *rows: str, dies: int | None = None) -> dict[str, PersonValues]:
    return evaluated(
        drawn_set(f'id = "x"\ncodes = "statin"\n{body}'),
        population=population(ANNA),
        lmed=lmed(ANNA, NOBODYS, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
    )


def days_of(cell: str) -> list[int]:
    return [int(day) for day in cell.split(",") if day.strip()]


@pytest.mark.parametrize(("days", "at_risk", "begins"), table_under("Incidence", "dispensings on days"))
def test_days_at_risk_and_first_dispensings(days, at_risk, begins):
    body = 'kind = "incidence"\nwashout_days = 100\nobserve = { from = 0, to = 365 }'
    (value,) = values_of(body, *(f"anna {day} C10AA05 1 30" for day in days_of(days))).values()
    ((number, reason),) = outcome(value)
    assert value.person_days is not None
    assert int(value.person_days[0]) == int(at_risk)
    assert {"yes": 1, "no": 0}.get(begins) == number
    assert (begins == "left out") == (reason == "excluded:used_before")


@pytest.mark.parametrize(("day", "covered", "dispensed"), table("dispensing on day"))
def test_two_rules_of_being_on_treatment(day, covered, dispensed):
    body = 'kind = "on_treatment"\nmonth = 6\nrule = ["covered", "dispensed"]\nsupply = "given"'
    values = values_of(body, f"anna {day} C10AA05 1 30")
    assert [outcome(value)[0][0] for value in values.values()] == [int(covered), int(dispensed)]


@pytest.mark.parametrize(("days", "level"), table_under("How treatment starts", "dispensings on days"))
def test_levels_of_the_start(days, level):
    body = 'kind = "new_or_continuing"\nwindow = { from = 0, to = 90 }'
    values = values_of(body, *(f"anna {day} C10AA05 1 30" for day in days_of(days)))
    assert [name.rpartition("=")[2] for name, value in values.items() if outcome(value)[0][0]] == [level]


@pytest.mark.parametrize(("day", "leaves", "answer"), table("dispensed on day"))
def test_what_becomes_of_a_prescription(day, leaves, answer):
    definition = drawn_set(
        'id = "x"\nkind = "primary_non_adherence"\ncodes = "statin"\nprescriptions = "eprescriptions"\n'
        "window = { from = 0, to = 90 }\nwithin_days = 30"
    )
    prescribed = [{"person": "anna", "day": 5, "atc": "C10AA05", "cancelled": 0}]
    values = evaluated(
        definition,
        population=population(ANNA),
        lmed=lmed(ANNA, NOBODYS, f"anna {day} C10AA05 1 30"),
        eprescriptions=register(ANNA, prescribed, date_column="prescribing_date"),
        dors=deaths(ANNA, {} if leaves == "never" else {"anna": int(leaves)}),
    )
    ((number, _),) = outcome(*values.values())
    assert number == {"not dispensed": 1, "dispensed": 0, "left out": None}[answer]


@pytest.mark.parametrize(("atc", "strength", "dosage", "answer"), table("ATC"))
def test_doses_of_high_intensity(atc, strength, dosage, answer):
    definition = drawn_set(
        'id = "x"\nkind = "high_intensity"\ncodes = "lipid"\nat_day = 365\nmeasure = "high_intensity"\nthresholds = ['
        '{ atc = "C10AA05", least_mg = 40 }, { atc = "C10AA07", least_mg = 20 }, '
        '{ atc = "C10BA06", least_mg = 20, component = 1 }]',
        header=HEADER + '[codes.lipid]\natc_include = ["C10AA", "C10BA06"]\n',
    )
    row: dict[str, Any] = {"person": "anna", "day": 100, "atc": atc, "strength_text": strength, "packages": 1}
    values = evaluated(
        definition,
        population=population(ANNA),
        lmed=register(ANNA, [{**row, "dosage_text": dosage}], date_column="dispensing_date"),
        dors=deaths(ANNA, {}),
    )
    ((number, reason),) = outcome(*values.values())
    assert (reason if number is None else str(int(number))) == answer


@pytest.mark.parametrize(("rows", "ratio", "from_first"), table("rows as day x days of supply"))
def test_possession_from_the_index_day_and_from_the_first_dispensing(rows, ratio, from_first):
    parts = [part.split(" x ") for part in rows.split(",") if part.strip()]
    body = 'kind = "medication_possession_ratio"\nsupply = "given"\nobserve = { from = 0, to = 100 }'
    for extra, answer in (("", ratio), ('\nstart = "first_dispensing"', from_first)):
        (value,) = values_of(body + extra, *(f"anna {int(day)} C10AA05 1 {days}" for day, days in parts)).values()
        ((number, _),) = outcome(value)
        assert number == (None if answer == "left out" else float(answer))
