"""Treatment lines checked on paper: eras of groups, combinations, switches, filters, and time to each line.

Rows: person, day, ATC, packages, days of supply. A is a statin, B is ASA, C is clopidogrel; 300 days are observed.
"""

from __future__ import annotations

from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import HEADER, deaths, drawn_set, evaluated, lmed, outcome, population

PERSONS = ["anna"]
LINES = (
    'id = "x"\nkind = "treatment_lines"\ncodes = ["statin", "asa", "p2y12"]\nsupply = "given"\n'
    'observe = { from = 0, to = 300 }\nstock_cap_days = "none"\n'
)
A, B, C = "C10AA05", "B01AC06", "B01AC04"
NAMES = ("A", "B", "C")


def values_of(*rows: str, extra: str = "", dies: int | None = None) -> dict[str, PersonValues]:
    events: dict[str, Any] = {"lmed": lmed(PERSONS, *rows)}
    if dies is not None:
        events["dors"] = deaths(PERSONS, {"anna": dies})
    return evaluated(drawn_set(LINES + extra, header=HEADER), population=population(PERSONS), **events)


def lines(*rows: str, extra: str = "", dies: int | None = None) -> str:
    """`A 0-60, A+B 60-100` for a line of A on days 0 to 59 and one of both on days 60 to 99."""
    found = values_of(*rows, extra=extra, dies=dies)["x/observe_days=300;measure=lines"].lines
    assert found is not None
    origin = 18262  # 1 January 2020
    told = []
    for line in range(int(found.lines[0])):
        groups = "+".join(name for bit, name in enumerate(NAMES) if found.treatment[line, 0] >> bit & 1)
        told.append(f"{groups} {found.start[line, 0] - origin}-{found.end[line, 0] - origin}")
    return ", ".join(told)


def test_one_treatment_after_the_other():
    assert lines(f"anna 0 {A} 1 60", f"anna 70 {B} 1 60") == "A 0-60, B 70-130"


@pytest.mark.parametrize(("day", "told"), [(90, "A 0-150"), (91, "A 0-60, A 91-151")])
def test_gaps_of_up_to_thirty_days_are_part_of_an_era(day, told):
    assert lines(f"anna 0 {A} 1 60", f"anna {day} {A} 1 60", extra='lines = "all"') == told


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (70, "A 0-70, A+B 70-100, B 100-200"),
        # 29 days together: a change from A to B.
        (71, "A 0-71, B 71-201"),
        (100, "A 0-100, B 100-230"),
    ],
)
def test_an_overlap_of_thirty_days_is_a_combination(day, told):
    assert lines(f"anna 0 {A} 1 100", f"anna {day} {B} 1 130") == told


def test_what_stands_before_and_after_a_combination_needs_thirty_days():
    assert lines(f"anna 0 {A} 1 100", f"anna 29 {B} 1 100") == "A+B 29-100"
    assert lines(f"anna 0 {A} 1 100", f"anna 30 {B} 1 100") == "A 0-30, A+B 30-100, B 100-130"
    short = f"anna 0 {A} 1 100", f"anna 30 {B} 1 99"
    assert lines(*short) == "A 0-30, A+B 30-100"
    assert lines(*short, extra="least_piece_days = 29") == "A 0-30, A+B 30-100, B 100-129"


def test_an_era_inside_another_is_combined_with_it():
    assert lines(f"anna 0 {A} 1 200", f"anna 50 {B} 1 60") == "A 0-50, A+B 50-110, A 110-200"
    # Ten days are too short a piece: what is left of A is one line.
    brief = f"anna 0 {A} 1 200", f"anna 50 {B} 1 10"
    assert lines(*brief, extra='lines = "all"') == "A 0-50, A 60-200"
    assert lines(*brief) == "A 0-200"


def test_three_groups_together():
    rows = f"anna 0 {A} 1 200", f"anna 40 {B} 1 160", f"anna 80 {C} 1 60"
    assert lines(*rows) == "A 0-40, A+B 40-80, A+B+C 80-140, A+B 140-200"


def test_a_fixed_combination_is_of_both_groups():
    assert lines("anna 0 B01AC34 1 60") == "B+C 0-60"


@pytest.mark.parametrize(
    ("a", "b", "c", "path"),
    [
        ("0-60", "", "", "A"),
        ("0-60", "62-120", "", "A - B"),
        ("0-60", "62-120", "122-180", "A - B - C"),
        ("0-60", "66-126", "66-126", "A - B+C"),
        ("0-60", "0-60", "62-120", "A+B - C"),
        ("0-60 95-155", "95-155", "", "A - A+B"),
        ("0-60 122-180", "62-120 182-240", "", "A - B - A - B"),
        ("0-60", "62-120 155-215", "", "A - B - B"),
        ("0-120", "0-60", "", "A+B - A"),
        ("0-40 80-120", "0-40 80-120", "", "A+B - A+B"),
        ("0-60", "30-90", "", "A - A+B - B"),
        ("0-150", "50-100", "0-150", "A+C - A+B+C - A+C"),
        ("0-120", "40-80", "40-160", "A - A+B+C - A+C - C"),
        ("0-80", "120-160", "40-220", "A - A+C - C - B+C - C"),
    ],
)
def test_shapes_of_paths(a, b, c, path):
    """A path of each shape for which TreatmentPatterns has a test of its own."""
    rows = []
    for code, cell in ((A, a), (B, b), (C, c)):
        for stretch in cell.split():
            first, after = map(int, stretch.split("-"))
            rows.append(f"anna {first} {code} 1 {after - first}")
    told = lines(*rows, extra='lines = "all"')
    assert " - ".join(line.partition(" ")[0] for line in told.split(", ")) == path


RETURN = f"anna 0 {A} 1 40", f"anna 40 {B} 1 40", f"anna 80 {A} 1 40", f"anna 160 {A} 1 40"


@pytest.mark.parametrize(
    ("which", "told"),
    [
        ("all", "A 0-40, B 40-80, A 80-120, A 160-200"),
        ("changes", "A 0-40, B 40-80, A 80-200"),
        ("first", "A 0-40, B 40-80"),
    ],
)
def test_lines_may_be_all_or_changes_or_first_of_each(which, told):
    # 40 days pass without A before day 80, and without anything from day 120 on.
    assert lines(*RETURN, extra=f'lines = "{which}"') == told


def test_no_more_lines_than_asked_for():
    assert lines(*RETURN, extra='lines = "all"\nmost_lines = 2') == "A 0-40, B 40-80"


def test_short_eras_may_be_left_out_beforehand():
    assert lines(f"anna 0 {A} 1 100", f"anna 10 {B} 1 14", extra="least_era_days = 15") == "A 0-100"


def test_supply_from_before_the_observation_counts_where_it_is_asked_for():
    assert lines(f"anna -20 {A} 1 60") == ""
    assert lines(f"anna -20 {A} 1 60", extra="lookback_days = 30") == "A 0-40"
    # Used up before: no gap leads over into the observation.
    used = f"anna -30 {A} 1 25", f"anna 5 {A} 1 40"
    assert lines(*used, extra="lookback_days = 30") == "A 5-45"


def test_rows_without_a_date_or_a_code_make_no_line():
    assert lines(f"anna - {A} 1 60", "anna 0 - 1 60", f"anna 10 {B} 1 60") == "B 10-70"


def test_the_observation_ends_with_death():
    assert lines(f"anna 0 {A} 1 100", f"anna 100 {B} 1 100", dies=150) == "A 0-100, B 100-150"


def test_number_of_lines_who_reaches_each_and_after_how_many_days():
    found = values_of(f"anna 10 {A} 1 60", f"anna 70 {B} 1 60", extra="most_lines = 3")
    said = {name.removeprefix("x/observe_days=300;measure="): outcome(value)[0] for name, value in found.items()}
    assert said == {
        "lines": (2, "ok"),
        "reached;line=1": (1, "ok"),
        "days_to;line=1": (10, "ok"),
        "reached;line=2": (1, "ok"),
        "days_to;line=2": (70, "ok"),
        "reached;line=3": (0, "ok"),
        "days_to;line=3": (None, "excluded:no_line_3"),
    }


def test_who_has_nothing_has_no_line_and_who_is_gone_no_value():
    assert outcome(values_of("anna 10 N02BE01 1 60")["x/observe_days=300;measure=lines"])[0] == (0, "no_rows")
    assert outcome(values_of(f"anna 10 {A} 1 60", dies=0)["x/observe_days=300;measure=lines"])[0] == (None, "no_time")
    faulty = values_of(f"anna 10 {A} 1 -")["x/observe_days=300;measure=lines"]
    assert outcome(faulty)[0] == (None, "error:days_supply")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("combination_days = 0", "combination_days"),
        ("collapse_gap_days = -1", "collapse_gap_days"),
        ("most_lines = 0", "most_lines"),
        ('statistic = ["paths"]\nmeasure = "reached"', "paths are made of lines"),
        ('codes = ["statin", "statin"]', "stands twice"),
        ("observe = { from = 10, to = 10 }", "no day"),
    ],
)
def test_a_wrong_definition_is_refused_with_what_to_mend(extra, told):
    name = extra.partition(" ")[0]
    body = "\n".join(line for line in LINES.splitlines() if not line.startswith(name))
    with pytest.raises(DefinitionRejected, match=told):
        drawn_set(f"{body}\n{extra}", header=HEADER)


def test_paths_are_of_the_laboratory():
    definition = drawn_set(f'{LINES}statistic = ["mean", "paths"]', header=HEADER)
    assert definition.indicators[0].laboratory_statistics == ["paths"]
    assert drawn_set(LINES, header=HEADER).indicators[0].laboratory_statistics == []
