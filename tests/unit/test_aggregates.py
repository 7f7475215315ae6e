"""From values of persons to cubes: margins, denominators, sets inside sets, periods and row variables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EventsRejected
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable, Statistic
from linkage_core.events import Population
from linkage_core.indicators import evaluate
from tests.reference.strata import stratum
from tests.support.indicator_tables import DAY_0, deaths, drawn_set, lmed, population, register

PERSONS = ["anna", "bo", "cilla", "dan"]
HOSPITALS = pa.array(["10", "9", "10", None]).dictionary_encode()


def people(**more: object) -> Population:
    return population(
        PERSONS,
        sex=pa.array([2, 1, 2, 1], pa.uint8()),
        birth_date=pa.array([date(1955, 1, 1), date(1955, 1, 2), date(1930, 5, 5), None], pa.date32()),
        strata={"hospital": HOSPITALS},
        **more,
    )


def counted(table: CountedTable, key: str, *names: str) -> list:
    cubes = [c for c in table.person_cubes if c.persons_key == key and tuple(d.name for d in c.dimensions) == names]
    assert len(cubes) == 1, f"{key} over {names}"
    return cubes[0].persons.tolist()


def summed(table: CountedTable, key: str, *names: str) -> list:
    cubes = [c for c in table.sum_cubes if c.sum_key == key and tuple(d.name for d in c.dimensions) == names]
    assert len(cubes) == 1, f"{key} over {names}"
    return (cubes[0].sums / cubes[0].scale).tolist()


def initiation_table(by: list[list[str]]) -> CountedTable:
    definition = drawn_set(
        'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
        'denominator = ["all", "alive_at_N"]'
    )
    events = {
        "lmed": lmed(PERSONS, "anna 5 C10AA05 1 30", "bo 60 C10AA05 1 30", "cilla 10 C10AA05 1 30"),
        "dors": deaths(PERSONS, {"cilla": 40}),
    }
    values = evaluate(definition, population=people(), events=events, data_until={})
    return count_by(values, population=people(), by=by)


def test_persons_are_counted_by_stratum_with_all_margins():
    table = initiation_table([["hospital", "sex"]])
    # hospital 9, 10, unknown and total, by man, woman and total
    assert counted(table, "population", "hospital", "sex") == [[1, 0, 1], [0, 2, 2], [1, 0, 1], [2, 2, 4]]
    assert counted(table, "start/within_days=90/yes", "hospital", "sex") == [[1, 0, 1], [0, 2, 2], [0, 0, 0], [1, 2, 3]]


def test_equal_denominators_are_one_set_and_others_are_parts_of_the_population():
    table = initiation_table([])
    shares = {line.parameters: line for line in table.lines if line.statistic is Statistic.SHARE}
    assert shares["within_days=30"].denominator_key == "population"
    alive = shares["within_days=90;denominator=alive_at_N"].denominator_key
    assert counted(table, alive) == 3
    assert any(split.whole_key == "population" and alive in split.part_keys for split in table.splits)


def test_windows_inside_windows_are_stated_so_that_their_difference_is_protected():
    table = initiation_table([])
    wholes = {(split.whole_key, split.part_keys[0]) for split in table.splits}
    assert ("start/within_days=90/yes", "start/within_days=30/yes") in wholes
    assert ("start/within_days=90/yes", "start/within_days=90;denominator=alive_at_N/yes") in wholes


def test_reasons_are_counted_over_everybody():
    table = initiation_table([["sex"]])
    reasons = {(name, reason): counted(table, key) for name, reason, key in table.reasons}
    assert reasons["start/within_days=90;denominator=alive_at_N", "excluded:not_alive_at_90"] == 1
    assert reasons["start/within_days=90", "no_rows"] == 1


def test_a_mean_share_of_days_is_an_exact_sum_over_its_denominator():
    definition = drawn_set(
        'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
        "observe = { from = 0, to = 100 }\nthreshold = 0.5"
    )
    events = {"lmed": lmed(PERSONS, "anna 0 C10AA05 1 50", "bo 0 C10AA05 1 25")}
    values = evaluate(definition, population=people(), events=events, data_until={})
    table = count_by(values, population=people(), by=[])
    assert summed(table, "pdc/observe_days=100/sum") == 0.75
    assert counted(table, "pdc/observe_days=100;at_least=0.5/yes") == 1
    assert {line.statistic for line in table.lines} == {Statistic.MEAN, Statistic.PERSONS, Statistic.SHARE}


def yearly(*, body: str, by: list[list[str]], dead: dict[str, int] | None = None) -> CountedTable:
    definition = drawn_set(
        f'id = "y"\n{body}\nrow_strata = ["atc:5"]\n'
        'calendar = { from = 2020-01-01, until = 2022-01-01, step = "year" }'
    )
    rows = [
        {"person": "anna", "day": 0, "atc": "C10AA05", "packages": 1, "cost_total": 10},
        {"person": "anna", "day": 400, "atc": "C10AA01", "packages": 1, "cost_total": 20},
        {"person": "bo", "day": 10, "atc": "B01AC06", "packages": 1, "cost_total": 40},
        {"person": "bo", "day": 10, "atc": "C10AA01", "packages": 1, "cost_total": 80.5},
        {"person": "cilla", "day": 10, "atc": "B01AC06", "packages": 1, "cost_total": 5},
        {"person": "cilla", "day": 12, "atc": "B01AC06", "packages": -1, "cost_total": -5},
    ]
    persons = people(index=False)
    events = {"lmed": register(PERSONS, rows, date_column="dispensing_date")}
    if dead:
        events["dors"] = deaths(PERSONS, dead)
    values = evaluate(definition, population=persons, events=events, data_until={})
    return count_by(values, population=persons, by=by)


def test_periods_are_levels_and_their_total_counts_a_person_once():
    table = yearly(body='kind = "users"', by=[["sex"]])
    assert counted(table, "y/yes", "year") == [2, 1, 2]
    assert counted(table, "y/yes", "sex", "year") == [[1, 0, 1], [1, 1, 1], [2, 1, 2]]


def test_row_levels_count_persons_under_each_of_their_codes():
    table = yearly(body='kind = "users"', by=[])
    # years 2020, 2021, total by B01AC, C10AA, total
    assert counted(table, "y/yes", "year", "atc_5") == [[1, 2, 2], [0, 1, 1], [1, 2, 2]]
    denominator = next(line.denominator_key for line in table.lines if line.statistic is Statistic.PER_1000)
    assert counted(table, denominator, "year", "atc_5") == [[4, 4, 4]] * 3


def test_money_by_code_adds_up_to_its_total():
    table = yearly(body='kind = "cost"', by=[])
    assert summed(table, "y/cost=total/sum", "year", "atc_5") == [[40, 90.5, 130.5], [0, 20, 20], [40, 110.5, 150.5]]
    # cilla bought and returned: her rows count her among the contributors, as her 0 is part of the sum.
    assert counted(table, "y/cost=total/contributors", "year", "atc_5")[0] == [2, 2, 3]


def test_each_denominator_has_all_its_periods():
    table = yearly(body='kind = "users"\ndenominator = ["all", "alive_at_N"]', by=[], dead={"bo": 100})
    alive = next(line for line in table.lines if "alive" in line.parameters and line.statistic is Statistic.PER_1000)
    assert counted(table, alive.denominator_key, "year") == [3, 3, 3]
    assert counted(table, alive.numerator_key, "year") == [1, 1, 1]
    # In 2021 bo is not even observed: no_time.
    assert {reason for _, reason, _ in table.reasons if "alive" in reason} == {"excluded:not_alive_at_2020"}


def test_a_reason_of_prescribing_is_a_dimension_and_a_person_may_have_several():
    rows = [
        {"person": "anna", "day": 1, "atc": "C10AA05", "packages": 1, "prescribing_reason": ["22298006", "55822004"]},
        {"person": "bo", "day": 1, "atc": "C10AA05", "packages": 1, "prescribing_reason": []},
        {"person": "cilla", "day": 2, "atc": "C10AA05", "packages": 1, "prescribing_reason": ["22298006"]},
    ]
    definition = drawn_set('id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = 90 }')
    events = {"lmed": register(PERSONS, rows, date_column="dispensing_date")}
    values = evaluate(
        definition, population=people(), events=events, data_until={}, row_dimensions=["prescribing_reason"]
    )
    table = count_by(values, population=people(), by=[["row:prescribing_reason"]])
    cube = next(c for c in table.person_cubes if c.persons_key.endswith("yes") and c.dimensions)
    assert cube.dimensions[0].levels == ("22298006", "55822004", "not_recorded")
    assert cube.dimensions[0].multi_response
    assert cube.persons.tolist() == [2, 1, 1, 3]


def test_what_cannot_be_split_by_is_named():
    with pytest.raises(EventsRejected, match="no stratum 'region': declared are: hospital"):
        initiation_table([["region"]])
    with pytest.raises(EventsRejected, match="no indicator has values by the row variable 'workplace'"):
        initiation_table([["row:workplace"]])
    with pytest.raises(EventsRejected, match="age band '65' is not written as"):
        initiation_table([["age:65"]])


def test_a_person_turns_65_on_the_birthday_and_unknown_is_a_level_only_where_somebody_is():
    persons = people(index_days={})
    assert date(2020, 1, 1) == DAY_0
    ages = stratum(persons, "age:<65,65-74,75+")
    assert [ages.dimension.levels[place] for place in ages.level] == ["65-74", "<65", "75+", "unknown"]
    assert stratum(persons, "sex").dimension.levels == ("man", "woman")


def test_index_months_without_persons_stand_in_the_series():
    persons = population(["a", "b"], index_days={"b": 70})
    months = stratum(persons, "index:month")
    assert (months.dimension.name, months.dimension.levels) == ("index_month", ("2020-01", "2020-02", "2020-03"))
    assert np.array_equal(months.level, [0, 2])
    assert stratum(persons, "index:quarter").dimension.levels == ("2020-Q1",)


def test_a_row_that_names_one_reason_twice_is_one_row_of_that_reason():
    definition = drawn_set(
        'id = "count"\nkind = "dispensings"\ncodes = "statin"\nobserve = { from = 0, to = 90 }\nend_at_exit = false'
    )
    events = lmed(PERSONS, "anna 5 C10AA05 1 30", "bo 60 C10AA05 1 30")
    reasons = pa.array([["195658003", "195658003"], ["195658003", "68890003"]])
    rows = events.rows.append_column("prescribing_reason", reasons)
    values = evaluate(
        definition,
        population=people(),
        events={"lmed": replace(events, rows=rows)},
        data_until={},
        row_dimensions=["prescribing_reason"],
    )
    table = count_by(values, population=people(), by=[["row:prescribing_reason"]])
    # The two reasons, then all rows: a row with two reasons stands under each.
    assert summed(table, "count/observe_days=90/sum", "prescribing_reason") == [2, 1, 2]
