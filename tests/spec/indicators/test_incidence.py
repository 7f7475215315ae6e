"""Incidence checked on paper: who is at risk on which days, and which dispensings are first ones.

Rows: person, day after 1 January 2020, ATC, packages, days of supply. The washout is 100 days and the window days 0 to
364. Anna's dispensings, and what becomes of them:

| dispensings on days | at risk on days     | first one |
|---------------------|---------------------|-----------|
| none                | 0 to 364            |           |
| 50                  | 0 to 50             | 50        |
| -1                  | 100 to 364          |           |
| -1, 99              | 200 to 364          |           |
| -1, 100             | 100                 | 100       |
| -101, 50            | 0 to 50             | 50        |
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage.indicator_definition import canonical_form
from linkage_core.indicators import evaluate
from tests.support.indicator_tables import DAY_0, deaths, drawn_set, evaluated, lmed, outcome, population

ANNA = ["anna"]
OBSERVE = "observe = { from = 0, to = 365 }"
NOBODYS = "anna 5000 N02BE01 1 30"


def incidence(
    *rows: str, extra: str = "", window: str = OBSERVE, dies: int | None = None, **columns: Any
) -> dict[str, Any]:
    definition = drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\nwashout_days = 100\n{window}\n{extra}')
    return evaluated(
        definition,
        population=population(ANNA, **columns),
        lmed=lmed(ANNA, NOBODYS, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
    )


def said(*rows: str, **given: Any) -> tuple[float | None, str, int]:
    """Value, reason and days at risk."""
    (value,) = incidence(*rows, **given).values()
    ((number, reason),) = outcome(value)
    return number, reason, int(value.person_days[0])


def dispensed(*days: int) -> list[str]:
    return [f"anna {day} C10AA05 1 30" for day in days]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], (0, "no_rows", 365)),
        ([50], (1, "ok", 51)),
        ([-1], (0, "ok", 265)),
        ([-1, 99], (0, "ok", 165)),
        ([-1, 100], (1, "ok", 1)),
        ([-101, 50], (1, "ok", 51)),
        ([364], (1, "ok", 365)),
        ([365], (0, "ok", 365)),
    ],
)
def test_a_first_dispensing_follows_a_washout_without_one(days, expected):
    assert said(*dispensed(*days)) == expected


def test_who_is_in_the_washout_all_the_time_could_not_begin():
    assert said(*dispensed(-1, 99, 199, 299)) == (None, "excluded:used_before", 0)


def test_a_reversed_dispensing_neither_begins_nor_prevents():
    assert said("anna -1 C10AA05 1 30", "anna -1 C10AA05 -1 30", *dispensed(50)) == (1, "ok", 51)
    assert said(*dispensed(50), "anna 60 C10AA05 -1 30") == (0, "no_rows", 365)


def test_time_ends_with_death():
    assert said(dies=100) == (0, "no_rows", 100)
    assert said(*dispensed(100), dies=100) == (0, "ok", 100)
    assert said(*dispensed(99), dies=100) == (1, "ok", 100)
    assert said(dies=0) == (None, "no_time", 0)


def test_repeated_events_count_after_a_new_washout():
    values = incidence(*dispensed(10, 50, 160), extra="repeated = true\nstatistic = ['count', 'sum', 'rate']")
    persons = values["x/washout_days=100;observe_days=365;measure=persons"]
    events = values["x/washout_days=100;observe_days=365;measure=events"]
    # At risk on days 0 to 10, on 151 to 160 after the one on day 50, and on 261 to 364.
    assert (outcome(persons), persons.person_days) == ([(1, "ok")], None)
    assert (outcome(events), events.person_days.tolist()) == ([(2, "ok")], [11 + 10 + 104])


def test_calendar_periods_follow_each_other_and_a_person_begins_once():
    window = 'calendar = { from = 2020-01-01, until = 2020-04-01, step = "month" }'
    definition = drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\nwashout_days = 100\n{window}')
    rows = lmed(ANNA, NOBODYS, *dispensed(40))
    values = evaluated_periods(definition, rows)
    # January has 31 days; February 9 is day 39, the dispensing of day 40 is that of February 10.
    assert values == {
        "2020-01": (0, "ok", 31),
        "2020-02": (1, "ok", 10),
        "2020-03": (None, "excluded:used_before", 0),
    }


def evaluated_periods(definition: Any, rows: Any) -> dict[str, Any]:
    values = evaluate(definition, population=population(ANNA, index=False), events={"lmed": rows}, data_until={})
    return {value.period.label: (*outcome(value)[0], int(value.person_days[0])) for value in values}


def test_only_days_after_a_washout_under_observation_are_at_risk():
    start = date(2019, 12, 2)  # Day -30.
    observed = f"observed_from = {{ register_start = {start} }}"
    assert said(extra=observed) == (0, "no_rows", 365 - 70)
    assert said(*dispensed(69), extra=observed) == (0, "ok", 365 - 170)
    assert said(*dispensed(70), extra=observed) == (1, "ok", 1)
    late = "observed_from = { register_start = 2020-09-24 }"  # Day 267: the washout is over on day 367.
    assert said(extra=late) == (None, "excluded:not_observed_before", 0)


def strata(*texts: str | None) -> dict[str, Any]:
    return {"strata": {"immigrated": pa.array(texts, pa.string()).dictionary_encode()}}


def test_a_column_of_the_population_may_tell_a_later_start():
    own = 'observed_from = { column = "immigrated" }'
    assert said(extra=own, **strata("2019-12-02")) == (0, "no_rows", 295)
    # Nothing in the column: the register's own start counts, which is long ago.
    assert said(extra=own, **strata(None)) == (0, "no_rows", 365)
    assert said(extra=own, **strata("1990-01-01")) == (0, "no_rows", 365)
    assert said(extra=own, **strata("in spring")) == (None, "error:immigrated", 0)
    with pytest.raises(EventsRejected, match="immigrated"):
        said(extra=own)


def test_the_start_of_a_shipped_register_is_written_out():
    definition = drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\n{OBSERVE}')
    assert b'"register_start":"2005-07-01"' in canonical_form(definition)
    with pytest.raises(DefinitionRejected, match="register_start is missing"):
        drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\n{OBSERVE}\nregister = "prescribed_abroad"')


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ("calendar = { from = 2020-01-01, until = 2021-01-01 }", "give either observe"),
        ("washout_days = []", "at least 1 item"),
        ("washout_days = [30, 30]", "stands twice"),
        ("washout_days = 0", "greater than or equal to 1"),
        ("statistic = ['sum']", "sum counts events"),
    ],
)
def test_a_definition_that_says_nothing_sensible_is_refused(extra, complaint):
    washout = "" if "washout" in extra else "washout_days = 100\n"
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\n{washout}{OBSERVE}\n{extra}')


def test_a_grid_of_washouts_and_lengths_is_the_points_one_by_one():
    window = "observe = { from = 0, to = [365, 100, 200] }"
    rows = dispensed(-50, 150)
    grid = incidence(*rows, window=window)
    for length in (100, 200, 365):
        (alone,) = incidence(*rows, window=f"observe = {{ from = 0, to = {length} }}").values()
        together = grid[f"x/washout_days=100;observe_days={length}"]
        assert outcome(together) == outcome(alone)
        assert together.person_days.tolist() == alone.person_days.tolist()


def test_a_window_past_the_register_is_incomplete():
    definition = drawn_set(f'id = "x"\nkind = "incidence"\ncodes = "statin"\nwashout_days = 100\n{OBSERVE}')
    (value,) = evaluated(
        definition, population=population(ANNA), lmed=lmed(ANNA, NOBODYS), until={"lmed": date(2020, 6, 30)}
    ).values()
    assert value.incomplete
    assert value.person_days.tolist() == [(date(2020, 7, 1) - DAY_0).days]
