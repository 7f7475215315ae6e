"""Days of supply from drug use periods and from a waiting-time distribution, checked on paper.

Anna's packages last 28 days (14 to 56). She collects one on days 0, 28 and 56: one period of 88 days, as the table of
docs/manual/drug-use-periods.md says. Two rows on day 0 are one purchase.
"""

from __future__ import annotations

from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import needed_columns
from tests.spec.indicators.test_drug_use_periods import ANNA, HEADER, anna, lmed, stays
from tests.support.indicator_tables import drawn_set, evaluated, outcome, population

SUPPLY = """
[supply.estimated]
steps = ["pre2dup:model", "wtd:20"]
source = "waiting-time distribution of statins, 80th percentile, laboratory run of 2025"
cap_days = 300
"""
COVERED = """
id = "pdc"
kind = "proportion_of_days_covered"
codes = "statin"
supply = "estimated"
observe = { from = 0, to = 100 }
carry_over = "%s"
"""


def covered(*rows: Any, carry_over: str = "per_drug", header: str = HEADER + SUPPLY, hospital: Any = ()) -> Any:
    values = evaluated(
        drawn_set(COVERED % carry_over, header=header),
        population=population(ANNA),
        lmed=lmed(*rows),
        par_sv=stays(*hospital),
    )
    (value,) = values.values()
    return outcome(value), value.account


@pytest.mark.parametrize("carry_over", ["per_drug", "pooled", "none"])
def test_a_purchase_lasts_until_the_next_and_the_last_until_the_period_ends(carry_over):
    said, account = covered(anna(0), anna(28), anna(56), carry_over=carry_over)
    assert said == [(0.88, "ok")]
    assert account == {"rows_by_pre2dup:model": 3, "rows_by_wtd:20": 0, "capped_rows": 0}


@pytest.mark.parametrize("carry_over", ["per_drug", "none"])
def test_rows_of_one_day_are_one_purchase(carry_over):
    said, account = covered(anna(0, 0.5, ddd=28), anna(0, 0.5, ddd=28), anna(28), anna(56), carry_over=carry_over)
    assert said == [(0.88, "ok")]
    assert account["rows_by_pre2dup:model"] == 4


def test_days_in_hospital_lengthen_supply():
    assert covered(anna(0), hospital=[(20, 40)])[0] == [(0.47, "ok")]


def test_packages_without_parameters_go_to_the_next_step():
    said, account = covered(anna(0), anna(60, product="999999"))
    assert said == [(0.48, "ok")]
    assert account == {"rows_by_pre2dup:model": 1, "rows_by_wtd:20": 1, "capped_rows": 0}


def test_a_purchase_is_cut_at_the_cap():
    said, account = covered(anna(0), anna(28), anna(56), header=HEADER + SUPPLY.replace("300", "28"))
    assert said == [(0.84, "ok")]
    assert account["capped_rows"] == 1


def test_an_estimate_must_tell_its_source():
    header = HEADER + SUPPLY.replace('source = "', '# source = "')
    with pytest.raises(DefinitionRejected, match="tell in source which data"):
        drawn_set(COVERED % "none", header=header)


def test_days_in_hospital_must_not_count_twice():
    with pytest.raises(DefinitionRejected, match="would count twice"):
        drawn_set(COVERED % "none", header=HEADER + SUPPLY + 'hospital = "freeze"\n')


def test_a_step_names_a_model_of_the_set():
    header = HEADER + SUPPLY.replace("pre2dup:model", "pre2dup:other")
    with pytest.raises(DefinitionRejected, match="names the model of drug use 'other', known are: model"):
        drawn_set(COVERED % "none", header=header)


def test_the_columns_that_periods_read_are_asked_for():
    needed = needed_columns(drawn_set(COVERED % "none", header=HEADER + SUPPLY))
    assert {"product", "ddd_per_package", "ddd_dispensed"} <= needed["lmed"]
    assert needed["par_sv"] == {"admission_date", "discharge_date"}
