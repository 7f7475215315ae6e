"""Drug use periods, checked on paper: the table of docs/manual/drug-use-periods.md, and who has which value."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linkage.errors import DefinitionRejected
from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import DAY_0, deaths, drawn_set, evaluated, outcome, population, register

PAGE = Path("docs/manual/drug-use-periods.md")
ANNA = ["anna"]
EPOCH_DAY_0 = (DAY_0 - type(DAY_0)(1970, 1, 1)).days
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[exits]
[drug_use.model]
hospital = "add"
[drug_use.model.packages]
"104523" = { ddd_low = 0.5, ddd_usual = 1.0, days_min = 14, days_usual = 28, days_max = 56 }
"""
USE = """
id = "use"
kind = "drug_use_periods"
codes = "statin"
drug_use = "model"
"""
TABLE = re.compile(r"^\| (\d+(?:, \d+)*) \| (\d+) \| (\d+-\d+)? ?\| (\d+-\d+(?:, \d+-\d+)*) \|", re.MULTILINE)


def lmed(*rows: tuple[Any, ...]) -> Any:
    """Rows (person, day, ATC, product, packages, DDD per package)."""
    names = ("person", "day", "atc", "product", "packages", "ddd_per_package")
    return register(ANNA, [dict(zip(names, row, strict=True)) for row in rows], date_column="dispensing_date")


def stays(*spans: tuple[int, int]) -> Any:
    """Hospital stays [first day, day of discharge); one of somebody else where Anna has none."""
    rows = [{"person": "anna", "day": first, "discharge_date": DAY_0 + timedelta(last)} for first, last in spans]
    nobody = {"person": "berta", "day": 0, "discharge_date": DAY_0 + timedelta(1)}
    return register(ANNA, rows or [nobody], date_column="admission_date")


def anna(day: int, packages: float = 1, *, atc: str = "C10AA05", product: str | None = "104523", ddd: Any = 28) -> Any:
    return ("anna", day, atc, product, packages, ddd)


def told(
    *rows: Any,
    rest: str = "observe = { from = 0, to = 365 }",
    header: str = HEADER,
    hospital: Any = (),
    dies: Any = None,
) -> dict[str, PersonValues]:
    return evaluated(
        drawn_set(USE + rest, header=header),
        population=population(ANNA),
        lmed=lmed(*rows),
        par_sv=stays(*hospital),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
    )


def periods(values: dict[str, PersonValues]) -> list[tuple[int, int]]:
    found = next(iter(values.values())).drug_use().found.periods
    return [
        (int(start) - EPOCH_DAY_0, int(np.floor(end)) - EPOCH_DAY_0)
        for start, end in zip(found.start, found.end, strict=True)
    ]


def span(text: str) -> tuple[int, int]:
    first, last = text.split("-")
    return int(first), int(last)


LINES = TABLE.findall(PAGE.read_text())


def test_the_manual_has_its_table():
    assert len(LINES) == 10


@pytest.mark.parametrize(("days", "packages", "hospital", "expected"), LINES)
def test_the_table_of_the_manual(days, packages, hospital, expected):
    values = told(
        *(anna(int(day), int(packages)) for day in days.split(", ")), hospital=[span(hospital)] if hospital else []
    )
    assert periods(values) == [span(one) for one in expected.split(", ")]


# Values of persons

TWO_PERIODS = (anna(0), anna(100))
LENGTH = "observe_days=365;measure="


def test_a_person_has_the_number_of_her_periods_and_the_days_of_any_of_them():
    values = told(*TWO_PERIODS)
    assert outcome(values[f"use/{LENGTH}periods"]) == [(2, "ok")]
    assert outcome(values[f"use/{LENGTH}days_in_use"]) == [(56, "ok")]


def test_each_drug_has_periods_of_its_own_and_a_day_of_two_drugs_is_one_day():
    values = told(anna(0), anna(14, atc="C10AA07"))
    assert outcome(values[f"use/{LENGTH}periods"]) == [(2, "ok")]
    assert outcome(values[f"use/{LENGTH}days_in_use"]) == [(42, "ok")]


def test_only_days_of_the_observation_count():
    values = told(anna(-20), anna(90), rest="observe = { from = 0, to = [90, 100] }")
    assert outcome(values["use/observe_days=90;measure=periods"]) == [(1, "ok")]
    assert outcome(values["use/observe_days=90;measure=days_in_use"]) == [(8, "ok")]
    assert outcome(values["use/observe_days=100;measure=days_in_use"]) == [(18, "ok")]


def test_use_on_a_day_lasts_until_the_day_before_the_end():
    days = 'observe = { from = 0, to = 365 }\nmeasure = "in_use"\nat_days = [0, 27, 28]'
    values = told(anna(0), rest=days)
    assert [outcome(value) for value in values.values()] == [[(1, "ok")], [(1, "ok")], [(0, "ok")]]


def test_death_ends_days_in_use_and_what_is_dispensed_after_it_does_not_count():
    values = told(anna(0), anna(20), dies=20)
    assert outcome(values[f"use/{LENGTH}days_in_use"]) == [(20, "ok")]
    assert periods(values) == [(0, 28)]
    longer = told(anna(0), anna(20), dies=20, rest="observe = { from = 0, to = 365 }\nend_at_exit = false")
    assert outcome(longer[f"use/{LENGTH}days_in_use"]) == [(48, "ok")]
    gone = told(anna(0), dies=20, rest='observe = { from = 0, to = 365 }\nmeasure = "in_use"\nat_days = 20')
    assert outcome(gone["use/measure=in_use;at_day=20"]) == [(None, "excluded:not_observed_at_20")]


def test_who_collected_nothing_has_0():
    assert outcome(told(("berta", 0, "C10AA05", "104523", 1, 28))[f"use/{LENGTH}periods"]) == [(0, "no_rows")]


def test_packages_of_which_nothing_is_known_leave_a_person_without_a_value():
    unknown = told(anna(0, product="999999"))
    assert outcome(unknown[f"use/{LENGTH}periods"]) == [(None, "error:package_parameters")]
    assert unknown[f"use/{LENGTH}periods"].account["rows_without_parameters"] == 1
    (rows,) = told(anna(0), anna(9, product="999999"), anna(20))[f"use/{LENGTH}periods"].rows_told
    assert (rows.question, rows.parts, rows.counts.tolist()) == (
        "drug_use",
        ("in_periods", "without_parameters"),
        [[2, 1], [1, 1]],
    )
    assert outcome(told(anna(0, None))[f"use/{LENGTH}periods"]) == [(None, "error:packages")]


def test_the_longest_beginning_of_a_code_speaks_for_packages_without_parameters():
    drugs = """
[drug_use.model.drugs]
"C10" = { ddd_low = 0.1, ddd_usual = 4.0, days_min = 5, days_max = 100 }
"C10AA" = { ddd_low = 0.1, ddd_usual = 2.0, days_min = 7, days_max = 100 }
"""
    header = HEADER + drugs
    # 28 doses at two a day; without doses as long as the drug's least.
    assert periods(told(anna(0, product="999999"), header=header)) == [(0, 14)]
    assert periods(told(anna(0, product=None, ddd=None), header=header)) == [(0, 7)]
    # The package's own parameters come first: without doses its usual days.
    assert periods(told(anna(0, ddd=None), header=header)) == [(0, 28)]


def test_a_reversed_row_takes_its_purchase_away():
    assert periods(told(anna(0), anna(100), anna(100, -1))) == [(0, 28)]


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        ("days_min = 30, days_usual = 28, days_max = 56", "must ascend"),
        ("days_min = 0, days_usual = 28, days_max = 56", "greater than 0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(written, mend):
    header = HEADER.replace("days_min = 14, days_usual = 28, days_max = 56", written)
    with pytest.raises(DefinitionRejected, match=mend):
        drawn_set(USE + "observe = { from = 0, to = 365 }", header=header)


@pytest.mark.parametrize(
    ("rest", "mend"),
    [
        ("observe = { from = 0, to = 0 }", "no day"),
        ('observe = { from = 0, to = 365 }\nmeasure = "in_use"', "in_use and at_days belong together"),
        ("observe = { from = 0, to = 365 }\nat_days = 90", "in_use and at_days belong together"),
        ('observe = { from = 0, to = 365 }\nmeasure = ["periods", "periods"]', "stands twice"),
        ('observe = { from = 0, to = 365 }\nmeasure = "in_use"\nat_days = [9, 9]', "stands twice"),
    ],
)
def test_questions_that_cannot_be_are_refused(rest, mend):
    with pytest.raises(DefinitionRejected, match=mend):
        drawn_set(USE + rest, header=HEADER)


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("gap_max = 100", "must ascend"),
        ("single_max = 301", "single_max lies above"),
        ("weight_current = 0", "above 0"),
        ('drug_use = "other"', "'other'"),
    ],
)
def test_a_model_that_cannot_be_is_refused(line, mend):
    header, use = HEADER, USE
    if line.startswith("drug_use"):
        use = use.replace('drug_use = "model"', line)
    else:
        header = header.replace('hospital = "add"', f'hospital = "add"\n{line}')
    with pytest.raises(DefinitionRejected, match=mend):
        drawn_set(use + "observe = { from = 0, to = 365 }", header=header)


def test_a_model_that_knows_nothing_is_refused():
    header = HEADER[: HEADER.index("[drug_use.model.packages]")]
    with pytest.raises(DefinitionRejected, match="nothing is known of any package or drug"):
        drawn_set(USE + "observe = { from = 0, to = 365 }", header=header)
