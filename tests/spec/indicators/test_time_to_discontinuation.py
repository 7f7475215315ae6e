"""Time from the first dispensing to discontinuation, on paper. Rows: person, day, ATC, packages, days of supply.

Everybody has supply on days 0 to 100; 30 days may pass without; follow-up is 200 days. `strict` waits for the 30 days.

| leaves on day | plain                 | strict                                                |
|---------------|-----------------------|-------------------------------------------------------|
| never         | discontinued, day 100 | discontinued, day 100                                  |
| 100           | censored, day 100     | censored, day 100                                      |
| 101           | discontinued, day 100 | censored, day 101: the gap had not passed              |
| 130           | discontinued, day 100 | censored, day 130: the gap is reached and not exceeded |
| 131           | discontinued, day 100 | discontinued, day 100                                  |
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage_core.survival import Ending
from tests.support.indicator_tables import DAY_0, HEADER, deaths, drawn_set, evaluated, lmed, outcome, population

ANNA = ["anna"]
SUPPLIED = ("anna 0 C10AA05 1 60", "anna 50 C10AA05 1 40")
BOTH = 'censoring = ["plain", "strict"]'


def rule(extra: str = BOTH, *, gap: str = "gap_days = 30") -> str:
    return (
        f'id = "t"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\n{gap}\n'
        f"follow_up_days = 200\n{extra}"
    )


def values_of(*rows: str, dies: int | None = None, extra: str = BOTH, until: int | None = None, gap="gap_days = 30"):
    return evaluated(
        drawn_set(rule(extra, gap=gap)),
        population=population(ANNA),
        lmed=lmed(ANNA, *(rows or SUPPLIED)),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
        until={} if until is None else {"lmed": DAY_0 + timedelta(days=until)},
    )


def time(values, censoring: str = "strict", gap: int = 30) -> tuple[int, Ending]:
    times = values[f"t/gap_days={gap};censoring={censoring};measure=days"].times
    return int(times.day[0]), Ending(times.ending[0])


@pytest.mark.parametrize(
    ("dies", "plain", "strict"),
    [
        (None, (100, Ending.EVENT), (100, Ending.EVENT)),
        (99, (99, Ending.COMPETING), (99, Ending.COMPETING)),
        (100, (100, Ending.COMPETING), (100, Ending.COMPETING)),
        (101, (100, Ending.EVENT), (101, Ending.COMPETING)),
        (130, (100, Ending.EVENT), (130, Ending.COMPETING)),
        (131, (100, Ending.EVENT), (100, Ending.EVENT)),
    ],
)
def test_a_death_inside_the_permitted_gap_is_no_discontinuation(dies, plain, strict):
    values = values_of(dies=dies)
    assert time(values, "plain") == plain
    assert time(values, "strict") == strict


def test_the_value_is_the_number_of_days_and_how_it_ended_is_counted():
    values = values_of(dies=101)
    said = {name: outcome(value)[0] for name, value in values.items()}
    assert said == {
        "t/gap_days=30;censoring=plain;measure=days": (100, "ok"),
        "t/gap_days=30;censoring=plain;measure=discontinued": (1, "ok"),
        "t/gap_days=30;censoring=plain;measure=died": (0, "ok"),
        "t/gap_days=30;censoring=strict;measure=days": (101, "ok"),
        "t/gap_days=30;censoring=strict;measure=discontinued": (0, "ok"),
        "t/gap_days=30;censoring=strict;measure=died": (1, "ok"),
    }


def test_who_is_treated_throughout_is_censored_at_the_end_of_follow_up():
    assert time(values_of("anna 0 C10AA05 1 200")) == (200, Ending.CENSORED)
    # A last gap that is not exceeded does not end the treatment; AdhereR ends it where it is equal.
    assert time(values_of("anna 0 C10AA05 1 170")) == (200, Ending.CENSORED)
    compat = {"extra": f'{BOTH}\nmode = "compat"'}
    assert time(values_of("anna 0 C10AA05 1 170", **compat), "plain") == (170, Ending.EVENT)
    assert time(values_of("anna 0 C10AA05 1 170", **compat), "strict") == (200, Ending.CENSORED)


def test_the_end_of_the_register_censors_and_makes_counts_incomplete():
    values = values_of(until=109)
    assert time(values, "strict") == (110, Ending.CENSORED)
    assert values["t/gap_days=30;censoring=strict;measure=discontinued"].incomplete
    assert not values["t/gap_days=30;censoring=strict;measure=days"].incomplete
    assert time(values_of(until=130), "strict") == (100, Ending.EVENT)


def test_a_grid_of_gaps_comes_from_one_pass():
    values = values_of("anna 0 C10AA05 1 30", "anna 50 C10AA05 1 150", gap="gap_days = [10, 20, 30]")
    assert [time(values, "strict", gap) for gap in (10, 20, 30)] == [
        (30, Ending.EVENT),
        (200, Ending.CENSORED),
        (200, Ending.CENSORED),
    ]


def test_who_changes_medication_has_stopped_at_once():
    rows = ("anna 0 C10AA05 1 60", "anna 60 C10AA01 1 200")
    extra = f'{BOTH}\nnew_episode_on = "medication_change"'
    assert time(values_of(*rows, dies=70, extra=extra), "strict") == (60, Ending.EVENT)


def test_who_dies_on_the_day_of_the_first_dispensing_is_counted_with_no_time():
    assert time(values_of(dies=0 + 1, extra=BOTH)) == (1, Ending.COMPETING)
    same_day = values_of("anna 5 C10AA05 1 30", dies=5)
    assert time(same_day) == (0, Ending.COMPETING)
    assert time(values_of("anna 0 C10AA05 1 30", dies=0)) == (0, Ending.COMPETING)
    after = values_of("anna 6 C10AA05 1 30", dies=5)
    assert outcome(after["t/gap_days=30;censoring=strict;measure=days"]) == [(None, "excluded:not_started")]


def test_without_a_competing_death_it_censors():
    values = values_of(dies=101, extra=f'{BOTH}\ncompeting = "none"')
    assert time(values) == (101, Ending.CENSORED)
    assert not any("died" in name for name in values)


def test_a_competing_death_needs_a_register_that_tells_it():
    definition = drawn_set(rule())
    with pytest.raises(EventsRejected, match="dates of death"):
        evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, *SUPPLIED))


def test_who_never_began_has_no_time():
    values = values_of("anna -1 C10AA05 1 30")
    assert outcome(values["t/gap_days=30;censoring=strict;measure=days"]) == [(None, "excluded:not_started")]


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ('statistic = ["km"]', "at_days"),
        ('statistic = ["rmst:365"]', "above follow_up_days"),
        ('statistic = ["rmst"]', "statistic"),
        ('censoring = ["plain", "plain"]', "stands twice"),
        ("at_days = 201", "above follow_up_days"),
        ("at_days = [30, 30]", "stands twice"),
    ],
)
def test_a_wrong_definition_is_refused_with_what_to_mend(extra, told):
    with pytest.raises(DefinitionRejected, match=told):
        drawn_set(rule(extra))


def test_death_cannot_compete_where_a_set_does_not_know_it():
    unknown = HEADER + "[exits]\ndeath = false\n"
    with pytest.raises(DefinitionRejected, match="write competing = 'none'"):
        drawn_set(rule(), header=unknown)
    drawn_set(rule('competing = "none"'), header=unknown)


# Supply at hand on a day after the first dispensing.


def on_days(*rows: str, days: list[int], dies: int | None = None, extra: str = ""):
    definition = drawn_set(
        f'id = "c"\nkind = "covered_on_day"\ncodes = "statin"\nsupply = "given"\nat_days = {days}\n{extra}'
    )
    values = evaluated(
        definition,
        population=population(ANNA),
        lmed=lmed(ANNA, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
    )
    return [outcome(values[f"c/day_of_treatment={day}"])[0] for day in days]


def test_a_day_is_covered_where_a_whole_days_supply_is_at_hand():
    # Supply on days 10 to 39, and from 50 on, counted from the first dispensing on day 10.
    said = on_days("anna 10 C10AA05 1 30", "anna 60 C10AA05 1 30", days=[0, 29, 30, 49, 50, 79, 80])
    assert [value for value, _ in said] == [1, 1, 0, 0, 1, 1, 0]


def test_days_may_be_asked_for_in_any_order():
    said = on_days("anna 0 C10AA05 1 30", days=[30, 0, 29])
    assert [value for value, _ in said] == [0, 1, 1]


def test_an_early_refill_covers_later_days():
    assert on_days("anna 0 C10AA05 1 30", "anna 20 C10AA05 1 30", days=[59, 60]) == [(1, "ok"), (0, "ok")]


def test_who_is_no_longer_observed_is_not_asked_about():
    said = on_days("anna 0 C10AA05 1 30", days=[9, 10], dies=10)
    assert said == [(1, "ok"), (None, "excluded:not_observed_at_10")]
