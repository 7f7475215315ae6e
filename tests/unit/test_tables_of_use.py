"""Tables of the start of treatment: rates of repeated events, and levels that share their persons out."""

from __future__ import annotations

from typing import Any

import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable, Statistic
from linkage_core.disclosure import protect
from linkage_core.indicators import evaluate
from linkage_core.intervals import poisson_exact
from linkage_server.lab.results import counts
from tests.support.indicator_tables import HEADER, deaths, drawn_set, lmed, population, register

NOBODYS = "p0 5000 N02BE01 1 30"
POLICY = shipped_policies()["standard@1.0.0"]


def table_of(body: str, *rows: str, persons: int) -> CountedTable:
    names = [f"p{number}" for number in range(persons)]
    who = population(names)
    events = {"lmed": lmed(names, NOBODYS, *rows), "dors": deaths(names, {})}
    return count_by(evaluate(drawn_set(body), population=who, events=events, data_until={}), population=who, by=[])


def line(table: list[dict[str, Any]], statistic: str, point: str) -> dict[str, Any]:
    (found,) = (row for row in table if row["statistic"] == statistic and row["parameters"].endswith(point))
    return found


REPEATED = (
    'id = "x"\nkind = "incidence"\ncodes = "statin"\nobserve = { from = 0, to = 365 }\nwashout_days = 30\n'
    "repeated = true\nstatistic = ['count', 'share', 'rate', 'sum']"
)


def test_a_rate_of_repeated_events_divides_their_sum_by_person_time():
    # p0 begins on days 0 and 100, p1 on day 10; p2 never.
    days = {"p0": 1 + (365 - 31) - 30, "p1": 11 + (365 - 41), "p2": 365}
    table = table_of(REPEATED, *(f"{row} C10AA05 1 30" for row in ("p0 0", "p0 100", "p1 10")), persons=3)
    written = counts(table).to_pylist()
    rate = line(written, "rate_per_1000_person_years", "measure=events")
    years = sum(days.values()) / 365.25
    assert (rate["numerator"], rate["person_time"]) == (3, pytest.approx(years))
    lower, upper = poisson_exact([3.0])
    expected = [1000 * float(number) / years for number in (3, lower[0], upper[0])]
    assert [rate["value"], rate["lower"], rate["upper"]] == pytest.approx(expected)
    assert line(written, "sum", "measure=events")["value"] == 3
    assert line(written, "persons", "measure=persons")["value"] == 2
    # Persons have no time of their own here: nothing is printed that would look like their rate.
    assert [row["parameters"] for row in written if row["statistic"] == "rate_per_1000_person_years"] == [
        "washout_days=30;observe_days=365;measure=events"
    ]


def test_a_protected_rate_of_repeated_events_is_the_same_number():
    rows = [f"p{number} {day} C10AA05 1 30" for number in range(40) for day in (5, 100)]
    table = table_of(REPEATED, *rows, persons=80)
    (rate,) = (
        row
        for row in protect(table, POLICY).table.to_pylist()
        if row["statistic"] == Statistic.RATE_PER_1000_PERSON_YEARS
    )
    written = line(counts(table).to_pylist(), "rate_per_1000_person_years", "measure=events")
    assert (rate["numerator"], rate["value"]) == (80, pytest.approx(written["value"]))
    assert (rate["lower"], rate["upper"]) == (pytest.approx(written["lower"]), pytest.approx(written["upper"]))


def test_a_small_level_does_not_come_back_as_the_rest_of_the_others():
    levels = 'id = "x"\nkind = "new_or_continuing"\ncodes = "statin"\nwindow = { from = 0, to = 90 }'
    rows = [f"p{number} 10 C10AA05 1 30" for number in range(57)]
    rows += [f"p{number} -10 C10AA05 1 30" for number in range(20)]
    # 20 go on, 37 are new, 3 have none.
    table = table_of(levels, *rows, persons=60)
    shown = {
        row["parameters"].rpartition("=")[2]: row["value"]
        for row in protect(table, POLICY).table.to_pylist()
        if row["statistic"] == "persons" and row["indicator"] == "x"
    }
    assert shown["none"] is None
    assert shown["new"] is None or shown["continuing"] is None


@pytest.mark.parametrize(
    "body",
    [
        'kind = "initiation"\nwashout = { from = -180, to = -1, effect = "stratify" }',
        'kind = "new_or_continuing"',
    ],
)
def test_parts_of_a_reason_are_parts_of_that_reason(body):
    names = [f"p{number}" for number in range(120)]
    who = population(names)
    rows = [
        {"person": name, "day": day, "atc": "C10AA05", "packages": 1, "prescribing_reason": reason}
        for number, name in enumerate(names[:100])
        for day, reason in ((10, ["22298006"] if number % 2 else ["38341003"]), *([(-20, [])] if number < 40 else []))
    ]
    definition = drawn_set(
        f'id = "x"\ncodes = "statin"\nwindow = {{ from = 0, to = 90 }}\nby_reason = {{ sets = "infarction" }}\n{body}',
        header=HEADER + '[codes.infarction]\nsnomed_include = ["22298006"]\n',
    )
    events = {"lmed": register(names, rows, date_column="dispensing_date"), "dors": deaths(names, {})}
    values = evaluate(definition, population=who, events=events, data_until={})
    # A table whose parts are not parts of their whole does not add up, and is refused.
    protect(count_by(values, population=who, by=[]), POLICY)
