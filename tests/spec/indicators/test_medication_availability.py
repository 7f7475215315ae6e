"""CMA1 to CMA9, checked on paper. Rows: person, day, ATC, packages, days of supply, and a daily dose where one is read.

Each defect of AdhereR 0.8.1 that `corrected` mends stands beside what `compat` gives.
"""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import (
    DAY_0,
    HEADER,
    deaths,
    dispensed,
    drawn_set,
    evaluated,
    outcome,
    population,
    register,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "manual" / "medication-availability.md"
ANNA = ["anna"]
FROM_INDEX = "follow_up = {{ anchor = 'index_date', length = {days} }}"
BEFORE_INDEX = (
    "follow_up = { anchor = 'index_date', offset = -20, length = 120 }\n"
    "observation = { anchor = 'index_date', length = 100 }"
)
A, B = "C10AA05", "C10AA01"
OF_THE_PAGE = (f"anna -20 {A} 1 30", f"anna 20 {A} 1 30", f"anna 40 {A} 1 10", f"anna 80 {A} 1 60", f"anna 90 {A} 1 30")


def rows_of(rows: tuple[str, ...], persons: list[str]) -> Any:
    """A register of drawn rows; a sixth number is the daily dose."""
    drawn = dispensed(*(" ".join(row.split()[:5]) for row in rows))
    doses = [row.split()[5] if len(row.split()) > 5 else None for row in rows]
    if any(doses):
        told = [None if dose in (None, "-") else int(dose) for dose in doses]
        drawn = [{**row, "daily_dose": dose} for row, dose in zip(drawn, told, strict=True)]
    return register(persons, drawn, date_column="dispensing_date")


def values_of(
    *rows: str,
    measure: str = "cma7",
    windows: str = BEFORE_INDEX,
    rest: str = "",
    mode: str = "corrected",
    persons: list[str] = ANNA,
    header: str = HEADER,
    until: date | None = None,
    people: Any = None,
    **events: Any,
) -> dict[str, PersonValues]:
    definition = drawn_set(
        f'id = "cma"\nkind = "medication_availability"\nmeasure = "{measure}"\ncodes = "statin"\nsupply = "given"\n'
        f'mode = "{mode}"\n{windows}\n{rest}',
        header=header,
    )
    return evaluated(
        definition,
        population=people or population(persons),
        lmed=rows_of(rows, persons),
        until={"lmed": until} if until else None,
        **events,
    )


def said(*rows: str, measure: str = "cma7", **more: Any) -> tuple[float | None, str]:
    """(value, reason) of anna; the value to nine decimals."""
    value = values_of(*rows, measure=measure, **more)[f"cma/measure={measure}"]
    assert value.number is not None
    (counted, reason), number = outcome(value)[0], round(float(value.number[0]), 9)
    return (number if counted is not None or not math.isfinite(number) else None), reason


def days(number: int) -> str:
    return FROM_INDEX.format(days=number)


def table_of_the_page() -> list[tuple[str, float]]:
    rows = re.findall(r"^\| `(cma\d)` \| [^|]+ \| ([\d.]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(measure, float(value)) for measure, value in rows]


def test_the_manual_tells_all_nine() -> None:
    assert [measure for measure, _ in table_of_the_page()] == [f"cma{number}" for number in range(1, 10)]


@pytest.mark.parametrize("mode", ["corrected", "compat"])
@pytest.mark.parametrize(("measure", "value"), table_of_the_page())
def test_the_values_of_the_manual_are_those_of_both_modes(measure, value, mode):
    found, reason = said(*OF_THE_PAGE, measure=measure, mode=mode)
    assert (round(found, 6), reason) == (value, "ok")


# ---- What AdhereR does, and what is right


def test_defect_1_a_stock_is_not_forgotten_where_another_drug_comes_in_between():
    rows = (f"anna 0 {A} 1 100", f"anna 10 {B} 1 10", f"anna 20 {A} 1 10")
    of_200_days = {"windows": days(200), "rest": "same_medication = true"}
    assert said(*rows, mode="compat", **of_200_days) == (0.15, "ok")  # 10 + 10 + 10 days
    assert said(*rows, **of_200_days) == (0.55, "ok")  # 100 + 10 days of A


def test_defect_2_two_doses_of_one_day_are_taken_together_whatever_their_order():
    rows = (f"anna 0 {A} 1 100 10", f"anna 0 {A} 1 100 40")
    of_1000_days = {"windows": days(1000), "rest": "dosage_change = true"}
    assert said(*rows, mode="compat", **of_1000_days) == (0.125, "ok")  # 1,000 mg last 25 days at 40 mg
    assert said(*reversed(rows), mode="compat", **of_1000_days) == (0.5, "ok")  # 4,000 mg last 400 days at 10 mg
    assert (
        said(*rows, **of_1000_days) == said(*reversed(rows), **of_1000_days) == (0.1, "ok")
    )  # 5,000 mg at 50 mg a day


def test_defect_2_a_day_is_one_event_so_its_rows_stand_on_one_side_of_it():
    rows = (f"anna 0 {A} 1 20", f"anna 50 {A} 1 10", f"anna 50 {A} 1 30")
    assert said(*rows, measure="cma1", mode="compat") == (0.6, "ok")  # (20 + 10) / 50
    assert said(rows[0], rows[2], rows[1], measure="cma1", mode="compat") == (1.0, "ok")  # (20 + 30) / 50
    assert said(*rows, measure="cma1") == said(rows[0], rows[2], rows[1], measure="cma1") == (0.4, "ok")  # 20 / 50


def test_two_packages_of_one_dose_are_more_of_it_in_both_modes():
    rows = (f"anna 0 {A} 1 30 40", f"anna 0 {A} 1 30 40")
    for mode in ("compat", "corrected"):
        assert said(*rows, mode=mode, windows=days(100), rest="dosage_change = true") == (0.6, "ok")


def test_defect_3_a_single_event_on_the_last_day_has_no_share():
    row = f"anna 100 {A} 1 30"
    assert said(row, measure="cma2", mode="compat") == (math.inf, "no_time")
    assert said(row, measure="cma4", mode="compat") == (1.0, "ok")
    not_a_number, reason = said(row, measure="cma6", mode="compat")
    assert math.isnan(not_a_number)
    assert reason == "no_time"
    for measure in ("cma2", "cma4", "cma6"):
        assert said(row, measure=measure) == (None, "no_time")


@pytest.mark.parametrize("earlier", [f"anna -20 {A} 1 121", f"anna -20 {A} 1 400"])
def test_defect_7_supply_that_covers_the_whole_observation_is_full_supply(earlier):
    assert said(earlier, measure="cma8", mode="compat") == (0.0, "ok")
    assert said(earlier, measure="cma8") == (1.0, "ok")


def test_defect_7_nobody_stops_where_an_event_follows_on_the_observation():
    rows = (f"anna -20 {A} 1 200", f"anna 110 {A} 1 30")
    longer = BEFORE_INDEX.replace("120", "300")
    assert said(*rows, measure="cma8", mode="compat", windows=longer) == (None, "error:observation")
    assert said(*rows, measure="cma8", windows=longer) == (1.0, "ok")


def test_defect_8_a_person_who_cannot_be_measured_stops_nobody():
    persons = ["anna", "no_supply", "long_window", "no_row"]
    rows = (f"anna 0 {A} 1 50", f"no_supply 0 {A} 1 0", f"long_window 0 {A} 1 50")
    columns = {"ow_days": pa.array(["100", "100", "300", "100"]).dictionary_encode()}
    windows = days(200) + "\nobservation = { anchor = 'index_date', length = 'column:ow_days' }"
    for mode in ("compat", "corrected"):
        people = population(persons, strata=columns)
        (value,) = values_of(*rows, persons=persons, people=people, windows=windows, mode=mode).values()
        assert outcome(value) == [
            (0.5, "ok"),
            (None, "error:days_supply"),
            (None, "error:observation"),
            (None, "no_rows"),
        ]


# ---- Windows


def test_an_event_on_the_last_day_belongs_to_the_window_whose_length_is_counted_without_it():
    assert said(f"anna 0 {A} 1 30", f"anna 100 {A} 1 30", measure="cma2") == (0.6, "ok")
    assert said(f"anna 0 {A} 1 30", f"anna 101 {A} 1 30", measure="cma2") == (0.3, "ok")


def test_a_month_after_a_day_that_the_next_lacks_is_the_first_of_the_month_after_it():
    # Index 1 January 2020; day 151 is 31 May. 31 May + 6 months = 1 December, 184 days.
    windows = "follow_up = { anchor = 'index_date', offset = 151, length = '6 months' }"
    assert said(f"anna 151 {A} 1 92", windows=windows) == (0.5, "ok")
    assert said(f"anna 151 {A} 1 1", f"anna 335 {A} 1 9", windows=windows, measure="cma1")[0] == pytest.approx(1 / 184)


@pytest.mark.parametrize(
    ("length", "in_days"), [("2 weeks", 14), ("1 month", 31), ("2 months", 60), ("1 year", 366), (30, 30)]
)
def test_lengths_are_days_weeks_months_or_years(length, in_days):
    windows = f"follow_up = {{ anchor = 'index_date', length = {length!r} }}"
    assert said(f"anna 0 {A} 1 7", windows=windows)[0] == pytest.approx(7 / in_days)


def test_windows_begin_at_the_index_day_the_first_event_or_the_start_of_follow_up():
    rows = (f"anna -50 {A} 1 10", f"anna 30 {A} 1 10")
    first = "follow_up = { anchor = 'first_event', length = 100 }"
    assert said(*rows, windows=first, measure="cma2") == (0.2, "ok")
    from_index = "follow_up = { anchor = 'first_event_from_index', length = 100 }"
    assert said(*rows, windows=from_index, measure="cma2") == (0.1, "ok")
    inner = first + "\nobservation = { anchor = 'follow_up_start', offset = 50, length = 50 }"
    assert said(*rows, windows=inner) == (0.2, "ok")  # 10 of the days 0 to 50


@pytest.mark.parametrize("told", ["soon", "12.5", "0", "-3", None])
def test_a_length_that_is_no_whole_number_of_days_is_that_persons_error(told):
    columns = {"fu_days": pa.array([told, "100"], pa.string()).dictionary_encode()}
    persons = ["anna", "bo"]
    windows = "follow_up = { anchor = 'index_date', length = 'column:fu_days' }"
    people = population(persons, strata=columns)
    (value,) = values_of(f"anna 0 {A} 1 50", f"bo 0 {A} 1 50", persons=persons, people=people, windows=windows).values()
    assert outcome(value) == [(None, "error:fu_days"), (0.5, "ok")]


def test_a_column_that_the_population_lacks_is_named():
    with pytest.raises(EventsRejected, match="'fu_days'"):
        said(f"anna 0 {A} 1 50", windows="follow_up = { anchor = 'index_date', length = 'column:fu_days' }")


def test_the_windows_end_at_death_unless_nobody_shall_leave():
    rows, dead = (f"anna 0 {A} 1 25", f"anna 60 {A} 1 25"), {"dors": deaths(ANNA, {"anna": 50})}
    assert said(*rows, windows=days(100), **dead) == (0.5, "ok")
    assert said(*rows, windows=days(100), rest="end_at_exit = false", **dead) == (0.5, "ok")
    assert said(rows[0], windows=days(100), rest="end_at_exit = false", **dead) == (0.25, "ok")
    assert said(rows[0], windows=days(100), dors=deaths(ANNA, {"anna": 0})) == (None, "no_time")


@pytest.mark.parametrize("mode", ["corrected", "compat"])
def test_a_dispensing_on_the_day_of_exit_is_no_event(mode):
    rows, dead = (f"anna 0 {A} 1 25", f"anna 50 {A} 1 90"), {"dors": deaths(ANNA, {"anna": 50})}
    assert said(*rows, measure="cma2", windows=days(100), mode=mode, **dead) == (0.5, "ok")
    assert said(*rows, measure="cma1", windows=days(100), mode=mode, **dead) == (None, "excluded:one_event")
    assert (
        said(rows[1], windows="follow_up = { anchor = 'first_event', length = 9 }", mode=mode, **dead)[1] == "no_rows"
    )
    # Nor is one on the first day that the register does not hold in full.
    rows = (rows[0], f"anna 31 {A} 1 90")
    found = said(*rows, measure="cma2", windows=days(100), mode=mode, until=DAY_0.replace(day=31))
    assert found == (0.806451613, "ok")
    # Where nobody leaves, the last day of the window is one of its days.
    assert said(*rows, measure="cma2", windows=days(31), mode=mode) == (3.709677419, "ok")


def test_who_is_not_alive_at_the_end_can_be_left_out():
    values = values_of(
        f"anna 0 {A} 1 25", windows=days(100), rest='denominator = "alive_at_N"', dors=deaths(ANNA, {"anna": 50})
    )
    assert outcome(values["cma/measure=cma7;denominator=alive_at_N"]) == [(None, "excluded:not_alive_at_end")]


def test_a_window_that_the_register_does_not_hold_in_full_is_marked():
    until = DAY_0.replace(day=31)
    (value,) = values_of(f"anna 0 {A} 1 10", windows=days(100), until=until).values()
    assert value.incomplete
    # Day 31 is the first that the register lacks.
    assert float(value.number[0]) == pytest.approx(10 / 31)


def test_windows_slide_and_carry_in_from_the_start_of_follow_up():
    values = values_of(f"anna 0 {A} 1 45", windows=days(100), rest="sliding = { length = 40, every = 30, count = 4 }")
    assert [outcome(values[f"cma/measure=cma7;window={number}"])[0] for number in (1, 2, 3, 4)] == [
        (1.0, "ok"),
        (0.375, "ok"),  # days 30 to 44 of 30 to 70
        (0.0, "ok"),
        (None, "no_time"),  # days 90 to 130 do not fit
    ]


def test_episodes_are_measured_each_for_itself():
    values = values_of(
        f"anna 0 {A} 1 30",
        f"anna 40 {A} 1 30",
        f"anna 140 {A} 1 30",
        measure="cma9",
        windows=days(200),
        rest="episodes = { gap_days = 50, count = 3 }",
    )
    # Days 0 to 70: 30 of 40 days, then 30 of 30. Days 140 to 200: 30 of 60, as 30 days are not more than 50.
    assert outcome(values["cma/measure=cma9;episode=1"]) == [(0.857143, "ok")]
    assert outcome(values["cma/measure=cma9;episode=2"]) == [(0.5, "ok")]
    assert outcome(values["cma/measure=cma9;episode=3"]) == [(None, "excluded:no_episode_3")]


def test_a_last_gap_of_just_the_days_permitted_ends_an_episode_in_adherer_only():
    windows, rest = days(80), "episodes = { gap_days = 50, count = 1 }"
    for mode, value in (("compat", 1.0), ("corrected", 0.375)):  # days 0 to 30, or 0 to 80
        values = values_of(f"anna 0 {A} 1 30", measure="cma9", windows=windows, rest=rest, mode=mode)
        assert outcome(values["cma/measure=cma9;episode=1"]) == [(value, "ok")]


# ---- Rows, doses, reasons


def test_a_reversed_row_takes_its_dispensing_away():
    assert said(f"anna 0 {A} 2 50", f"anna 1 {A} -1 50", windows=days(100)) == (0.25, "ok")


def test_a_change_of_dose_converts_what_is_carried_over():
    rows = (f"anna 0 {A} 1 60 10", f"anna 20 {A} 1 10 40")
    for mode in ("compat", "corrected"):
        assert said(*rows, windows=days(100), mode=mode) == (0.7, "ok")
        # 40 days of 10 mg are 10 days of 40 mg.
        assert said(*rows, windows=days(100), mode=mode, rest="dosage_change = true") == (0.4, "ok")


@pytest.mark.parametrize("dose", ["-", "0"])
def test_a_missing_dose_is_an_error_only_where_doses_are_read(dose):
    rows = (f"anna 0 {A} 1 60 10", f"anna 20 {A} 1 10 {dose}")
    assert said(*rows, windows=days(100))[1] == "ok"
    assert said(*rows, windows=days(100), rest="dosage_change = true") == (None, "error:daily_dose")


def test_a_row_without_packages_is_an_error_inside_follow_up_only():
    assert said(f"anna 0 {A} 1 50", f"anna 30 {A} - 50") == (None, "error:packages")
    assert said(f"anna 0 {A} 1 50", f"anna 130 {A} - 50") == (0.5, "ok")


def test_measures_between_events_need_two_of_them_on_two_days():
    for measure in ("cma1", "cma3", "cma5"):
        assert said(f"anna 10 {A} 1 30", measure=measure) == (None, "excluded:one_event")
        assert said(f"anna 10 {A} 1 30", f"anna 10 {A} 1 5", measure=measure, mode="compat") == (None, "no_time")
        assert said(f"anna -10 {A} 1 30", measure=measure) == (None, "no_rows")


def test_without_an_event_in_the_observation_earlier_supply_is_what_counts():
    assert said(f"anna -20 {A} 1 60") == (0.4, "ok")  # 40 days into the observation
    assert said(f"anna -20 {A} 1 10") == (0.0, "ok")
    assert said("anna 0 N02BE01 1 30") == (None, "no_rows")


def test_an_index_date_is_needed_only_by_windows_that_are_counted_from_it():
    nobody = population(ANNA, index=False)
    first = "follow_up = { anchor = 'first_event', length = 100 }"
    assert said(f"anna 0 {A} 1 50", windows=first, people=nobody) == (0.5, "ok")
    assert said(f"anna 0 {A} 1 50", windows=days(100), people=nobody) == (None, "error:index_date")


def test_codes_count_on_the_days_on_which_they_apply():
    header = HEADER.replace('atc_include = ["C10AA"]', 'atc_include = ["C10AA"]\nvalid = { from = 2020-01-11 }')
    assert said(f"anna 5 {A} 1 50", f"anna 20 {A} 1 30", windows=days(100), header=header) == (0.3, "ok")


def test_a_threshold_is_reached_by_equality():
    rows = (f"anna 0 {A} 1 80",)
    values = values_of(*rows, windows=days(100), rest="threshold = [0.8, 0.81]")
    assert [int(values[f"cma/measure=cma7;at_least={share}"].value[0]) for share in (0.8, 0.81)] == [1, 0]
    assert values["cma/measure=cma7"].value.tolist() == [800_000]
    third = values_of(f"anna 0 {A} 1 50", windows=days(150), rest="threshold = 0.34")
    assert third["cma/measure=cma7"].value.tolist() == [333_333]


def test_events_are_listed_with_interval_gap_and_carry_in():
    (value,) = values_of(*OF_THE_PAGE).values()
    assert value.events is not None
    found = value.events()
    index = (DAY_0 - date(1970, 1, 1)).days
    assert (found.day - index).tolist() == [-20, 20, 40, 80, 90]
    assert found.supply.tolist() == [30, 30, 10, 60, 30]
    assert np.array_equal(found.interval, [np.nan, 20, 40, 10, 10], equal_nan=True)
    assert found.gap.tolist() == [10, 0, 20, 0, 0]
    assert found.carry_in.tolist() == [0, 0, 10, 0, 50]


# ---- Definitions


@pytest.mark.parametrize(
    ("windows", "rest", "message"),
    [
        ("follow_up = { anchor = 'follow_up_start', length = 10 }", "", "anchored at its own start"),
        ("follow_up = { anchor = 'index_date', length = 0 }", "", "above 0"),
        ("follow_up = { anchor = 'index_date', length = 'a while' }", "", "length"),
        ("follow_up = { anchor = 'index_date' }", "", "length"),
        (days(10), "sliding = { length = 5, every = 'column:x', count = 1 }", "every"),
        (days(10), "sliding = { length = 5, every = 1, count = 2 }\nepisodes = { gap_days = 1, count = 1 }", "either"),
        (BEFORE_INDEX, "episodes = { gap_days = 1, count = 1 }", "leave observation out"),
        (days(10), "threshold = 1.5", "threshold"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(windows, rest, message):
    with pytest.raises(DefinitionRejected, match=message):
        values_of(windows=windows, rest=rest)


def test_a_supply_model_that_freezes_stock_in_hospital_is_refused_in_compat_mode():
    body = f'id = "cma"\nkind = "medication_availability"\nmeasure = "cma7"\ncodes = "statin"\n{days(10)}\nsupply = '
    drawn_set(f'{body}"frozen"')
    with pytest.raises(DefinitionRejected, match="hospital"):
        drawn_set(f'{body}"frozen"\nmode = "compat"')


def test_a_measure_twice_is_refused():
    body = f'id = "cma"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\n{days(10)}\nmeasure = '
    with pytest.raises(DefinitionRejected, match="twice"):
        drawn_set(f'{body}["cma7", "cma7"]')
