"""Amounts, drugs at a date and events of other registers, on tables that can be checked on paper."""

from __future__ import annotations

from datetime import date

import pytest

from linkage.errors import EventsRejected
from tests.support.indicator_tables import deaths, drawn_set, evaluated, lmed, outcome, population, register

PERSONS = ["anna", "bo"]


def amounts(body: str, rows: list[dict[str, object]], **events):
    definition = drawn_set(f'id = "a"\ncodes = "statin"\n{body}')
    drugs = register(PERSONS, rows, date_column="dispensing_date")
    return evaluated(definition, population=population(PERSONS), lmed=drugs, **events)


def row(person: str, day: int, packages: float, **columns: object) -> dict[str, object]:
    return {"person": person, "day": day, "atc": "C10AA05", "packages": packages, **columns}


OBSERVE = "observe = { from = 0, to = 365 }"


def test_a_reversed_row_takes_one_dispensing_away():
    rows = [row("anna", 0, 2), row("anna", 5, 1), row("anna", 9, -1)]
    value = amounts(f'kind = "dispensings"\n{OBSERVE}', rows)["a/observe_days=365"]
    assert outcome(value) == [(1, "ok"), (0, "no_rows")]


def test_the_last_day_of_an_observation_is_not_in_it():
    rows = [row("anna", 364, 1), row("bo", 365, 1)]
    value = amounts(f'kind = "users"\n{OBSERVE}', rows)["a/observe_days=365"]
    assert value.value.tolist() == [1, 0]


def test_doses_and_money_add_up_exactly_with_corrections():
    rows = [
        row("anna", 0, 2, ddd_per_package=28.25, cost_total=100.10),
        row("anna", 9, -1, ddd_per_package=28.25, cost_total=-50.05),
        row("bo", 3, 1, ddd_per_package=None, cost_total=0.01),
    ]
    doses = amounts(f'kind = "ddd"\n{OBSERVE}', rows)["a/observe_days=365"]
    assert outcome(doses) == [(28.25, "ok"), (0.0, "ok")]
    assert doses.account == {"rows": 3, "rows_without_measure": 1}
    money = amounts(f'kind = "cost"\n{OBSERVE}', rows)["a/cost=total;observe_days=365"]
    assert outcome(money) == [(50.05, "ok"), (0.01, "ok")]


def test_calendar_periods_need_no_index_date():
    definition = drawn_set(
        'id = "u"\nkind = "users"\ncodes = "statin"\n'
        'calendar = { from = 2020-01-01, until = 2021-01-01, step = "quarter" }'
    )
    values = evaluated_in_order(definition, lmed(PERSONS, "anna 0 C10AA05 1 30", "bo 91 C10AA05 1 30"))
    assert [(value.period.label, value.value.tolist()) for value in values] == [
        ("2020-Q1", [1, 0]),
        ("2020-Q2", [0, 1]),
        ("2020-Q3", [0, 0]),
        ("2020-Q4", [0, 0]),
    ]


def evaluated_in_order(definition, drugs):
    from linkage_core.indicators import evaluate

    return evaluate(definition, population=population(PERSONS, index=False), events={"lmed": drugs}, data_until={})


def test_users_by_signed_sum_and_by_netting_differ_where_the_correction_lies_outside():
    rows = [row("anna", 364, 1), row("anna", 370, -1)]
    by_sum = amounts(f'kind = "users"\nreversals = "sum"\n{OBSERVE}', rows)["a/observe_days=365"]
    netted = amounts(f'kind = "users"\n{OBSERVE}', rows)["a/observe_days=365"]
    assert (by_sum.value.tolist(), netted.value.tolist()) == ([1, 0], [0, 0])


def drugs_on(*rows: str, body: str, **events):
    definition = drawn_set(f'id = "d"\nkind = "drugs_at_date"\nat_day = 100\n{body}')
    return evaluated(definition, population=population(PERSONS), lmed=lmed(PERSONS, *rows), **events)


def test_distinct_drugs_dispensed_in_the_window_that_ends_with_the_day():
    body = 'rule = "dispensed"\ndispensed_within_days = 20\ndenominator = "all"\nat_least = [2]'
    values = drugs_on(
        "anna 80 C10AA05 1 30",  # day 80 lies outside (80, 100]
        "anna 81 C10AA01 1 30",
        "anna 100 B01AC06 1 30",
        "anna 100 B01AC06 1 30",
        "anna 101 N02BE01 1 30",
        body=body,
    )
    assert outcome(values["d/at_day=100;dispensed_within_days=20"]) == [(2, "ok"), (0, "no_rows")]
    assert values["d/at_day=100;dispensed_within_days=20;at_least=2"].value.tolist() == [1, 0]


def test_supply_covers_the_day_until_but_not_on_the_day_it_ends():
    body = 'rule = "supply"\nsupply = "given"\ndenominator = "all"'
    values = drugs_on("anna 90 C10AA05 1 10", "anna 90 C10AA01 1 11", body=body)
    assert values["d/at_day=100;rule=supply"].value.tolist() == [1, 0]


def test_the_dead_are_not_asked_for_their_drugs():
    body = 'rule = "dispensed"\ndispensed_within_days = 120'
    values = drugs_on("anna 90 C10AA05 1 10", body=body, dors=deaths(PERSONS, {"anna": 95}))
    assert outcome(values["d/at_day=100;dispensed_within_days=120;denominator=alive_at_N"]) == [
        (None, "excluded:not_alive_at_100"),
        (0, "no_rows"),
    ]


def events_of(body: str, rows: list[dict[str, object]], **events):
    definition = drawn_set(
        f'id = "e"\nkind = "event_in_window"\n{body}',
        header='[set]\nid = "x"\nversion = "1.0.0"\n[codes.mi]\nicd10_include = ["I21"]\n',
    )
    stays = register(PERSONS, rows, date_column="admission_date")
    return evaluated(definition, population=population(PERSONS), par_sv=stays, **events)


MI = (
    'register = "par_sv"\ndate = "admission_date"\ncodes = "mi"\ncolumns = ["main_diagnosis", "diagnosis"]\n'
    "window = { from = 1, to = 365 }\n"
)


def test_a_diagnosis_counts_in_any_of_the_columns_with_or_without_its_dot():
    rows = [
        {"person": "anna", "day": 20, "main_diagnosis": "I50.9", "diagnosis": ["E11", "I21.4"]},
        {"person": "bo", "day": 365, "main_diagnosis": "I214", "diagnosis": None},
    ]
    assert events_of(MI, rows)["e/days=1..365"].value.tolist() == [1, 1]


def test_the_day_of_the_event_is_the_last_day_at_risk():
    rows = [{"person": "anna", "day": 10, "main_diagnosis": "I21"}]
    definition = MI.replace('columns = ["main_diagnosis", "diagnosis"]', 'columns = "main_diagnosis"')
    value = events_of(definition, rows, dors=deaths(PERSONS, {"bo": 5}))["e/days=1..365"]
    # anna: days 1 to 10; bo: days 1 to 4, as who dies on day 5 is not under observation on it.
    assert value.person_days.tolist() == [10, 4]


def test_who_dies_before_the_window_opens_is_among_all_without_a_day_at_risk():
    definition = MI + 'denominator = ["all", "alive_at_N"]\n'
    before = [{"person": "anna", "day": -9, "main_diagnosis": "I21", "diagnosis": ["I21"]}]
    values = events_of(definition, before, dors=deaths(PERSONS, {"bo": 1}))
    assert outcome(values["e/days=1..365"]) == [(0, "ok"), (0, "no_rows")]
    assert values["e/days=1..365"].person_days.tolist() == [365, 0]
    assert outcome(values["e/days=1..365;denominator=alive_at_N"])[1] == (None, "excluded:not_alive_at_365")


def test_death_itself_can_be_the_event():
    body = 'register = "dors"\ndate = "death_date"\nwindow = { from = 0, to = [30, 365] }\n'
    values = events_of(body, [{"person": "anna", "day": 1}], dors=deaths(PERSONS, {"bo": 30}))
    assert outcome(values["e/within_days=30"]) == [(0, "no_rows"), (1, "ok")]


def test_a_missing_index_date_is_an_error_of_that_person_only():
    import pyarrow as pa

    from linkage_core.events import Population

    persons = population(PERSONS)
    broken = Population(persons.hashed_ids, index_date=pa.array([None, date(2020, 1, 1)], pa.date32()))
    definition = drawn_set('id = "s"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = 90 }')
    value = evaluated(definition, population=broken, lmed=lmed(PERSONS, "anna 1 C10AA05 1 30", "bo 1 C10AA05 1 30"))
    assert outcome(value["s/within_days=90"]) == [(None, "error:index_date"), (1, "ok")]


def test_a_register_without_a_needed_column_is_named():
    rows = [row("anna", 0, 1)]
    with pytest.raises(EventsRejected, match="register 'lmed' has no column 'cost_total'"):
        amounts(f'kind = "cost"\n{OBSERVE}', rows)
