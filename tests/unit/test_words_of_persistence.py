"""Every kind that follows a person from her first dispensing says in words what it goes by."""

from __future__ import annotations

import pytest

from linkage.errors import DefinitionRejected
from linkage_server.release.definition_words import facts_of
from tests.support.indicator_tables import drawn_set

COMMON = 'id = "x"\ncodes = "statin"\nsupply = "given"\n'
KINDS = {
    "treatment_episodes": 'gap_days = [30, 90]\nnew_episode_on = "medication_change"',
    "time_to_discontinuation": 'gap_percent = 50\ncensoring = ["strict", "plain"]',
    "covered_on_day": "at_days = 90",
    "restart": "gap_days = 30\nwithin_days = 90",
    "switch": "gap_days = 30",
    "add_on": 'gap_days = 30\nto = "asa"',
    "dose_change": "",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_says_whom_it_follows_and_what_it_permits(kind):
    definition = drawn_set(f'{COMMON}kind = "{kind}"\n{KINDS[kind]}')
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts["Kind"]
    assert facts["Observed"].endswith("days from the first dispensing on or after day 0")
    # A change of dose compares doses, whatever supply is left.
    assert facts.get("Supply carried over") == (None if kind == "dose_change" else "supply of each drug")
    assert facts["Days of supply"]
    assert ("Permitted gap" in facts) == ("gap" in KINDS[kind])


def test_gaps_and_changes_are_told_as_they_are():
    definition = drawn_set(f'{COMMON}kind = "treatment_episodes"\n{KINDS["treatment_episodes"]}')
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts["Permitted gap"] == "30 or 90 days"
    assert facts["New episode on"] == "medication change"
    definition = drawn_set(f'{COMMON}kind = "time_to_discontinuation"\n{KINDS["time_to_discontinuation"]}')
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts["Permitted gap"] == "50 % of the supply"
    assert facts["Discontinued"].startswith("the permitted gap has passed")


@pytest.mark.parametrize(
    ("kind", "extra", "name", "words"),
    [
        ("treatment_episodes", "append_gap = true", "Permitted gap", "30 or 90 days, part of the episode that it ends"),
        ("treatment_episodes", "end_at_exit = false", "Death and emigration", "do not end observation"),
        ("treatment_episodes", 'mode = "compat"', "Compatibility", "computed as AdhereR 0.8.1 does"),
        ("covered_on_day", "dosage_change = true", "Supply carried over", "supply of each drug, converted to its dose"),
        ("time_to_discontinuation", "", "Death", "a competing end"),
        ("restart", "", "Death", "a competing end"),
        ("switch", "", "Switched", "to another drug of statin, first dispensed from 30 days before the end of supply"),
        ("switch", 'to = "asa"\nbefore_days = 7', "Switched", "to another drug of asa, first dispensed from 7 days"),
        (
            "add_on",
            "together_days = 60",
            "Added",
            "asa, first dispensed while covered, 60 days or more before the first",
        ),
        (
            "add_on",
            'starts = "in_episode"',
            "Added",
            "asa, first dispensed 30 days or more before the first episode ends",
        ),
        ("dose_change", "least_percent = 10", "Changes of dose", "of 10 % or more"),
    ],
)
def test_what_a_definition_asks_for_beside_the_defaults_is_told(kind, extra, name, words):
    definition = drawn_set(f'{COMMON}kind = "{kind}"\n{KINDS[kind]}\n{extra}')
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts[name].startswith(words)


def test_a_default_that_changes_nothing_is_not_told():
    definition = drawn_set(
        f'{COMMON}kind = "time_to_discontinuation"\n{KINDS["restart"].splitlines()[0]}\ncompeting = "none"'
    )
    facts = dict(facts_of(definition.indicators[0], definition))
    assert not facts.keys() & {"Death", "Compatibility", "Death and emigration"}


@pytest.mark.parametrize("parameter", ['mode = "compat"', 'carry_over = "pooled"', "dosage_change = true"])
def test_a_change_of_dose_refuses_what_would_say_nothing_of_it(parameter):
    with pytest.raises(DefinitionRejected, match=parameter.partition(" ")[0]):
        drawn_set(f'{COMMON}kind = "dose_change"\n{parameter}')
