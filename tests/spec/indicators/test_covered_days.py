"""Proportion of days covered, checked on paper. Rows: person, day, ATC, packages, days of supply."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.indicator_tables import DAY_0, deaths, drawn_set, evaluated, lmed, outcome, population, register

ANNA = ["anna"]


def covered(*rows: str, extra: str = "", codes: str = '"statin"', supply: str = "given", days: int = 100, **events):
    """(covered / observed, reason) of anna over `days` days."""
    definition = drawn_set(
        f'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = {codes}\nsupply = "{supply}"\n'
        f"observe = {{ from = 0, to = {days} }}\n{extra}"
    )
    values = evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, *rows), **events)
    value = values[f"pdc/observe_days={days}"]
    return (int(value.value[0]), int(value.of[0])), outcome(value)[0][1]


def test_a_dispensing_covers_its_days_of_supply_from_its_day():
    assert covered("anna 10 C10AA05 1 30") == ((30, 100), "ok")


def test_an_early_refill_starts_where_the_last_package_ends():
    assert covered("anna 0 C10AA05 1 30", "anna 20 C10AA05 1 30") == ((60, 100), "ok")


def test_without_carry_over_overlapping_supply_counts_once():
    assert covered("anna 0 C10AA05 1 30", "anna 20 C10AA05 1 30", extra='carry_over = "none"') == ((50, 100), "ok")


def test_the_stock_of_a_drug_outlives_a_switch_and_back():
    # AdhereR's carry.only.for.same.medication forgets the 100 days of A when B comes in between, and says 0.15.
    rows = ("anna 0 C10AA05 1 100", "anna 10 C10AA01 1 10", "anna 20 C10AA05 1 10")
    assert covered(*rows, days=200) == ((110, 200), "ok")


def test_two_strengths_on_one_day_are_summed_whatever_their_order():
    rows = ("anna 0 C10AA05 1 30", "anna 0 C10AA05 1 60")
    assert covered(*rows) == covered(*reversed(rows)) == ((90, 100), "ok")


def test_supply_from_before_the_index_day_is_carried_in_for_180_days_of_lookback():
    assert covered("anna -100 C10AA05 1 150") == ((50, 100), "ok")
    assert covered("anna -181 C10AA05 1 1000", extra='stock_cap_days = "none"') == ((0, 100), "ok")


def test_the_stock_never_holds_more_than_its_cap():
    assert covered("anna 0 C10AA05 1 90", "anna 0 C10AA05 1 90", extra="stock_cap_days = 50") == ((50, 100), "ok")


def test_days_in_hospital_are_not_counted_and_use_nothing():
    stay = register(
        ANNA,
        [{"person": "anna", "day": 10, "discharge_date": DAY_0.replace(day=31)}],
        date_column="admission_date",
    )
    # Admitted on day 10, discharged on day 30: twenty days leave the denominator, the thirty days of supply are kept.
    assert covered("anna 0 C10AA05 1 30", supply="frozen", par_sv=stay) == ((30, 80), "ok")


@pytest.mark.parametrize(
    "stays",
    [
        [(10, 30)],
        # One ward after the other, on the same day.
        [(10, 18), (18, 30)],
        # Rows of two clinics that overlap, and one that lies inside another; in no order.
        [(15, 30), (10, 20)],
        [(10, 30), (12, 14), (10, 11)],
        # Rows that end before they begin, or on the day they began, are no stays.
        [(10, 30), (40, 40), (50, 45)],
    ],
)
def test_rows_of_one_stay_count_each_day_in_hospital_once(stays: list[tuple[int, int]]):
    rows = [
        {"person": "anna", "day": admitted, "discharge_date": DAY_0 + timedelta(days=discharged)}
        for admitted, discharged in stays
    ]
    merged = register(ANNA, rows, date_column="admission_date")
    assert covered("anna 0 C10AA05 1 30", supply="frozen", par_sv=merged) == ((30, 80), "ok")


def test_all_of_several_groups_must_be_at_hand_on_the_day():
    rows = ("anna 0 B01AC06 1 60", "anna 30 B01AC04 1 60")
    assert covered(*rows, codes='["asa", "p2y12"]', extra='combine = "all"') == ((30, 100), "ok")
    assert covered(*rows, codes='["asa", "p2y12"]') == ((90, 100), "ok")


def test_a_fixed_combination_counts_for_both_groups():
    assert covered("anna 0 B01AC34 1 40", codes='["asa", "p2y12"]', extra='combine = "all"') == ((40, 100), "ok")


def test_a_person_without_rows_is_in_the_denominator_with_0():
    assert covered("anna 0 N02BE01 1 30") == ((0, 100), "no_rows")


def test_observation_ends_at_death_and_rows_from_that_day_on_are_not_used():
    rows = ("anna 0 C10AA05 1 10", "anna 40 C10AA05 1 30")
    assert covered(*rows, dors=deaths(ANNA, {"anna": 40})) == ((10, 40), "ok")


def test_who_dies_on_the_index_day_has_no_time():
    assert covered("anna 0 C10AA05 1 10", dors=deaths(ANNA, {"anna": 0}))[1] == "no_time"


def test_a_row_without_supply_makes_that_person_an_error_and_nobody_else():
    persons = ["anna", "bo"]
    definition = drawn_set(
        'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
        "observe = { from = 0, to = 100 }"
    )
    rows = lmed(persons, "anna 0 C10AA05 1 -", "anna 5 C10AA05 1 0", "bo 0 C10AA05 1 50")
    value = evaluated(definition, population=population(persons), lmed=rows)["pdc/observe_days=100"]
    assert outcome(value) == [(None, "error:days_supply"), (0.5, "ok")]


def test_the_threshold_is_met_exactly_at_292_of_365_days():
    definition = drawn_set(
        'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
        'observe = { from = 0, to = 365 }\nthreshold = [0.8, 0.9]\nstock_cap_days = "none"'
    )
    persons = ["anna", "bo"]
    rows = lmed(persons, "anna 0 C10AA05 1 292", "bo 0 C10AA05 1 291")
    values = evaluated(definition, population=population(persons), lmed=rows)
    assert values["pdc/observe_days=365;at_least=0.8"].value.tolist() == [1, 0]
    assert values["pdc/observe_days=365;at_least=0.9"].value.tolist() == [0, 0]


@pytest.mark.parametrize(("packages", "days"), [("0.5", 15), ("2", 60)])
def test_ddd_gives_days_only_where_the_definition_says_so(packages, days):
    definition = drawn_set(
        'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "ddd"\n'
        "observe = { from = 0, to = 100 }",
        header="""
        [set]
        id = "drawn"
        version = "1.0.0"
        [codes.statin]
        atc_include = ["C10AA"]
        [supply.ddd]
        steps = ["ddd:1"]
        """,
    )
    rows = [{"person": "anna", "day": 0, "atc": "C10AA05", "packages": float(packages), "ddd_per_package": 30}]
    events = register(ANNA, rows, date_column="dispensing_date")
    value = evaluated(definition, population=population(ANNA), lmed=events)["pdc/observe_days=100"]
    assert value.value.tolist() == [days]
    assert value.account["rows_by_ddd:1"] == 1
