"""Daily doses above a limit, checked on paper: strength x units a day of what a person has on day 100.

Rows: person, day, ATC, days of supply, strength, dosage text. Limits are those of the elderly: more than 75 mg of ASA,
more than 4 g of paracetamol, more than 2 mg of haloperidol.
"""

from __future__ import annotations

from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import HEADER, drawn_set, evaluated, outcome, population, register

PERSONS = ["anna", "bo"]
CODES = HEADER + '[codes.limited]\natc_include = ["B01AC06", "N02BE01", "N05AD01"]\n'
LIMITS = (
    'limits = [{ atc = "B01AC06", most_mg = 75 }, { atc = "N02BE01", most_mg = 4000 }, '
    '{ atc = "N05AD01", most_mg = 2 }]\n'
)
ABOVE = (
    'id = "x"\nkind = "dose_above_limit"\ncodes = "limited"\nat_day = 100\nrule = "supply"\nsupply = "given"\n'
    f'denominator = "all"\n{LIMITS}'
)
POINT = "x/at_day=100;rule=supply;"


def values_of(*rows: tuple[str, int, str, int, str | None, str | None], extra: str = "") -> dict[str, PersonValues]:
    names = ("person", "day", "atc", "days_supply", "strength_text", "dosage_text")
    told: list[dict[str, Any]] = [{**dict(zip(names, row, strict=True)), "packages": 1} for row in rows]
    told.append({"person": "bo", "day": 500, "atc": "N02BE01", "packages": 1, "days_supply": 1,
                 "strength_text": "500 mg", "dosage_text": "1 tablett 1 gång dagligen"})  # fmt: skip
    events = register(PERSONS, told, date_column="dispensing_date")
    return evaluated(drawn_set(ABOVE + extra, header=CODES), population=population(PERSONS), lmed=events)


def above(*rows: tuple[str, int, str, int, str | None, str | None], extra: str = "") -> tuple[float | None, str]:
    return outcome(values_of(*rows, extra=extra)[f"{POINT}measure=any"])[0]


ONCE, TWICE = "1 tablett 1 gång dagligen", "1 tablett 2 gånger dagligen"


@pytest.mark.parametrize(
    ("strength", "dosage", "yes"),
    [("75 mg", ONCE, 0), ("160 mg", ONCE, 1), ("75 mg", TWICE, 1), ("37,5 mg", TWICE, 0)],
)
def test_the_dose_is_strength_times_units_and_the_limit_itself_is_not_above(strength, dosage, yes):
    assert above(("anna", 90, "B01AC06", 30, strength, dosage)) == (yes, "ok")


def test_units_of_strength_are_milligrams():
    assert above(("anna", 90, "N02BE01", 30, "1 g", "1 tablett 4 gånger dagligen")) == (0, "ok")
    assert above(("anna", 90, "N02BE01", 30, "1 g", "2 tabletter 3 gånger dagligen")) == (1, "ok")


def test_only_what_is_at_hand_on_the_day_counts():
    assert above(("anna", 70, "B01AC06", 30, "160 mg", ONCE)) == (0, "ok")
    assert above(("anna", 71, "B01AC06", 30, "160 mg", ONCE)) == (1, "ok")
    assert above(("anna", 101, "B01AC06", 30, "160 mg", ONCE)) == (0, "ok")


def test_a_new_dose_takes_the_place_of_the_old_one_unless_all_at_hand_count():
    rows = (("anna", 80, "N05AD01", 60, "1 mg", ONCE), ("anna", 90, "N05AD01", 60, "2 mg", ONCE))
    assert above(*rows) == (0, "ok")
    assert above(*rows, extra='doses = "all_at_hand"\n') == (1, "ok")


def test_different_doses_of_a_day_add_up_and_equal_ones_are_one():
    twice = (("anna", 90, "N05AD01", 60, "2 mg", ONCE), ("anna", 90, "N05AD01", 60, "2 mg", ONCE))
    assert above(*twice) == (0, "ok")
    assert above(twice[0], ("anna", 90, "N05AD01", 60, "0,5 mg", ONCE)) == (1, "ok")


def test_each_substance_has_its_own_limit():
    rows = (("anna", 90, "N05AD01", 60, "2 mg", ONCE), ("anna", 90, "B01AC06", 60, "160 mg", ONCE))
    said = values_of(*rows, extra='measure = ["any", "substance"]\n')
    assert {name.removeprefix(POINT): outcome(value)[0][0] for name, value in said.items()} == {
        "measure=any": 1,
        "substance=B01AC06": 1,
        "substance=N02BE01": 0,
        "substance=N05AD01": 0,
    }


def test_a_dosage_that_is_not_understood_is_taken_as_the_next_step_says_and_told():
    rows = (("anna", 90, "B01AC06", 60, "160 mg", "enligt ordination"),)
    said = values_of(*rows, extra='measure = ["any", "assumed_dose"]\n')
    assert outcome(said[f"{POINT}measure=any"])[0] == (1, "ok")
    assert outcome(said[f"{POINT}measure=assumed_dose"])[0] == (1, "ok")
    assert above(*rows, extra='dose = "dosage_text"\n') == (None, "error:dosage_text")


def test_a_range_of_units_is_read_where_the_definition_says_which_end_stands_for_it():
    row = ("anna", 90, "B01AC06", 60, "75 mg", "1-2 tabletter dagligen")
    assert above(row, extra='dose = "dosage_text"\n') == (None, "error:dosage_text")
    assert above(row, extra='dose = "dosage_text:low"\n') == (0, "ok")
    assert above(row, extra='dose = "dosage_text:high"\n') == (1, "ok")


def test_a_strength_that_is_not_understood_is_an_error_where_it_decides():
    assert above(("anna", 90, "B01AC06", 60, "stark", ONCE)) == (None, "error:strength_text")
    assert above(("anna", 10, "B01AC06", 60, "stark", ONCE)) == (0, "ok")


def test_who_takes_none_of_them_may_be_left_out():
    said = values_of(("anna", 90, "B01AC06", 60, "75 mg", ONCE), extra='among = "treated"\n')
    assert outcome(said[f"{POINT}measure=any"]) == [(0, "ok"), (None, "excluded:not_dispensed")]


def test_days_of_the_calendar_are_read_as_for_numbers_of_drugs():
    body = ABOVE.replace("at_day = 100", "calendar = { from = 2020-01-01, until = 2021-01-01 }")
    rows = [
        {"person": "anna", "day": 360, "atc": "B01AC06", "packages": 1, "days_supply": 30,
         "strength_text": "160 mg", "dosage_text": ONCE},
    ]  # fmt: skip
    events = register(PERSONS, rows, date_column="dispensing_date")
    values = evaluated(drawn_set(body, header=CODES), population=population(PERSONS, index=False), lmed=events)
    value = values["x/rule=supply;measure=any"]
    assert value.period is not None
    assert (value.period.label, outcome(value)[0]) == ("2020", (1, "ok"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (LIMITS, "limits = []\n", "limits"),
        ("most_mg = 75", "most_mg = 0", "most_mg"),
        ('atc = "N02BE01"', 'atc = "B01AC06"', "stands twice"),
        ('atc = "N02BE01"', 'atc = "N02BE"', "atc"),
        (LIMITS, f'{LIMITS}dose = ["units_per_day:1", "dosage_text"]\n', "last step"),
        ("at_day = 100\n", "", "either at_day"),
    ],
)
def test_wrong_limits_are_refused_with_what_to_mend(old, new, told):
    with pytest.raises(DefinitionRejected, match=told):
        drawn_set(ABOVE.replace(old, new), header=CODES)
