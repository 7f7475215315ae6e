"""Rates per inhabitant of an order: worked by hand, and kept back with any count that they are formed from."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.blocks import persons_between
from linkage_core.count_block import count_block
from linkage_core.disclosure import protect
from linkage_core.events import PersonEvents, Population
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.indicators import evaluate
from linkage_core.inhabitant_counts import with_rates
from linkage_core.inhabitant_plan import inhabitant_plan
from linkage_core.rates import inhabitants_of
from tests.support.indicator_tables import drawn_set, population, register

POLICY = shipped_policies()["standard@1.0.0"]
# Sex, year of birth, persons, of whom users: 45 and 55 years old on 31 December 2020, and 15, whom the table lacks.
PEOPLE = ((2, 1975, 200, 60), (2, 1965, 100, 20), (1, 1975, 90, 30), (1, 1965, 90, 45), (2, 2005, 40, 12))
INHABITANTS = pa.table(
    {
        "year": ["2020"] * 4,
        "sex": ["woman", "woman", "man", "man"],
        "age": ["40-49", "50+", "40-49", "50+"],
        "persons": [1000.0, 500.0, 1500.0, 500.0],
    }
)
PERIOD = 'calendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }\n'
STANDARD = 'standard = { weights = { "40-49" = 1, "50+" = 1 } }\n'
USERS = (
    'id = "users"\nkind = "users"\ncodes = "statin"\ninterval = "poisson"\nstatistic = ["count", '
    f'"per_1000_inhabitants", "standardised_per_1000_inhabitants", "smr"]\n{PERIOD}{STANDARD}'
)
DOSES = (
    'id = "doses"\nkind = "ddd"\ncodes = "statin"\nstatistic = ["ddd_per_1000_inhabitants_per_day", '
    f'"standardised_per_1000_inhabitants"]\n{PERIOD}{STANDARD}'
)


def drawn(people: tuple[tuple[int, int, int, int], ...] = PEOPLE) -> tuple[Population, PersonEvents]:
    """Each user has one package of 36.6 DDD."""
    sex, born, names, rows = [], [], [], []
    for code, year, persons, users in people:
        for number in range(persons):
            names.append(f"{code}-{year}-{number}")
            sex.append(code)
            born.append(date(year, 7, 1))
            if number < users:
                row = {"day": 40, "atc": "C10AA05", "packages": 1, "ddd_per_package": 36.6}
                rows.append({**row, "person": names[-1]})
    who = population(names, sex=pa.array(sex, pa.uint8()), birth_date=pa.array(born, pa.date32()))
    return who, register(names, rows, date_column="dispensing_date")


def ordered(*indicators: str, by: list[list[str]], people: tuple[tuple[int, int, int, int], ...] = PEOPLE) -> dict:
    who, rows = drawn(people)
    values = evaluate(drawn_set(*indicators), population=who, events={"lmed": rows}, data_until={})
    counted = count_by(values, population=who, by=by, inhabitants=inhabitants_of(INHABITANTS))
    lines = protect(counted, POLICY).table.to_pylist()
    return {
        (line["statistic"], line.get("sex", "total"), line.get("age_group", "total")): line
        for line in lines
        if line["period"] == "2020"
    }


def test_rates_are_of_persons_whom_the_table_has() -> None:
    found = ordered(USERS, by=[["sex", "age_group"]])
    wanted = {
        ("woman", "40-49"): (60, 1000, 60),
        ("woman", "50+"): (20, 500, 40),
        ("woman", "total"): (80, 1500, 53.333333),
        ("man", "50+"): (45, 500, 90),
        ("total", "total"): (155, 3500, 44.285714),
    }
    for place, numbers in wanted.items():
        line = found["per_1000_inhabitants", *place]
        assert (line["numerator"], line["denominator"]) == numbers[:2], place
        assert line["value"] == pytest.approx(numbers[2])
        assert line["lower"] < line["value"] < line["upper"]
        assert line["person_time"] == pytest.approx(numbers[1] * 366 / 365.25)
    # The count of the table is of everybody, also of those who are too young for the rates.
    assert found["persons", "woman", "total"]["value"] == 92


def test_a_standardised_rate_weighs_ages_and_smr_goes_by_the_rates_of_all() -> None:
    found = ordered(USERS, by=[["sex"]])
    # Women (60 + 40) / 2, men (20 + 90) / 2.
    assert found["standardised_per_1000_inhabitants", "woman", "total"]["value"] == pytest.approx(50)
    assert found["standardised_per_1000_inhabitants", "man", "total"]["value"] == pytest.approx(55)
    for statistic in ("standardised_per_1000_inhabitants", "smr"):
        line = found[statistic, "woman", "total"]
        assert line["lower"] < line["value"] < line["upper"]
        assert line["numerator"] == 80
    assert found["standardised_per_1000_inhabitants", "woman", "total"]["denominator"] == 1500
    # Of all 90 in 2,500 and 65 in 1,000: women are expected to be 1000 x 0.036 + 500 x 0.065.
    assert found["expected", "woman", "total"]["value"] == pytest.approx(68.5)
    assert found["smr", "woman", "total"]["value"] == pytest.approx(80 / 68.5)
    # What they are made of stands beside them, though nobody crossed ages.
    assert found["per_1000_inhabitants", "man", "50+"]["numerator"] == 45
    assert found["per_1000_inhabitants", "total", "40-49"]["numerator"] == 90


def test_doses_are_per_day_and_have_no_limits() -> None:
    line = ordered(DOSES, by=[["sex"]])["ddd_per_1000_inhabitants_per_day", "woman", "total"]
    # 80 x 36.6 DDD of 1,500 inhabitants in 366 days.
    assert line["numerator"] == pytest.approx(2928)
    assert line["value"] == pytest.approx(1000 * 2928 / (1500 * 366))
    assert line["lower"] is None
    standardised = ordered(DOSES, by=[["sex"]])["standardised_per_1000_inhabitants", "woman", "total"]
    # 36.6 x (60 per 1,000 + 40 per 1,000) / 2.
    assert standardised["value"] == pytest.approx(36.6 * 50)
    assert standardised["lower"] is None
    assert standardised["upper"] is None


def test_a_number_over_ages_goes_with_any_of_its_counts() -> None:
    few = (*PEOPLE[:3], (1, 1965, 90, 4), PEOPLE[4])
    found = ordered(USERS, by=[["sex"]], people=few)
    assert found["per_1000_inhabitants", "man", "50+"]["status"] == "suppressed"
    for statistic in ("standardised_per_1000_inhabitants", "smr"):
        line = found[statistic, "man", "total"]
        assert (line["status"], line["value"], line["numerator"]) == ("suppressed", None, None)


def test_bands_of_an_order_are_the_ages_of_its_standard() -> None:
    found = ordered(USERS.replace('"40-49" = 1, "50+" = 1', '"40+" = 1'), by=[["sex", "age_group:40+"]])
    assert found["standardised_per_1000_inhabitants", "woman", "total"]["value"] == pytest.approx(1000 * 80 / 1500)
    assert {age for _, _, age in found} == {"40+", "total"}


def test_blocks_of_persons_add_up_to_all() -> None:
    who, rows = drawn()
    definition = drawn_set(USERS, DOSES)
    by, people = [["sex"]], inhabitants_of(INHABITANTS)
    whole = count_by(
        evaluate(definition, population=who, events={"lmed": rows}, data_until={}),
        population=who,
        by=by,
        inhabitants=people,
    )
    plan = counting_plan(who, by, age_on=None)
    asked = inhabitant_plan(who, by, people)
    parts = []
    for first, last in ((0, 137), (137, who.persons)):
        here = persons_between(who, first, last)
        joined = PersonEvents(
            offsets=rows.offsets[first : last + 1] - rows.offsets[first],
            rows=rows.rows.slice(int(rows.offsets[first]), int(rows.offsets[last] - rows.offsets[first])),
            found=rows.found[first:last],
        )
        values = evaluate(definition, population=here, events={"lmed": joined}, data_until={})
        parts.append(count_block(values, population=here, plan=plan, inhabitants=asked))
    merged = parts[0].merge(parts[1])
    table = with_rates(finish(merged, plan), merged, definition.indicators, asked)
    assert protect(table, POLICY).table.equals(protect(whole, POLICY).table)
