"""Every kind that follows a person from her first dispensing says in words what it goes by."""

from __future__ import annotations

import pytest

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
    assert facts["Supply carried over"] == "supply of each drug"
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
