"""Outcomes on paper: rates with and without treatment, from a landmark, and which of two drugs is begun first.

The persons are those of the tables in docs/manual/outcomes.md, which are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage_core.events import PersonEvents
from linkage_core.indicators.values import CellStatistic, PersonValues
from linkage_core.survival import Ending
from tests.support.indicator_tables import DAY_0, deaths, drawn_set, evaluated, lmed, outcome, population, register

PAGE = (Path(__file__).parents[3] / "docs" / "manual" / "outcomes.md").read_text(encoding="utf-8")
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06"]
[codes.bleeding]
icd10_include = ["K92"]
[supply.given]
steps = ["days_supply"]
cap_days = 1000
[supply.frozen]
steps = ["days_supply"]
hospital = "freeze"
"""
OUTCOME = 'outcome = { register = "par_sv", date = "admission_date", codes = "bleeding", columns = "diagnosis" }'
RATE = f'id = "x"\nkind = "outcome_rate"\ncodes = "statin"\nsupply = "given"\n{OUTCOME}\n'
LANDMARK = f'id = "x"\nkind = "landmark_outcome"\ncodes = "statin"\nsupply = "given"\n{OUTCOME}\n'
SEQUENCE = 'id = "x"\nkind = "sequence_symmetry"\ncodes = "statin"\nmarker = "asa"\n'


def table(first_column: str, second_column: str) -> list[dict[str, str]]:
    """The table of the manual that begins with two columns."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_column} | {second_column} "))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:] if line.startswith("|")]
    end = next((i for i, line in enumerate(lines[start:]) if not line.startswith("|")), len(lines))
    names, _, *rows = cells[:end]
    return [dict(zip(names, row, strict=True)) for row in rows]


def days(cell: str) -> list[int]:
    return [] if cell == "-" else [int(day) for day in re.split(r", ", cell)]


def stays(persons: list[str], rows: list[tuple[str, int, str]]) -> PersonEvents:
    told = [{"person": person, "day": day, "diagnosis": code} for person, day, code in rows]
    return register(persons, told, date_column="admission_date")


def outcomes_of(rows: list[dict[str, str]]) -> PersonEvents:
    found = [(row["person"], day, "K92.2") for row in rows for day in days(row["outcome on day"])]
    return stays([row["person"] for row in rows], [*found, (rows[0]["person"], 5, "I21")])


def died(rows: list[dict[str, str]]) -> PersonEvents:
    told = {row["person"]: day for row in rows for day in days(row["dies on day"])}
    return deaths([row["person"] for row in rows], told)


def values_of(body: str, persons: list[str], **events: Any) -> dict[str, PersonValues]:
    until = events.pop("until", None)
    definition = drawn_set(body, header=HEADER)
    return evaluated(definition, population=population(persons), until=until, **events)


def by_name(found: list[CellStatistic]) -> dict[str, CellStatistic]:
    return {f"{one.statistic} {one.interval}".strip(): one for one in found}


# Rates with and without treatment


ARMS = table("person", "dispensed on day")
NAMES = [row["person"] for row in ARMS]


def dispensed_on() -> PersonEvents:
    return lmed(
        NAMES, *(f"{row['person']} {day} C10AA05 1 30" for row in ARMS for day in days(row["dispensed on day"]))
    )


def rates(body: str = "observe = { from = 0, to = 365 }", **events: Any) -> dict[str, PersonValues]:
    given = {"lmed": dispensed_on(), "par_sv": outcomes_of(ARMS), "dors": died(ARMS), **events}
    return values_of(RATE + body, NAMES, **given)


POINT = "x/observe_days=365;grace_days=30"


def test_days_and_outcomes_by_arm_are_those_of_the_manual():
    values = rates()
    for arm in ("exposed", "unexposed"):
        said = [outcome(values[f"{POINT};measure={arm}_days"])[place][0] for place in range(len(ARMS))]
        assert said == [int(row[f"{arm} days"]) for row in ARMS]
        events = values[f"{POINT};arm={arm}"]
        assert events.says_yes.tolist() == [row["outcome in"] == arm for row in ARMS]
        assert events.person_days.tolist() == said


def test_who_has_no_day_in_an_arm_is_not_of_it():
    values = rates()
    assert outcome(values[f"{POINT};arm=exposed"])[3] == (None, "excluded:never_exposed")
    assert outcome(values[f"{POINT};measure=exposed_days"])[3] == (0, "no_rows")
    assert outcome(values[f"{POINT};arm=unexposed"])[2] == (0, "no_rows")


def test_rates_and_their_ratio_are_worked_out_of_some_persons():
    value = rates('observe = { from = 0, to = 365 }\nstatistic = ["rate", "rate_ratio"]')[
        f"{POINT};measure=exposed_days"
    ]
    found = by_name(value.statistics(np.array([True, True, False, True, False])))
    assert found["rate_exposed exact"].value == pytest.approx(1000 / ((71 + 60) / 365.25))
    assert found["rate_unexposed exact"].numerator == 2
    ratio = found["rate_ratio exact"]
    assert ratio.value == pytest.approx((1 / 131) / (2 / 342))
    assert ratio.lower < ratio.value < ratio.upper
    assert ratio.note == "unadjusted"


def test_a_ratio_without_an_event_below_has_a_lower_limit_and_a_word_and_no_infinity():
    value = rates('observe = { from = 0, to = 365 }\nstatistic = ["rate_ratio"]')[f"{POINT};measure=exposed_days"]
    ratio = by_name(value.statistics(np.array([True, False, True, False, True])))["rate_ratio exact"]
    assert np.isnan([ratio.value, ratio.upper]).all()
    assert ratio.lower > 0
    assert "no upper limit" in ratio.note
    alone = by_name(value.statistics(np.array([False, False, False, True, False])))
    assert alone["rate_exposed"].note == "no time"
    assert "no time in one arm" in alone["rate_ratio exact"].note


def test_without_being_asked_no_ratio_is_worked_out():
    assert all(value.statistics is None for value in rates().values())


def test_a_longer_grace_exposes_more_days_and_moves_outcomes():
    values = rates("grace_days = [0, 40]\nobserve = { from = 0, to = 365 }")
    exposed = [
        outcome(values[f"x/observe_days=365;grace_days={grace};measure=exposed_days"])[1][0] for grace in (0, 40)
    ]
    assert exposed == [30, 61]
    assert values["x/observe_days=365;grace_days=40;arm=exposed"].says_yes.tolist()[1]


def test_rows_of_one_day_run_side_by_side_or_one_after_the_other():
    rows = lmed(NAMES, "anna 0 C10AA05 1 30", "anna 0 C10AA05 1 20", "anna 0 C10AA01 1 40", "bo 0 C10AA05 1 30")
    observe = "observe = { from = 0, to = 100 }\ngrace_days = 0\n"
    exposed = [
        outcome(
            rates(f'{observe}exposure = "{rule}"', lmed=rows)["x/observe_days=100;grace_days=0;measure=exposed_days"]
        )
        for rule in ("as_given", "by_day")
    ]
    # Two drugs of one day are side by side in both; anna's outcome on day 110 comes later.
    assert [one[:2] for one in exposed] == [[(40, "ok"), (30, "ok")], [(50, "ok"), (30, "ok")]]


def test_a_grid_of_ends_follows_each_person_to_her_own():
    values = rates("observe = { from = 0, to = [60, 365] }")
    assert outcome(values["x/observe_days=60;grace_days=30;arm=unexposed"])[1] == (None, "excluded:never_unexposed")
    assert values["x/observe_days=365;grace_days=30;arm=unexposed"].says_yes.tolist()[1]


def test_a_later_outcome_does_not_count_and_a_first_before_the_observation_does_not_end_it():
    rows = stays(NAMES, [("anna", 10, "K92"), ("anna", 80, "K92")])
    values = rates("observe = { from = 20, to = 365 }", par_sv=rows)
    assert outcome(values["x/observe_days=345;grace_days=30;measure=unexposed_days"])[0][0] == 80 - 60 + 1


def test_a_washout_leaves_out_who_had_the_outcome():
    rows = stays(NAMES, [("anna", -10, "K92")])
    values = rates("observe = { from = 0, to = 365 }\nwashout = { from = -365, to = -1 }", par_sv=rows)
    assert outcome(values[f"{POINT};measure=exposed_days"])[0] == (None, "excluded:washout")


def test_death_itself_may_be_the_outcome():
    body = RATE.replace(OUTCOME, 'outcome = { register = "dors", date = "death_date" }')
    values = values_of(body + "observe = { from = 0, to = 365 }", NAMES, lmed=dispensed_on(), dors=died(ARMS))
    assert values[f"{POINT};arm=unexposed"].says_yes.tolist() == [False, False, True, False, False]
    # cilla dies on day 100, which is the last at risk.
    assert outcome(values[f"{POINT};measure=unexposed_days"])[2][0] == 61


def test_a_row_without_supply_that_might_expose_is_an_error_of_that_person_only():
    rows = lmed(NAMES, "anna 0 C10AA05 1 -", "bo 0 C10AA05 1 30", "cilla 400 C10AA05 1 -", "dora 5 C10AA05 - 30")
    values = rates(lmed=rows)
    said = [reason for _, reason in outcome(values[f"{POINT};measure=exposed_days"])]
    assert said == ["error:days_supply", "ok", "ok", "error:packages", "no_rows"]


def test_a_register_that_ends_before_the_window_marks_the_number():
    last = DAY_0 + timedelta(days=200)
    for name in ("lmed", "par_sv"):
        values = rates(until={name: last})
        assert values[f"{POINT};arm=unexposed"].incomplete
        assert outcome(values[f"{POINT};measure=unexposed_days"])[4][0] == 201 - 70
    assert not rates(until={"lmed": date(2021, 12, 31)})[f"{POINT};arm=unexposed"].incomplete


def test_a_register_of_outcomes_that_is_missing_is_named():
    with pytest.raises(EventsRejected, match="par_sv"):
        values_of(RATE + "observe = { from = 0, to = 365 }", NAMES, lmed=dispensed_on())


# From a landmark


CLASSES = table("person", "days of supply on day 0")


def landmark(extra: str = "", **events: Any) -> dict[str, PersonValues]:
    body = f"{LANDMARK}landmark_day = 100\nthreshold = 0.5\nfollow_up_days = 200\nlookback_days = 0\n{extra}"
    supplied = [
        f"{row['person']} 0 C10AA05 1 {row['days of supply on day 0']}"
        for row in CLASSES
        if row["days of supply on day 0"] != "0"
    ]
    names = [row["person"] for row in CLASSES]
    given = {"lmed": lmed(names, *supplied), "par_sv": outcomes_of(CLASSES), "dors": died(CLASSES), **events}
    return values_of(body, names, **given)


def test_times_and_classes_are_those_of_the_manual():
    values = landmark()
    for row, place in zip(CLASSES, range(len(CLASSES)), strict=True):
        for name in ("0..0.5", "0.5..1"):
            value = values[f"x/landmark_day=100;pdc={name};measure=days"]
            if row["class"] != name:
                assert not value.has_value[place]
                continue
            assert value.has_value[place]
            assert value.times.day[place] == int(row["days from the landmark"])
            assert Ending(value.times.ending[place]).name.lower() == row["ending"]
    everybody = values["x/landmark_day=100;measure=days"]
    assert everybody.has_value.tolist() == [row["class"] != "-" for row in CLASSES]
    assert outcome(everybody)[4] == (None, "excluded:not_observed_at_100")


def test_whether_it_came_and_whether_death_did():
    values = landmark()
    assert values["x/landmark_day=100;measure=outcome"].says_yes.tolist() == [True, True, False, False, False]
    assert values["x/landmark_day=100;measure=died"].says_yes.tolist() == [False, False, True, False, False]
    assert "x/landmark_day=100;measure=died" not in landmark('competing = "none"')


def test_who_had_the_outcome_before_the_landmark_may_be_left_out():
    value = landmark("washout = { from = 0, to = 99 }")["x/landmark_day=100;measure=days"]
    assert outcome(value)[2] == (None, "excluded:washout")


def test_the_day_of_the_landmark_needs_observation_and_death_on_it_ends_it():
    value = landmark(dors=deaths([row["person"] for row in CLASSES], {"dora": 101}))["x/landmark_day=100;measure=days"]
    assert value.times.day[3] == 1
    assert value.times.ending[3] == Ending.COMPETING


def test_the_end_of_a_register_censors():
    values = landmark(until={"par_sv": DAY_0 + timedelta(days=149)})
    value = values["x/landmark_day=100;measure=days"]
    assert (value.times.day[0], value.times.ending[0]) == (50, Ending.CENSORED)
    assert values["x/landmark_day=100;measure=outcome"].incomplete


def test_death_as_outcome_does_not_compete_with_itself():
    body = LANDMARK.replace(OUTCOME, 'outcome = { register = "dors", date = "death_date" }')
    with pytest.raises(DefinitionRejected, match="cannot compete with itself"):
        drawn_set(body, header=HEADER)
    names = [row["person"] for row in CLASSES]
    body += 'landmark_day = 100\nfollow_up_days = 200\ncompeting = "none"'
    values = values_of(body, names, lmed=lmed(names, "anna 0 C10AA05 1 50"), dors=died(CLASSES))
    value = values["x/landmark_day=100;measure=days"]
    assert (value.times.day[2], value.times.ending[2]) == (150, Ending.EVENT)
    assert outcome(value)[4] == (None, "excluded:not_observed_at_100")


# Which is begun first


PAIRS = table("person", "index drug first on day")
WHO = [row["person"] for row in PAIRS]


def begun(rows: list[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        for column, code in (("index drug first on day", "C10AA05"), ("marker first on day", "B01AC06")):
            yield from (f"{row['person']} {day} {code} 1 30" for day in days(row[column]))
        # A later dispensing is no first one.
        yield from (f"{row['person']} {day + 700} C10AA05 1 30" for day in days(row["index drug first on day"]))


ALL_RATIOS = 'statistic = ["count", "share", "crude_ratio", "null_ratio", "adjusted_ratio"]\n'


def sequence(extra: str = "", rows: list[str] | None = None, **events: Any) -> PersonValues:
    told = lmed(WHO, *(rows if rows is not None else begun(PAIRS)))
    return values_of(SEQUENCE + ALL_RATIOS + extra, WHO, lmed=told, **events)["x/first=index"]


def test_pairs_are_those_of_the_manual():
    words = {(1, "ok"): "index first", (0, "ok"): "marker first"}
    said = [words.get(one, one[1]) for one in outcome(sequence())]
    assert said == [row["counts"] for row in PAIRS]


def test_the_crude_ratio_and_what_habits_would_make_of_it():
    found = by_name(sequence().statistics(np.ones(len(WHO), np.bool_)))
    crude, null = found["crude_ratio exact"], found["null_ratio"]
    assert (crude.value, crude.numerator, crude.denominator) == (2, 2, 1)
    # Index drugs on days 0, 0, 0, 20, 30, 40, markers on 0, 10, 20, 365, 366: after each index drug 4, 4, 4, 2, 2, 2 of
    # them, before it 0, 0, 0, 2, 3, 3.
    assert (null.numerator, null.denominator) == (18, 8)
    adjusted = found["adjusted_ratio jeffreys"]
    assert adjusted.value == pytest.approx(2 / (18 / 8))
    assert adjusted.upper == pytest.approx(found["crude_ratio jeffreys"].upper * 8 / 18)


def test_a_side_without_anybody_has_limits_and_a_word():
    first = by_name(sequence().statistics(np.array([True, True, False, False, False, False])))["crude_ratio exact"]
    assert np.isnan([first.value, first.upper]).all()
    assert first.lower > 0
    assert "no upper limit" in first.note
    second = by_name(sequence().statistics(np.array([False, False, False, False, True, False])))["crude_ratio jeffreys"]
    assert (second.value, second.lower) == (0, 0)
    assert second.upper > 0
    nobody = by_name(sequence().statistics(np.zeros(len(WHO), np.bool_)))
    assert nobody["crude_ratio exact"].note == "no pair"
    assert "no ratio" in nobody["null_ratio"].note


def test_first_dispensings_must_lie_in_the_time_asked_for_and_before_the_exit():
    value = sequence("begun = { from = 2020-01-06 }")
    assert [reason for _, reason in outcome(value)] == ["excluded:not_both_begun"] * 3 + ["excluded:same_day"] + [
        "excluded:not_both_begun"
    ] * 2
    assert outcome(sequence(dors=deaths(WHO, {"anna": 10})))[0] == (None, "excluded:not_both_begun")
    assert outcome(sequence("end_at_exit = false", dors=deaths(WHO, {"anna": 10})))[0] == (1, "ok")


def test_a_reversed_start_is_none():
    value = sequence(
        rows=["anna 0 C10AA05 1 30", "anna 0 C10AA05 -1 30", "anna 20 C10AA05 1 30", "anna 10 B01AC06 1 30"]
    )
    assert outcome(value)[0] == (0, "ok")


def test_a_row_that_does_not_tell_its_packages_is_an_error_of_that_person_only():
    value = sequence(rows=["anna 0 C10AA05 - 30", "bo 0 C10AA05 1 30", "bo 9 B01AC06 1 30"])
    assert outcome(value)[:2] == [(None, "error:packages"), (1, "ok")]


def test_no_index_date_is_needed():
    definition = drawn_set(SEQUENCE, header=HEADER)
    told = lmed(WHO, *begun(PAIRS))
    value = evaluated(definition, population=population(WHO, index=False), lmed=told)["x/first=index"]
    assert outcome(value)[0] == (1, "ok")


# Definitions


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (f"{RATE}observe = {{ from = 10, to = 10 }}", "observation has no day"),
        (f"{RATE}observe = {{ from = 0, to = 365 }}\ngrace_days = -1", "greater than or equal to 0"),
        (f"{RATE}observe = {{ from = 0, to = 365 }}\ngrace_days = [30, 30]", "stands twice"),
        (f"{RATE}observe = {{ from = 0, to = 365 }}\nwashout = {{ from = 5, to = 1 }}", "last day of washout"),
        (
            f'{RATE}observe = {{ from = 0, to = 365 }}\nwashout = {{ from = 1, to = 5, effect = "stratify" }}',
            "leaves persons out",
        ),
        (f"{RATE}observe = {{ from = 0, to = 365 }}".replace('"given"', '"frozen"'), "does not know hospital stays"),
        (f"{RATE}observe = {{ from = 0, to = 365 }}".replace('"bleeding"', '"bleedings"'), "bleedings"),
        (f"{RATE}observe = {{ from = 0, to = 365 }}".replace(', columns = "diagnosis"', ""), "codes and columns"),
        (f"{LANDMARK}threshold = [0.8, 0.5]", "must rise"),
        (f"{LANDMARK}landmark_day = 0", "greater than or equal to 1"),
        (f"{LANDMARK}follow_up_days = 10\nat_days = 11", "above follow_up_days"),
        (SEQUENCE.replace('marker = "asa"', 'marker = "statin"'), "index drug and marker"),
        (f"{SEQUENCE}begun = {{ from = 2020-01-01, until = 2020-01-01 }}", "no day"),
        (f"{SEQUENCE}most_days_apart = 0", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: str, says: str) -> None:
    with pytest.raises(DefinitionRejected, match=says):
        drawn_set(body, header=HEADER)


def test_what_disclosure_control_cannot_protect_is_named():
    told = {
        RATE + 'observe = { from = 0, to = 9 }\nstatistic = ["rate", "rate_ratio"]': ["rate_ratio"],
        RATE + "observe = { from = 0, to = 9 }": [],
        LANDMARK: [],
        SEQUENCE + ALL_RATIOS: ["crude_ratio", "null_ratio", "adjusted_ratio"],
        SEQUENCE: [],
    }
    for body, unprotected in told.items():
        assert drawn_set(body, header=HEADER).indicators[0].laboratory_statistics == unprotected
