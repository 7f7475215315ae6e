"""A table of inhabitants: what it must hold, and the mean population of a period."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import InputRefused
from linkage_core.indicators.follow_up import day_number
from linkage_core.rates import inhabitants_of


def table(**columns: list[object]) -> pa.Table:
    return pa.table(columns)


YEARS = table(
    year=[2020, 2020, 2020, 2020, 2021, 2021, 2021, 2021],
    sex=["man", "woman"] * 4,
    age=["90+", "90+", "<90", "<90"] * 2,
    persons=[10, 20, 300, 400, 12, 22, 310, 420],
)


def days(first: date, after: date) -> tuple[int, int]:
    return day_number(first), day_number(after)


def test_strata_are_in_order_and_age_groups_by_age():
    found = inhabitants_of(YEARS)
    assert found.strata == {"sex": ("man", "woman"), "age": ("<90", "90+")}
    assert found.mean(*days(date(2020, 1, 1), date(2021, 1, 1))).tolist() == [[300, 10], [400, 20]]


def test_a_month_has_the_mean_population_of_its_year():
    found = inhabitants_of(YEARS)
    assert found.mean(*days(date(2021, 2, 1), date(2021, 3, 1))).tolist() == [[310, 12], [420, 22]]


def test_a_longer_time_has_the_mean_by_days():
    found = inhabitants_of(YEARS)
    both = found.mean(*days(date(2020, 1, 1), date(2022, 1, 1)))
    assert both[0, 0] == pytest.approx((366 * 300 + 365 * 310) / 731)
    months = inhabitants_of(table(month=["2020-01", "2020-02"], persons=[31, 29]))
    assert months.mean(*days(date(2020, 1, 1), date(2020, 3, 1))) == pytest.approx((31 * 31 + 29 * 29) / 60)


def test_a_day_outside_the_table_leaves_the_mean_unknown():
    found = inhabitants_of(YEARS)
    assert np.isnan(found.mean(*days(date(2019, 12, 1), date(2020, 2, 1)))).all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"persons": [1]}, "needs one of the columns year, quarter and month"),
        ({"year": [2020], "month": ["2020-01"], "persons": [1]}, "needs one of the columns"),
        ({"year": [2020], "people": [1]}, "needs one of the columns"),
        ({"year": [2020, None], "persons": [1, 2]}, "an empty cell in 'year'"),
        ({"year": ["2020-01"], "persons": [1]}, "a year that is not written as 2024"),
        ({"month": ["2020-13"], "persons": [1]}, "a month that is not written as 2024-01"),
        ({"quarter": ["2020"], "persons": [1]}, "a quarter that is not written as 2024-Q1"),
        ({"year": [2020], "persons": [-1]}, "a negative one"),
        ({"year": [2020], "persons": ["many"]}, "no number in persons"),
        ({"year": [2020, 2020], "persons": [1, 2]}, "2 lines for 2020"),
        ({"year": [2020, 2020, 2021], "sex": ["f", "m", "f"], "persons": [1, 2, 3]}, "0 lines for 2021, sex m"),
        ({"year": [2020] * 2, "age": ["0-40", "40+"], "persons": [1, 2]}, "age groups that overlap"),
    ],
)
def test_a_table_that_is_not_as_needed_is_refused(columns, message):
    with pytest.raises(InputRefused, match=message):
        inhabitants_of(table(**columns))
