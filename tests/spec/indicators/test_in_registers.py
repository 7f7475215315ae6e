"""Who is in which register in which year, on tables that can be checked on paper."""

from __future__ import annotations

import pytest

from linkage.errors import DefinitionRejected
from linkage_core.aggregates import count_by
from linkage_core.counted_table import Split
from tests.support.indicator_tables import HEADER, drawn_set, evaluated, lmed, outcome, population, register

PERSONS = ["anna", "bo", "cia", "dan", "eva"]
CODES = HEADER.replace("[codes.asa]", '[codes.infarction]\nicd10_include = ["I21"]\n[codes.asa]')
BODY = """
id = "standard_report"
kind = "in_registers"
calendar = { from = 2020-01-01, until = 2022-01-01, step = "year" }
[indicator.sources]
drug = { kind = "drug", codes = "statin" }
patient = [
    { kind = "diagnosis", codes = "infarction", columns = "main_diagnosis" },
    { kind = "diagnosis", register = "par_ov", codes = "infarction" },
]
"""


def visits(*rows: str, register_name: str) -> object:
    """Rows written `person day main_diagnosis diagnosis`."""
    found = []
    for row in rows:
        person, day, main, *others = row.split()
        found.append({"person": person, "day": int(day), "main_diagnosis": main, "diagnosis": others or None})
    columns = found or [{"person": "nobody", "day": 0, "main_diagnosis": "Z", "diagnosis": ["Z"]}]
    return register(PERSONS, columns, date_column="admission_date")


def values(**registers: object):
    definition = drawn_set(BODY, header=CODES)
    found = evaluated(definition, population=population(PERSONS), **registers)
    return {name.removeprefix("standard_report/"): value for name, value in found.items()}


REGISTERS = {
    "lmed": lmed(
        PERSONS,
        "anna 10 C10AA05 1 30",
        "bo 10 C10AA05 1 30",
        "bo 400 C10AA05 1 30",
        # Reversed: dan never had it.
        "dan 20 C10AA05 1 30",
        "dan 21 C10AA05 -1 30",
        "eva 30 B01AC06 1 30",
    ),
    "par_sv": visits("bo 50 I214", "cia 366 I210", "dan 40 I509 I214", register_name="par_sv"),
    "par_ov": visits("cia 20 Z099 I214", "eva 20 I509", register_name="par_ov"),
}


def test_each_year_tells_drug_patient_both_either_and_one_alone():
    found = values(**REGISTERS)
    yes = {name: [who for who, one in zip(PERSONS, v.value.tolist(), strict=True) if one] for name, v in found.items()}
    assert yes == {
        "year=2020;in=drug": ["anna", "bo"],
        "year=2020;in=patient": ["bo", "cia"],
        "year=2020;in=both": ["bo"],
        "year=2020;in=either": ["anna", "bo", "cia"],
        "year=2020;in=drug_only": ["anna"],
        "year=2020;in=patient_only": ["cia"],
        "year=2021;in=drug": ["bo"],
        "year=2021;in=patient": ["cia"],
        "year=2021;in=both": [],
        "year=2021;in=either": ["bo", "cia"],
        "year=2021;in=drug_only": ["bo"],
        "year=2021;in=patient_only": ["cia"],
    }


def test_who_is_in_no_register_is_in_the_denominator_with_0():
    found = values(**REGISTERS)
    assert outcome(found["year=2020;in=either"]) == [(1, "ok"), (1, "ok"), (1, "ok"), (0, "no_rows"), (0, "no_rows")]


def test_disclosure_control_is_told_that_parts_make_up_wholes():
    found = list(values(**REGISTERS).values())
    splits = count_by(found, population=population(PERSONS), by=[]).splits
    year = "standard_report/year=2020"
    assert Split(f"{year};in=drug/yes", (f"{year};in=drug_only/yes", f"{year};in=both/yes")) in splits
    assert Split(f"{year};in=patient/yes", (f"{year};in=patient_only/yes", f"{year};in=both/yes")) in splits
    parts = tuple(f"{year};in={one}/yes" for one in ("drug_only", "patient_only", "both"))
    assert Split(f"{year};in=either/yes", parts) in splits


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("drug = {", "both = {"), "rename it"),
        (("drug = {", "patient_only = {"), "rename it"),
        (('codes = "infarction", columns = "main_diagnosis"', 'codes = "nothing"'), "nothing"),
        (("patient = [", 'third = { kind = "drug" }\npatient = ['), "2"),
    ],
)
def test_what_cannot_be_counted_is_refused(wrong: tuple[str, str], words: str):
    with pytest.raises(DefinitionRejected, match=words):
        drawn_set(BODY.replace(*wrong), header=CODES)
