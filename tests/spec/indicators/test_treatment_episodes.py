"""Treatment episodes, checked on paper. Rows: person, day, ATC, packages, days of supply.

Anna has 30 days of supply on days 0, 20, 100 and 130, followed for 200 days; 30 days may pass without supply.

| day | supply | lasts until | days without supply until the next |
|-----|--------|-------------|-------------------------------------|
| 0   | 30     | 30          | 0: the refill of day 20 comes early  |
| 20  | 30     | 60          | 40, more than the 30 permitted       |
| 100 | 30     | 130         | 0                                    |
| 130 | 30     | 160         | 40 until the end of follow-up        |

Two episodes: [0, 60) and [100, 160).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from tests.support.indicator_tables import (
    DAY_0,
    deaths,
    drawn_set,
    evaluated,
    lmed,
    lmed_with_doses,
    outcome,
    population,
)

ANNA = ["anna"]
FOUR = ("anna 0 C10AA05 1 30", "anna 20 C10AA05 1 30", "anna 100 C10AA05 1 30", "anna 130 C10AA05 1 30")
EPOCH_DAY_0 = (DAY_0 - type(DAY_0)(1970, 1, 1)).days


def rule(extra: str = "", *, gap: str = "gap_days = 30", days: int = 200, codes: str = '"statin"') -> str:
    return (
        f'id = "e"\nkind = "treatment_episodes"\ncodes = {codes}\nsupply = "given"\n{gap}\n'
        f"follow_up_days = {days}\n{extra}"
    )


def with_doses(*rows: str) -> Any:
    """Rows with a daily dose at their end."""
    return lmed_with_doses(ANNA, *rows)


def values_of(rows: tuple[str, ...] | Any, extra: str = "", *, more: dict[str, Any] | None = None, **rule_parts: Any):
    events = lmed(ANNA, *rows) if isinstance(rows, tuple) else rows
    return evaluated(drawn_set(rule(extra, **rule_parts)), population=population(ANNA), lmed=events, **(more or {}))


def episodes(rows: tuple[str, ...] | Any, extra: str = "", *, gap: str = "gap_days = 30", **parts: Any):
    """[first day, end) of anna's episodes."""
    values = values_of(rows, extra, gap=gap, **parts)
    found = values[f"e/{gap.replace(' ', '')};measure=episodes"].episodes()
    return [
        (int(start) - EPOCH_DAY_0, float(end) - EPOCH_DAY_0) for start, end in zip(found.start, found.end, strict=True)
    ]


def test_a_gap_longer_than_permitted_ends_an_episode():
    assert episodes(FOUR) == [(0, 60), (100, 160)]


def test_the_manual_says_so():
    page = Path(__file__).parents[3] / "docs" / "manual" / "treatment-episodes.md"
    told = re.findall(r"^\| (\d+) +\| (\d+) +\| (\d+) +\| (\d+) +\| (\d+) +\|$", page.read_text(), re.MULTILINE)
    rows = [[int(cell) for cell in row] for row in told]
    dispensings = tuple(f"anna {day} C10AA05 1 {supply}" for day, supply, *_ in rows)
    assert dispensings == FOUR
    found = values_of(dispensings)["e/gap_days=30;measure=episodes"].episodes()
    for number, gap, end in zip(found.number, found.gap, found.end - EPOCH_DAY_0, strict=True):
        _, _, lasts_until, last_gap, _ = [row for row in rows if row[4] == number][-1]
        assert (lasts_until, last_gap) == (end, gap)


def test_a_grid_of_gaps_splits_the_same_supply():
    values = values_of(FOUR, gap="gap_days = [10, 30, 39, 40, 90]")
    numbers = [int(values[f"e/gap_days={gap};measure=episodes"].value[0]) for gap in (10, 30, 39, 40, 90)]
    lengths = [float(values[f"e/gap_days={gap};measure=first_days"].number[0]) for gap in (10, 30, 39, 40, 90)]
    assert numbers == [2, 2, 2, 1, 1]
    assert lengths == [60, 60, 60, 200, 200]


def test_supply_that_is_not_carried_over_ends_with_its_own_dispensing():
    # 30 days from day 20 on: the 10 days left of the first package are lost.
    assert episodes(FOUR, 'carry_over = "none"') == [(0, 50), (100, 160)]


def test_a_gap_in_percent_is_of_the_supply_before_it():
    # 40 days without supply after a dispensing of 30: more than 100 %, less than 200 %.
    assert episodes(FOUR, gap="gap_percent = 100") == [(0, 60), (100, 160)]
    assert episodes(FOUR, gap="gap_percent = 200") == [(0, 200)]


def test_who_is_still_in_the_first_episode_on_a_day():
    values = values_of(FOUR, "at_days = [0, 59, 60, 199]")
    said = [outcome(values[f"e/gap_days=30;measure=in_first;day_of_treatment={day}"])[0] for day in (0, 59, 60, 199)]
    assert said == [(1, "ok"), (1, "ok"), (0, "ok"), (0, "ok")]


def test_a_dispensing_before_the_first_day_does_not_begin_an_episode():
    assert episodes(("anna -5 C10AA05 1 30", *FOUR)) == [(0, 60), (100, 160)]
    assert episodes(FOUR, "first_from_day = 50") == [(100, 160)]


def test_the_first_dispensing_may_have_to_come_in_time():
    late = ("anna 91 C10AA05 1 30",)
    values = values_of(late, "first_within_days = 90")
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(0, "ok")]
    assert outcome(values["e/gap_days=30;measure=first_days"]) == [(None, "excluded:not_started")]
    assert episodes(("anna 90 C10AA05 1 30",), "first_within_days = 90") == [(90, 120)]


def test_follow_up_ends_with_the_exit():
    dead = {"more": {"dors": deaths(ANNA, {"anna": 75})}}
    assert episodes(FOUR, **dead) == [(0, 75)]
    assert episodes(FOUR, "end_at_exit = false", **dead) == [(0, 60), (100, 160)]
    # As if nobody left: also who left before she began.
    gone = {"more": {"dors": deaths(ANNA, {"anna": 0})}}
    assert episodes(FOUR, "end_at_exit = false", **gone) == [(0, 60), (100, 160)]


def test_who_is_no_longer_observed_on_a_day_is_not_asked_about_it():
    values = values_of(FOUR, "at_days = [74, 75]", more={"dors": deaths(ANNA, {"anna": 75})})
    assert outcome(values["e/gap_days=30;measure=in_first;day_of_treatment=74"]) == [(1, "ok")]
    assert outcome(values["e/gap_days=30;measure=in_first;day_of_treatment=75"]) == [
        (None, "excluded:not_observed_at_75")
    ]


def test_another_medication_starts_an_episode_where_that_is_asked_for():
    rows = ("anna 0 C10AA05 1 30", "anna 30 C10AA01 1 30", "anna 60 C10AA01 1 200")
    assert episodes(rows) == [(0, 200)]
    assert episodes(rows, 'new_episode_on = "medication_change"') == [(0, 30), (30, 200)]


def test_a_drug_in_common_is_no_change_of_medication():
    rows = ("anna 0 C10AA05 1 30", "anna 30 C10AA01 1 30", "anna 30 C10AA05 1 30", "anna 60 C10AA01 1 200")
    assert episodes(rows, 'new_episode_on = "medication_change"') == [(0, 200)]


# The defects of AdhereR 0.8.1: `compat` has them, `corrected` does not.


def test_a_last_gap_equal_to_the_permitted_one_does_not_end_the_episode():
    # Defect 4: supply until day 640 of 730, and 90 days are permitted.
    rows = tuple(f"anna {day} C10AA05 1 80" for day in range(0, 640, 80))
    asked = {"gap": "gap_days = 90", "days": 730}
    assert episodes(rows, 'mode = "compat"', **asked) == [(0, 640)]
    assert episodes(rows, **asked) == [(0, 730)]
    # A gap inside is exceeded by more than it, in both.
    rows = ("anna 0 C10AA05 1 10", "anna 100 C10AA05 1 700")
    assert episodes(rows, 'mode = "compat"', **asked) == episodes(rows, **asked) == [(0, 730)]


def test_an_appended_gap_makes_a_single_episode_longer():
    # Defect 5: supply until day 400 of 730; 90 days are added, not taken off.
    rows = tuple(f"anna {day} C10AA05 1 80" for day in range(0, 400, 80))
    asked = {"gap": "gap_days = 90", "days": 730}
    assert episodes(rows, 'append_gap = true\nmode = "compat"', **asked) == [(0, 310)]
    assert episodes(rows, "append_gap = true", **asked) == [(0, 490)]
    # With two episodes both add.
    both = [(0, 60 + 30), (100, 160 + 30)]
    assert episodes(FOUR, "append_gap = true") == episodes(FOUR, 'append_gap = true\nmode = "compat"') == both


def test_a_change_of_dose_starts_an_episode_when_asked():
    # Defect 6: AdhereR compares the name of the column with itself.
    rows = with_doses("anna 0 C10AA05 1 30 20", "anna 30 C10AA05 1 30 20", "anna 60 C10AA05 1 200 40")
    asked = 'new_episode_on = "dosage_change"'
    assert episodes(rows, f'{asked}\nmode = "compat"') == [(0, 200)]
    assert episodes(rows, asked) == [(0, 60), (60, 200)]


def test_the_stock_of_a_drug_outlives_another_drug_in_between():
    # Defect 1: 100 days of A, then 10 of B, then 10 of A: A lasts until day 110.
    rows = ("anna 0 C10AA05 1 100", "anna 10 C10AA01 1 10", "anna 20 C10AA05 1 10")
    assert episodes(rows) == [(0, 110)]
    assert episodes(rows, 'mode = "compat"') == [(0, 30)]


def test_two_doses_on_one_day_are_one_dose_whatever_their_order():
    # Defect 2: 50 days at 10 mg and 50 at 40 mg, taken together, are 2,500 mg at 50 mg a day: 50 days. Then 100 more.
    rows = ("anna 0 C10AA05 1 50 10", "anna 0 C10AA05 1 50 40", "anna 50 C10AA05 1 100 50")
    other_order = (rows[1], rows[0], rows[2])
    asked = {"extra": "dosage_change = true", "gap": "gap_days = 0", "days": 400}
    assert episodes(with_doses(*rows), **asked) == episodes(with_doses(*other_order), **asked) == [(0, 150)]
    asked["extra"] += '\nmode = "compat"'
    assert episodes(with_doses(*rows), **asked) != episodes(with_doses(*other_order), **asked)


def test_what_is_left_at_a_new_dose_is_the_same_amount():
    # 30 days left at 20 mg are 15 days at 40 mg.
    rows = with_doses("anna 0 C10AA05 1 60 20", "anna 30 C10AA05 1 30 40")
    assert episodes(rows, "dosage_change = true") == [(0, 30 + 15 + 30)]
    assert episodes(rows) == [(0, 90)]


def test_what_is_left_may_end_before_it_was_to_end_when_the_dose_rises():
    # 50 of 60 days are left at 10 mg: 25 days at 20 mg, with one more day dispensed.
    rows = with_doses("anna 0 C10AA05 1 60 10", "anna 10 C10AA05 1 1 20")
    assert episodes(rows, "dosage_change = true") == [(0, 10 + 25 + 1)]


def test_a_day_on_the_end_of_follow_up_belongs_to_it_in_adherer_only():
    rows = ("anna 0 C10AA05 1 30", "anna 200 C10AA05 1 30")
    assert episodes(rows, 'mode = "compat"') == [(0, 30), (200, 200)]
    assert episodes(rows) == [(0, 30)]


# Who cannot be judged.


def test_a_person_without_rows_has_no_episode_and_no_length():
    values = values_of(("anna 0 B01AC06 1 30",))
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(0, "no_rows")]
    assert outcome(values["e/gap_days=30;measure=first_days"]) == [(None, "excluded:not_started")]


def test_a_reversed_dispensing_is_none():
    assert episodes((*FOUR, "anna 100 C10AA05 -1 30", "anna 130 C10AA05 -1 30")) == [(0, 60)]


def test_a_row_that_does_not_tell_its_supply_is_an_error_inside_the_follow_up_only():
    for day, reason in ((-1, "ok"), (0, "error:days_supply"), (199, "error:days_supply"), (200, "ok")):
        values = values_of((*FOUR, f"anna {day} C10AA05 1 -"))
        assert outcome(values["e/gap_days=30;measure=episodes"])[0][1] == reason, day


def test_a_row_that_does_not_tell_its_packages_is_an_error():
    values = values_of((*FOUR, "anna 50 C10AA05 - 30"))
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(None, "error:packages")]


def test_a_row_without_a_dose_is_an_error_where_doses_are_asked_for():
    rows = with_doses("anna 0 C10AA05 1 30 20", "anna 30 C10AA05 1 30 -")
    values = values_of(rows, "dosage_change = true")
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(None, "error:daily_dose")]
    assert outcome(values_of(rows)["e/gap_days=30;measure=episodes"]) == [(1, "ok")]


def test_a_register_without_doses_is_refused_where_doses_are_asked_for():
    with pytest.raises(EventsRejected, match="daily_dose"):
        values_of(FOUR, "dosage_change = true")


def test_who_left_before_the_index_day_has_no_time():
    values = values_of(FOUR, more={"dors": deaths(ANNA, {"anna": 0})})
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(None, "no_time")]


def test_one_bad_person_changes_nobody():
    both = ["anna", "bo"]
    rows = lmed(both, *FOUR, "bo 0 C10AA05 1 -")
    values = evaluated(drawn_set(rule()), population=population(both), lmed=rows)
    assert outcome(values["e/gap_days=30;measure=episodes"]) == [(2, "ok"), (None, "error:days_supply")]


def test_a_follow_up_past_the_end_of_the_register_is_incomplete():
    rows, definition = lmed(ANNA, *FOUR), drawn_set(rule())
    for last, incomplete in ((198, True), (199, False)):
        until = {"lmed": DAY_0.fromordinal(DAY_0.toordinal() + last)}
        values = evaluated(definition, population=population(ANNA), until=until, lmed=rows)
        assert values["e/gap_days=30;measure=episodes"].incomplete == incomplete, last


# What a definition must not say.


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"gap": ""}, "either gap_days or gap_percent"),
        ({"gap": "gap_days = 30\ngap_percent = 50"}, "either gap_days or gap_percent"),
        ({"gap": "gap_days = [30, 30]"}, "stands twice"),
        ({"gap": "gap_days = -1"}, "gap_days"),
        ({"extra": "at_days = 200"}, "outside follow_up_days"),
        ({"extra": 'dosage_change = true\ncarry_over = "none"'}, "carry_over must not be 'none'"),
        ({"extra": 'new_episode_on = "weather"'}, "new_episode_on"),
        ({"codes": '"unheard_of"'}, "unheard_of"),
    ],
)
def test_a_wrong_definition_is_refused_with_what_to_mend(wrong, told):
    with pytest.raises(DefinitionRejected, match=told):
        drawn_set(rule(**wrong))
