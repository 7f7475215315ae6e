"""What reports say about definitions of concurrent use and treatment lines, and about their parameters."""

from __future__ import annotations

import pytest

from linkage_server.release.definition_words import facts_of
from linkage_server.release.wording import parameters_title
from tests.support.indicator_tables import HEADER, drawn_set

CODES = HEADER + '[codes.heart_failure]\nicd10_include = ["I50"]\n'
OBSERVE = 'supply = "given"\nobserve = { from = 0, to = 365 }\n'
DISPENSED = 'rule = "dispensed"\ndispensed_within_days = [90, 120]\n'
BODIES = {
    "drugs_at_date": f"{DISPENSED}at_day = 0\n",
    "drug_burden": f'{DISPENSED}calendar = {{ from = 2020-01-01, until = 2021-01-01 }}\n'
    'weights = [{ codes = "asa", weight = 1.5 }, { codes = "statin", weight = 3 }]\n',
    "dose_above_limit": 'codes = "asa"\nat_day = 0\nrule = "supply"\nsupply = "given"\n'
    'limits = [{ atc = "B01AC06", most_mg = 75 }]\n',
    "polypharmacy": 'observe = { from = 0, to = 365 }\nrule = "supply"\nsupply = "given"\n',
    "interacting_pairs": f'{OBSERVE}pairs = [{{ id = "p", first = "statin", second = "asa", class = "C" }}]\n',
    "duplicate_therapy": OBSERVE,
    "drug_after_diagnosis": f'{OBSERVE}codes = "asa"\ndiagnosis = {{ register = "par_sv", date = "admission_date", '
    'codes = "heart_failure", columns = "diagnosis", window = { from = -365, to = 0 } }\n',
    "treatment_lines": f'{OBSERVE}codes = ["statin", "asa"]\n',
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "extra", "name", "words"),
    [
        ("drugs_at_date", "", "Has a drug", "dispensed on the day or in the 90 or 120 days up to it"),
        ("drugs_at_date", "", "Distinct drugs", "by ATC code"),
        ("drugs_at_date", "code_length = 5", "Distinct drugs", "by ATC code, first 5 characters"),
        ("drugs_at_date", "by_form = true", "Distinct drugs", "by ATC code and dosage form"),
        ("drug_burden", "", "Weights", "asa 1.5; statin 3"),
        ("drug_burden", "", "Read on", "the last day of each period"),
        ("dose_above_limit", "", "Limits a day", "B01AC06 75 mg"),
        ("dose_above_limit", 'doses = "all_at_hand"', "Doses", "of all that is at hand; equal doses are one"),
        ("polypharmacy", "", "Has a drug", "supply of a dispensing covers the day; nothing is carried over"),
        ("interacting_pairs", "", "Pair p", "statin with asa, class C"),
        (
            "interacting_pairs",
            "together_days = [1, 14]\nconsecutive = true",
            "At hand",
            "1 or 14 days or more in a row",
        ),
        ("duplicate_therapy", "", "Group", "codes with the same first 5 characters, 2 drugs"),
        ("duplicate_therapy", 'carry_over = "none"', "Supply carried over", "nothing"),
        (
            "drug_after_diagnosis",
            "",
            "Diagnosis",
            "first admission_date of heart failure in diagnosis, register par_sv",
        ),
        ("treatment_lines", "", "Eras", "days with supply of a group, over gaps of up to 30 days"),
        ("treatment_lines", "lookback_days = 90", "Supply from before", "of the 90 days before the observation"),
        ("treatment_lines", 'lines = "first"', "Lines", "the first line of each treatment, at most 5"),
    ],
)
def test_what_a_definition_asks_for_is_told(kind, extra, name, words):
    definition = drawn_set(f'id = "x"\nkind = "{kind}"\n{BODIES[kind]}{extra}', header=CODES)
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts[name].startswith(words)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            "at_day=0;dispensed_within_days=90;burden_at_least=0.5",
            "at day 0, dispensed within 90 days, 0.5 points or more",
        ),
        ("observe_days=365;rule=supply;measure=mean_drugs", "over 365 days, rule supply, mean number of drugs"),
        (
            "observe_days=365;rule=supply;measure=share_of_days;drugs=5;at_least=0.5",
            "over 365 days, rule supply, share of days, with 5 drugs or more, at least 50 % of days",
        ),
        (
            "observe_days=365;class=D;together_days=14",
            "over 365 days, pairs of class D, days at hand together: 14 or more",
        ),
        ("observe_days=365;covered_days=1", "over 365 days, days covered: 1 or more"),
        ("at_day=0;rule=supply;substance=N05AD01", "at day 0, rule supply, of N05AD01"),
        ("observe_days=365;measure=days_to;line=2", "over 365 days, days until it begins, line 2"),
    ],
)
def test_parameters_are_read_as_words(parameters, words):
    assert parameters_title(parameters) == words
