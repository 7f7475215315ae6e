"""Rolling periods are added up in a few passes; each says what a calendar of its own would say."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.indicators import PersonValues, evaluate
from tests.support.indicator_tables import deaths, drawn_set, outcome, population, register

PERSONS = ["anna", "bo", "cleo"]
ROWS = st.lists(
    st.builds(
        lambda person, day, atc, packages: {"person": person, "day": day, "atc": atc, "packages": packages},
        st.sampled_from(PERSONS),
        st.integers(-200, 300),
        st.sampled_from(["C10AA05", "C10AA01", "B01AC06"]),
        st.sampled_from([-1, 1, 2]),
    ),
    min_size=1,
    max_size=25,
)
KINDS = (
    'kind = "users"\nreversals = "sum"',
    'kind = "users"\nreversals = "net"\nrow_strata = ["atc"]',
    'kind = "packages"\nrow_strata = ["atc"]',
    'kind = "dispensings"',
)


def shifted(first: int, months: int) -> date:
    month = first + months
    return date(2020 + month // 12, month % 12 + 1, 1)


def evaluated(calendar: str, rows: list[dict[str, object]], died: dict[str, int]) -> list[list[PersonValues]]:
    bodies = [f'id = "i{place}"\ncodes = "statin"\n{kind}\n{calendar}' for place, kind in enumerate(KINDS)]
    events = {"lmed": register(PERSONS, rows, date_column="dispensing_date"), "dors": deaths(PERSONS, died)}
    until = {"lmed": date(2020, 8, 31)}
    values = evaluate(drawn_set(*bodies), population=population(PERSONS), events=events, data_until=until)
    return [[value for value in values if value.indicator.id == f"i{place}"] for place in range(len(KINDS))]


def levels(value: PersonValues) -> dict[str, list[tuple[int, str, int]]]:
    found = {}
    for name, rows in value.rows.items():
        entries = rows.entries()
        listed = zip(entries.person.tolist(), entries.level.tolist(), entries.value.tolist(), strict=True)
        found[name] = sorted((person, entries.levels[level], number) for person, level, number in listed)
    return found


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    died=st.dictionaries(st.sampled_from(PERSONS), st.integers(0, 250), max_size=2),
    first=st.integers(0, 5),
    ends=st.integers(1, 7),
    rolling=st.integers(2, 5),
)
def test_each_rolling_period_is_what_a_calendar_of_its_own_says(rows, died, first, ends, rolling):
    def calendar(start: int, until: int, rest: str) -> str:
        return f"calendar = {{ from = {shifted(start, 0)}, until = {shifted(until, 0)}, {rest} }}"

    rolled = evaluated(calendar(first, first + ends, f'step = "month", rolling = {rolling}'), rows, died)
    for end in range(ends):
        own = calendar(first + end + 1 - rolling, first + end + 1, 'step = "whole"')
        for of_kind, (alone,) in zip(rolled, evaluated(own, rows, died), strict=True):
            value = of_kind[end]
            assert value.period.label == f"{shifted(first + end, 0):%Y-%m}"
            assert outcome(value) == outcome(alone)
            assert levels(value) == levels(alone)
            assert value.incomplete == alone.incomplete
