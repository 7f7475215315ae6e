"""Every kind of the start of treatment and of use says in words what it goes by."""

from __future__ import annotations

import pytest

from linkage_server.release.definition_words import facts_of, unit_of
from tests.support.indicator_tables import drawn_set

WINDOW = "window = { from = 0, to = 90 }"
SAID = [
    (
        "incidence",
        "observe = { from = 0, to = 365 }",
        "Washout",
        "365 days without a dispensing; a person may begin once",
    ),
    (
        "incidence",
        "observe = { from = 0, to = 9 }\nrepeated = true",
        "Washout",
        "365 days without a dispensing; a person may begin again after a new washout",
    ),
    ("incidence", "observe = { from = 0, to = 9 }", "Observed from", "2005-07-01"),
    (
        "new_or_continuing",
        f'{WINDOW}\nobserved_from = {{ column = "immigrated" }}',
        "Observed from",
        "2005-07-01, or the population's immigrated where that is later",
    ),
    ("new_or_continuing", WINDOW, "Earlier users", "with a dispensing in the 180 days before the index day"),
    ("prevalence", 'rule = "dispensed"\nobserve = { from = 0, to = 9 }', "User", "a dispensing in the period"),
    (
        "prevalence",
        'rule = "covered"\nsupply = "given"\nat_day = 9',
        "Supply carried over",
        "a stock of each drug, at most 180 days, from 180 days before",
    ),
    ("on_treatment", 'month = [2, 6]\nrule = "dispensed"', "At month", "2 (day 61) or 6 (day 183)"),
    (
        "on_treatment",
        'month = 2\nrule = "dispensed"',
        "On treatment",
        "a dispensing on the day or the 90 days before it",
    ),
    ("time_to_initiation", "", "Death", "a competing end"),
    ("time_to_initiation", "follow_up_days = 90", "Observed", "90 days from the index day"),
    ("combination", f"{WINDOW}\nat_least = [1, 2]", "At least", "1 or 2 of 2 groups"),
    (
        "primary_non_adherence",
        f'{WINDOW}\nprescriptions = "p"',
        "Not dispensed",
        "nothing of the same drug within 30 or 90 days of the day of issue",
    ),
    (
        "high_intensity",
        'at_day = 9\nthresholds = [{ atc = "C10BA05", least_mg = 40, component = 2 }]',
        "High intensity, C10BA05",
        "40 mg a day or more (strength 2 of the text)",
    ),
    (
        "high_intensity",
        'at_day = 9\nthresholds = [{ atc = "C10AA05", least_mg = 40 }]',
        "Daily dose",
        "strength x units a day by dosage_text, then units_per_day:1",
    ),
    (
        "medication_possession_ratio",
        'supply = "given"\nobserve = { from = 0, to = 9 }\ncap_at_1 = true',
        "Days",
        "from its start; a ratio above 1 counts as 1",
    ),
]


@pytest.mark.parametrize(("kind", "body", "name", "words"), SAID)
def test_what_a_definition_fixes_is_told(kind, body, name, words):
    codes = '["statin", "asa"]' if kind == "combination" else '"statin"'
    definition = drawn_set(f'id = "x"\nkind = "{kind}"\ncodes = {codes}\n{body}')
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts["Kind"]
    assert facts[name] == words


def test_sums_have_a_unit():
    bodies = {
        "combination": f'codes = ["statin", "asa"]\n{WINDOW}',
        "incidence": 'codes = "statin"\nobserve = { from = 0, to = 9 }',
    }
    for kind, unit in (("combination", "groups"), ("incidence", "events")):
        (indicator,) = drawn_set(f'id = "x"\nkind = "{kind}"\n{bodies[kind]}').indicators
        assert unit_of(indicator) == unit
