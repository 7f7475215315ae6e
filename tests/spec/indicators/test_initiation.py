"""Initiation: a dispensing within N days of the index day. Rows: person, day, ATC, packages, days of supply."""

from __future__ import annotations

from datetime import timedelta

import pytest

from linkage.errors import EventsRejected
from tests.support.indicator_tables import DAY_0, deaths, drawn_set, evaluated, lmed, outcome, population

INITIATION = 'id = "start"\nkind = "initiation"\ncodes = "statin"\n'
PERSONS = ["anna", "bo"]


def started(*rows: str, body: str, until=None, **events):
    definition = drawn_set(INITIATION + body)
    values = evaluated(definition, population=population(PERSONS), until=until, lmed=lmed(PERSONS, *rows), **events)
    return {name.removeprefix("start/"): outcome(value) for name, value in values.items()}


def test_both_ends_of_the_window_belong_to_it():
    assert started("anna 0 C10AA05 1 30", "bo 90 C10AA05 1 30", body="window = { from = 0, to = 90 }") == {
        "within_days=90": [(1, "ok"), (1, "ok")]
    }
    assert started("anna -1 C10AA05 1 30", "bo 91 C10AA05 1 30", body="window = { from = 0, to = 90 }") == {
        "within_days=90": [(0, "ok"), (0, "ok")]
    }


def test_a_grid_of_windows_gives_a_value_for_each():
    assert started("anna 31 C10AA05 1 30", body="window = { from = 0, to = [30, 90] }") == {
        "within_days=30": [(0, "ok"), (0, "no_rows")],
        "within_days=90": [(1, "ok"), (0, "no_rows")],
    }


def test_a_dispensing_that_was_reversed_is_no_start_even_if_reversed_after_the_window():
    assert started("anna 10 C10AA05 1 30", "anna 95 C10AA05 -1 30", body="window = { from = 0, to = 90 }") == {
        "within_days=90": [(0, "no_rows"), (0, "no_rows")]
    }


def test_the_dead_stay_in_the_denominator_all_and_leave_alive_at_n():
    said = started(
        "anna 5 C10AA05 1 30",
        body='window = { from = 0, to = 30 }\ndenominator = ["all", "alive_at_N"]',
        dors=deaths(PERSONS, {"anna": 30, "bo": 31}),
    )
    assert said["within_days=30"] == [(1, "ok"), (0, "no_rows")]
    assert said["within_days=30;denominator=alive_at_N"] == [(None, "excluded:not_alive_at_30"), (0, "no_rows")]


def test_alive_at_n_is_refused_where_nobody_tells_who_died():
    with pytest.raises(EventsRejected, match="needs dates of death"):
        started("anna 5 C10AA05 1 30", body='window = { from = 0, to = 30 }\ndenominator = "alive_at_N"')


def test_a_washout_excludes_those_who_had_the_drug_before():
    body = 'window = { from = 0, to = 90 }\nwashout = { from = -180, to = -1, effect = "exclude" }'
    assert started("anna -180 C10AA05 1 30", "anna 1 C10AA05 1 30", "bo -181 C10AA05 1 30", body=body) == {
        "within_days=90": [(None, "excluded:washout"), (0, "ok")]
    }


def test_a_stratifying_washout_counts_new_and_continuing_persons_apart():
    body = 'window = { from = 0, to = 90 }\nwashout = { from = -180, to = -1, effect = "stratify" }'
    assert started("anna -5 C10AA05 1 30", "anna 1 C10AA05 1 30", "bo 3 C10AA05 1 30", body=body) == {
        "within_days=90": [(1, "ok"), (1, "ok")],
        "within_days=90;before=none": [(None, "excluded:used_before"), (1, "ok")],
        "within_days=90;before=any": [(1, "ok"), (None, "excluded:not_used_before")],
    }


def test_a_window_past_the_last_complete_day_of_the_register_is_marked_incomplete():
    definition = drawn_set(INITIATION + "window = { from = 0, to = [30, 90] }")
    values = evaluated(
        definition,
        population=population(PERSONS),
        until={"lmed": DAY_0 + timedelta(days=60)},
        lmed=lmed(PERSONS, "anna 10 C10AA05 1 30"),
    )
    assert [value.incomplete for value in values.values()] == [False, True]
    assert values["start/within_days=90"].value.tolist() == [1, 0]


def test_an_incomplete_window_can_be_left_out_instead():
    header = '[set]\nid = "x"\nversion = "1.0.0"\n[codes.statin]\natc_include = ["C10AA"]\n'
    definition = drawn_set(
        INITIATION + "window = { from = 0, to = 90 }", header=header + '[exits]\nincomplete = "exclude"\n'
    )
    late = population(PERSONS, index_days={"bo": -365})
    until = {"lmed": DAY_0 + timedelta(days=60)}
    value = evaluated(definition, population=late, until=until, lmed=lmed(PERSONS, "anna 1 C10AA05 1 30"))
    assert outcome(value["start/within_days=90"]) == [(None, "excluded:window_incomplete"), (0, "no_rows")]
    assert not value["start/within_days=90"].incomplete


def test_a_row_without_packages_makes_that_person_an_error():
    assert started("anna 5 C10AA05 - 30", "bo 5 C10AA05 1 30", body="window = { from = 0, to = 90 }") == {
        "within_days=90": [(None, "error:packages"), (1, "ok")]
    }


def test_codes_outside_their_validity_do_not_match():
    header = (
        '[set]\nid = "x"\nversion = "1.0.0"\n[codes.statin]\natc_include = ["C10AA"]\nvalid = { from = 2020-01-11 }\n'
    )
    definition = drawn_set(INITIATION + "window = { from = 0, to = 90 }", header=header)
    rows = lmed(PERSONS, "anna 9 C10AA05 1 30", "bo 10 C10AA05 1 30")
    value = evaluated(definition, population=population(PERSONS), lmed=rows)["start/within_days=90"]
    assert value.value.tolist() == [0, 1]
