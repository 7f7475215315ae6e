"""What becomes of a treatment, checked on paper: restart, switch, add-on, change of dose.

Rows: person, day, ATC, packages, days of supply. 30 days may pass without supply, follow-up is 300 days. Anna has 60
days of drug A on day 0, so she has stopped on day 60 unless there is more of it by day 90:

| next dispensing  | what it is                                      |
|------------------|-------------------------------------------------|
| drug B on day 29 | too early to take the place of A                 |
| drug B on day 30 | a switch, as on every day up to 90               |
| drug A on day 90 | no stop, and so neither switch nor restart       |
| drug A on day 91 | a restart, 31 days after the end of supply       |
"""

from __future__ import annotations

from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage_core.survival import Ending
from tests.support.indicator_tables import deaths, drawn_set, evaluated, lmed, lmed_with_doses, outcome, population

ANNA = ["anna"]


def said(kind: str, *rows: str, extra: str = "", dies: int | None = None, events: Any = None) -> dict[str, Any]:
    gap = "" if kind == "dose_change" else "gap_days = 30\n"
    days = "" if "follow_up_days" in extra else "follow_up_days = 300\n"
    definition = drawn_set(f'id = "x"\nkind = "{kind}"\ncodes = "statin"\nsupply = "given"\n{gap}{days}{extra}')
    return evaluated(
        definition,
        population=population(ANNA),
        lmed=events if events is not None else lmed(ANNA, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
    )


# Restart


def restart(*rows: str, dies: int | None = None) -> tuple[Any, Any, Any]:
    """(days, ending, restarted within 100 days)."""
    values = said("restart", *rows, extra="within_days = 100", dies=dies)
    times = values["x/gap_days=30;measure=days"]
    (days,) = outcome(times)
    (within,) = outcome(values["x/gap_days=30;restarted_within_days=100"])
    return days, Ending(times.times.ending[0]), within


STOPPED, AGAIN = "anna 0 C10AA05 1 60", "anna 150 C10AA05 1 30"


def test_days_to_restart_count_from_the_end_of_supply():
    assert restart(STOPPED, "anna 90 C10AA05 1 300")[0] == (None, "excluded:not_discontinued")
    assert restart(STOPPED, "anna 91 C10AA05 1 30") == ((31, "ok"), Ending.EVENT, (1, "ok"))
    assert restart(STOPPED, AGAIN) == ((90, "ok"), Ending.EVENT, (1, "ok"))


def test_who_never_begins_again_is_censored_at_the_end_of_follow_up():
    assert restart(STOPPED) == ((240, "ok"), Ending.CENSORED, (0, "ok"))


def test_a_later_restart_is_none_within_the_days_asked_for():
    assert restart(STOPPED, "anna 160 C10AA05 1 30")[2] == (1, "ok")
    assert restart(STOPPED, "anna 161 C10AA05 1 30")[2] == (0, "ok")


def test_death_competes_with_restart_and_ends_observation():
    days, ending, within = restart(STOPPED, AGAIN, dies=150)
    assert (days, ending, within) == ((90, "ok"), Ending.COMPETING, (None, "excluded:not_observed_for_100"))
    # Who is not observed for 100 days is left out whether or not she began again.
    assert restart(STOPPED, AGAIN, dies=160)[1:] == (Ending.EVENT, (None, "excluded:not_observed_for_100"))
    assert restart(STOPPED, AGAIN, dies=161)[1:] == (Ending.EVENT, (1, "ok"))


def test_who_has_not_discontinued_cannot_restart():
    assert restart("anna 0 C10AA05 1 60", "anna 90 C10AA05 1 500")[0] == (None, "excluded:not_discontinued")
    assert restart(STOPPED, dies=90)[0] == (None, "excluded:not_discontinued")
    assert restart("anna -5 C10AA05 1 10")[0] == (None, "excluded:not_started")


# Switch


def switch(*rows: str, extra: str = "", dies: int | None = None) -> tuple[float | None, str]:
    return outcome(said("switch", *rows, extra=extra, dies=dies)["x/gap_days=30"])[0]


@pytest.mark.parametrize(("day", "switched"), [(29, 0), (30, 1), (60, 1), (90, 1), (91, 0)])
def test_another_drug_around_the_end_of_supply_is_a_switch(day, switched):
    assert switch("anna 0 C10AA05 1 60", f"anna {day} C10AA01 1 30") == (switched, "ok")


def test_who_goes_on_with_the_first_drug_has_not_switched():
    rows = ("anna 0 C10AA05 1 60", "anna 50 C10AA01 1 30", "anna 90 C10AA05 1 300")
    assert switch(*rows) == (None, "excluded:not_discontinued")
    # One day later the permitted gap is over.
    assert switch(*rows[:2], "anna 91 C10AA05 1 300") == (1, "ok")


def test_a_drug_that_was_there_before_is_no_switch():
    rows = ("anna 0 C10AA05 1 60", "anna -100 C10AA01 1 30", "anna 50 C10AA01 1 30")
    assert switch(*rows) == (0, "ok")


def test_both_drugs_of_the_first_day_are_the_first_treatment():
    rows = ("anna 0 C10AA05 1 60", "anna 0 C10AA01 1 60", "anna 61 C10AA01 1 300")
    assert switch(*rows) == (None, "excluded:not_discontinued")


def test_a_switch_may_lead_to_another_class():
    rows = ("anna 0 C10AA05 1 60", "anna 50 B01AC06 1 30")
    assert switch(*rows) == (0, "ok")
    assert switch(*rows, extra='to = "asa"') == (1, "ok")


def test_who_dies_inside_the_permitted_gap_has_not_stopped_and_not_switched():
    assert switch("anna 0 C10AA05 1 60", "anna 70 C10AA01 1 30", dies=90) == (None, "excluded:not_discontinued")


# Add-on


def add_on(*rows: str, extra: str = "", dies: int | None = None) -> tuple[float | None, str]:
    return outcome(said("add_on", *rows, extra=f'to = "asa"\n{extra}', dies=dies)["x/gap_days=30"])[0]


@pytest.mark.parametrize(("day", "added"), [(1, 1), (30, 1), (31, 0), (100, 0)])
def test_both_treatments_go_on_together_for_thirty_days(day, added):
    assert add_on("anna 0 C10AA05 1 60", f"anna {day} B01AC06 1 30") == (added, "ok")


@pytest.mark.parametrize(("day", "added"), [(59, 1), (60, 0), (79, 0), (80, 1)])
def test_a_treatment_that_begins_in_a_permitted_gap_is_not_added(day, added):
    """Supply is at hand on days 0 to 59 and 80 to 199; the episode goes on in between."""
    rows = ("anna 0 C10AA05 1 60", "anna 80 C10AA05 1 120", f"anna {day} B01AC06 1 30")
    assert add_on(*rows) == (added, "ok")
    assert add_on(*rows, extra='starts = "in_episode"') == (1, "ok")


def test_who_had_the_other_treatment_before_is_left_out():
    for day in (-300, 0):
        assert add_on("anna 0 C10AA05 1 60", f"anna {day} B01AC06 1 30") == (None, "excluded:used_before")


def test_days_after_death_are_not_together():
    rows = ("anna 0 C10AA05 1 200", "anna 50 B01AC06 1 30")
    assert add_on(*rows, dies=80) == (1, "ok")
    assert add_on(*rows, dies=79) == (0, "ok")


def test_without_the_other_treatment_nothing_is_added():
    assert add_on("anna 0 C10AA05 1 60") == (0, "ok")


# Change of dose


def dose(*rows: str, extra: str = "", dies: int | None = None) -> tuple[Any, Any]:
    values = said("dose_change", extra=extra, dies=dies, events=lmed_with_doses(ANNA, *rows))
    return outcome(values["x/measure=increase"])[0], outcome(values["x/measure=decrease"])[0]


def test_a_dose_rises_and_falls_from_one_day_of_a_drug_to_its_next():
    first, same, higher = "anna 0 C10AA05 1 30 20", "anna 30 C10AA05 1 30 20", "anna 60 C10AA05 1 30 40"
    assert dose(first, same) == ((0, "ok"), (0, "ok"))
    assert dose(first, same, higher) == ((1, "ok"), (0, "ok"))
    assert dose(first, higher, "anna 90 C10AA05 1 30 20") == ((1, "ok"), (1, "ok"))


def test_another_drug_at_another_dose_is_no_change_of_dose():
    assert dose("anna 0 C10AA05 1 30 20", "anna 30 C10AA01 1 30 40") == ((0, "ok"), (0, "ok"))


def test_two_strengths_of_one_day_are_one_dose_and_a_split_dispensing_is_one():
    both = ("anna 0 C10AA05 1 30 20", "anna 0 C10AA05 1 30 40")
    assert dose(*both, "anna 30 C10AA05 1 30 60") == ((0, "ok"), (0, "ok"))
    assert dose("anna 0 C10AA05 1 15 20", "anna 0 C10AA05 1 15 20", "anna 30 C10AA05 1 30 20")[0] == (0, "ok")


def test_a_small_step_is_none_where_a_least_one_is_given():
    rows = ("anna 0 C10AA05 1 30 20", "anna 30 C10AA05 1 30 29")
    assert dose(*rows)[0] == (1, "ok")
    assert dose(*rows, extra="least_percent = 50")[0] == (0, "ok")
    assert dose(rows[0], "anna 30 C10AA05 1 30 30", extra="least_percent = 50")[0] == (1, "ok")


def test_only_the_follow_up_is_looked_at():
    rows = ("anna 0 C10AA05 1 30 20", "anna 365 C10AA05 1 30 40")
    assert dose(*rows, extra="follow_up_days = 365")[0] == (0, "ok")
    assert dose(*rows, extra="follow_up_days = 366")[0] == (1, "ok")


def test_a_row_without_a_dose_is_an_error():
    assert dose("anna 0 C10AA05 1 30 20", "anna 30 C10AA05 1 30 -")[0] == (None, "error:daily_dose")


@pytest.mark.parametrize(
    ("kind", "extra", "told"),
    [
        ("restart", "", "within_days"),
        ("restart", 'within_days = 10\nstatistic = ["cif"]', "at_days"),
        ("switch", 'to = "unheard_of"', "unheard_of"),
        ("add_on", "", "to"),
        ("dose_change", "least_percent = -1", "least_percent"),
    ],
)
def test_a_wrong_definition_is_refused_with_what_to_mend(kind, extra, told):
    with pytest.raises(DefinitionRejected, match=told):
        said(kind, "anna 0 C10AA05 1 60", extra=extra)
