"""A month is complete once whoever was discharged on its last day has been followed to the end of her window."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from linkage.release_manifest import RegisterEntry
from linkage.released_table import ReleasedDimension, ReleasedTable, schema_of
from linkage_server.release.complete_periods import mark_complete_periods
from linkage_server.release.context import IndicatorText, RegisterText, ReleaseContext, Text
from tests.support.released_example import example_context

MONTHS = ("2024-08", "2024-09", "2024-10", "2024-11", "2024-12", "unknown")


def context(*, until: date, first_day: int = 0) -> ReleaseContext:
    register = RegisterText(
        entry=RegisterEntry(name="lmed", snapshot="s", data_until=until), title=Text(en="Prescribed drug register")
    )
    words = IndicatorText(id="statin", title=Text(en="Statin"), register_name="lmed", first_day=first_day)
    return example_context(registers=(register,), indicators=(words,))


def series(parameters: str, *, stratum: str = "index_month", levels: tuple[str, ...] = MONTHS) -> ReleasedTable:
    """One line for each month and the total, all marked as the core marks them: incomplete as a whole."""
    dimensions = (ReleasedDimension(stratum, levels),)
    lines = [
        {"indicator": "statin", "parameters": parameters, "period": level, stratum: level, "statistic": "share"}
        | {"value": 0.8, "lower": 0.7, "upper": 0.9, "numerator": 80.0, "denominator": 100}
        | {"person_time": None, "status": "incomplete", "reason": "window_not_complete"}
        for level in (*levels, "total")
    ]
    return ReleasedTable(pa.Table.from_pylist(lines, schema=schema_of(dimensions)), dimensions)


def complete(released: ReleasedTable, told: ReleaseContext) -> list[str]:
    marked = mark_complete_periods(released, told)
    return [line["period"] for line in marked.table.to_pylist() if line["status"] == "ok"]


def test_months_whose_last_window_is_over_are_complete_and_the_total_is_not() -> None:
    # 30 September + day 90 is 29 December, which the register holds; 31 October + 90 is 29 January.
    assert complete(series("within_days=90"), context(until=date(2024, 12, 31))) == ["2024-08", "2024-09"]


def test_the_last_day_of_the_window_must_be_held_in_full() -> None:
    assert complete(series("within_days=90"), context(until=date(2024, 12, 29))) == ["2024-08", "2024-09"]
    assert complete(series("within_days=90"), context(until=date(2024, 12, 28))) == ["2024-08"]


def test_a_half_open_observation_ends_a_day_earlier() -> None:
    assert complete(series("observe_days=90"), context(until=date(2024, 12, 28))) == ["2024-08", "2024-09"]
    assert complete(series("observe_days=60"), context(until=date(2024, 12, 28), first_day=30)) == [
        "2024-08",
        "2024-09",
    ]


@pytest.mark.parametrize("parameters", ["days=15..90", "at_day=90;denominator=alive_at_N"])
def test_every_way_to_name_a_window_is_understood(parameters: str) -> None:
    assert complete(series(parameters), context(until=date(2024, 12, 29))) == ["2024-08", "2024-09"]


@pytest.mark.parametrize("parameters", ["", "code_length=7"])
def test_a_window_that_is_not_told_stays_incomplete(parameters: str) -> None:
    assert complete(series(parameters), context(until=date(2030, 1, 1))) == []


def test_calendar_periods_are_complete_once_they_are_over() -> None:
    quarters = series("", stratum="quarter", levels=("2024-Q2", "2024-Q3", "2024-Q4"))
    assert complete(quarters, context(until=date(2024, 9, 30))) == ["2024-Q2", "2024-Q3"]
    years = series("", stratum="year", levels=("2023", "2024"))
    assert complete(years, context(until=date(2024, 12, 31))) == ["2023", "2024"]


def test_a_register_whose_end_nobody_knows_completes_nothing() -> None:
    told = context(until=date(2030, 1, 1))
    strange = told.model_copy(
        update={"indicators": (told.indicators[0].model_copy(update={"register_name": "other"}),)}
    )
    assert complete(series("within_days=90"), strange) == []


def test_only_incomplete_lines_change() -> None:
    released = series("within_days=90")
    rows = released.table.to_pylist()
    hidden = dict.fromkeys(("value", "lower", "upper", "numerator", "denominator"))
    rows[0] |= {**hidden, "status": "suppressed", "reason": "small_cell_protection"}
    table = pa.Table.from_pylist(rows, schema=released.table.schema)
    marked = mark_complete_periods(replace(released, table=table), context(until=date(2024, 12, 31)))
    assert [line["status"] for line in marked.table.to_pylist()[:3]] == ["suppressed", "ok", "incomplete"]
