"""Concurrent use checked on paper: numbers of drugs on days and over time, pairs, duplicates, drugs after a diagnosis.

Rows: person, day, ATC, packages, days of supply. Day 0 is 1 January 2020, the index day of everybody.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from tests.support.indicator_tables import (
    HEADER,
    deaths,
    dispensed,
    drawn_set,
    evaluated,
    lmed,
    outcome,
    population,
    register,
)

PERSONS = ["anna", "bo"]
CODES = (
    HEADER
    + """
[codes.psychotropic]
atc_include = ["N05A", "N05B", "N05C", "N06A"]
[codes.systemic]
atc_include = ["A", "B", "C", "N", "M"]
atc_exclude = ["A01"]
[codes.nsaid]
atc_include = ["M01A"]
[codes.ssri]
atc_include = ["N06AB"]
[codes.strong]
atc_include = ["N05AA"]
[codes.weak]
atc_include = ["N05", "N06"]
[codes.heart_failure]
icd10_include = ["I50"]
[supply.whole]
steps = ["days_supply"]
cap_days = 1000
hospital = "freeze"
"""
)


def asked(body: str, *rows: str, people: list[str] = PERSONS, **events: Any) -> dict[str, Any]:
    definition = drawn_set(f'id = "x"\n{body}', header=CODES)
    return evaluated(definition, population=population(people), lmed=lmed(people, *rows), **events)


def refused(body: str, told: str) -> None:
    with pytest.raises(DefinitionRejected, match=told):
        drawn_set(f'id = "x"\n{body}', header=CODES)


# Drugs on a day

ON_DAY = 'kind = "drugs_at_date"\nat_day = 100\ndenominator = "all"\n'
WITHIN = 'rule = "dispensed"\ndispensed_within_days = [90, 365]\n'


def test_the_window_is_part_of_the_name_and_of_the_number():
    values = asked(ON_DAY + WITHIN, "anna 5 C10AA05 1 90", "anna 20 B01AC06 1 90", "anna -260 N05BA01 1 30")
    assert outcome(values["x/at_day=100;dispensed_within_days=90"])[0] == (1, "ok")
    assert outcome(values["x/at_day=100;dispensed_within_days=365"])[0] == (3, "ok")


def test_forms_of_one_substance_are_one_drug_unless_they_are_told_apart():
    rows = [
        {**row, "dosage_form": form}
        for row, form in zip(
            dispensed("anna 90 N02BE01 1 30", "anna 95 N02BE01 1 30", "anna 99 N02BE01 1 30", "bo 99 N02BE01 1 30"),
            ["tablett", "suppositorium", "tablett", None],
            strict=True,
        )
    ]
    for by_form, drugs in (("", 1), ("by_form = true\n", 2)):
        definition = drawn_set(f'id = "x"\n{ON_DAY}{WITHIN}{by_form}', header=CODES)
        drugs_of = register(PERSONS, rows, date_column="dispensing_date")
        values = evaluated(definition, population=population(PERSONS), lmed=drugs_of)
        assert outcome(values["x/at_day=100;dispensed_within_days=90"]) == [(drugs, "ok"), (1, "ok")]


def test_psychotropics_are_distinct_substances_of_four_groups():
    body = f'{ON_DAY}{WITHIN}codes = "psychotropic"\nat_least = 3\n'
    rows = ("anna 90 N05AX08 1 30", "anna 91 N05CF01 1 30", "anna 92 N06AB04 1 30", "anna 93 N05AX08 1 30")
    others = ("anna 93 N06BA04 1 30", "bo 93 N05BA01 1 30")
    values = asked(body, *rows, *others)
    assert outcome(values["x/at_day=100;dispensed_within_days=90"]) == [(3, "ok"), (1, "ok")]
    assert outcome(values["x/at_day=100;dispensed_within_days=90;at_least=3"]) == [(1, "ok"), (0, "ok")]


def test_drugs_for_the_skin_are_left_out_by_a_code_set():
    body = f'{ON_DAY}{WITHIN}codes = "systemic"\n'
    values = asked(body, "anna 90 D07AA02 1 30", "anna 90 A01AA01 1 30", "anna 90 A02BC01 1 30")
    assert outcome(values["x/at_day=100;dispensed_within_days=90"])[0] == (1, "ok")


MONTHLY = 'kind = "drugs_at_date"\ncalendar = { from = 2020-01-01, until = 2020-04-01, step = "month" }\n'


def on_calendar(body: str, *rows: str, until: date = date(2020, 12, 31), **events: Any) -> dict[str, list[Any]]:
    from linkage_core.indicators import evaluate

    definition = drawn_set(f'id = "x"\n{body}', header=CODES)
    values = evaluate(
        definition, population=population(PERSONS, index=False), events={"lmed": lmed(PERSONS, *rows), **events},
        data_until={"lmed": until},
    )  # fmt: skip
    found: dict[str, list[Any]] = {}
    for value in values:
        assert value.period is not None
        found.setdefault(value.parameters, []).append((value.period.label, outcome(value)[0], value.incomplete))
    return found


def test_calendar_months_are_read_on_their_last_day_and_need_no_index_day():
    # 31 January is day 30, 29 February day 59, 31 March day 90.
    body = f'{MONTHLY}rule = "dispensed"\ndispensed_within_days = 31\ndenominator = "all"\n'
    rows = ("anna 0 C10AA05 1 30", "anna 30 B01AC06 1 30", "anna 59 N05BA01 1 30")
    said = on_calendar(body, *rows, until=date(2020, 3, 30))
    assert said == {
        "dispensed_within_days=31": [
            ("2020-01", (2, "ok"), False),
            ("2020-02", (2, "ok"), False),
            # The register ends on 30 March.
            ("2020-03", (None, "no_time"), False),
        ]
    }


def test_of_the_living_on_each_of_the_days():
    body = f'{MONTHLY}rule = "supply"\nsupply = "given"\n'
    said = on_calendar(body, "anna 0 C10AA05 1 31", dors=deaths(PERSONS, {"anna": 59}))
    assert [reason for _, reason, _ in said["rule=supply;denominator=alive_at_N"]] == [
        (1, "ok"),
        (None, "excluded:not_alive_at_2020-02"),
        (None, "excluded:not_alive_at_2020-03"),
    ]


def test_the_year_is_read_on_31_december():
    year = 'kind = "drugs_at_date"\ncalendar = { from = 2020-01-01, until = 2021-01-01 }\ndenominator = "all"\n'
    body = f'{year}rule = "supply"\nsupply = "given"\n'
    # 2020 has 366 days: 31 December is day 365.
    assert on_calendar(body, "anna 300 C10AA05 1 66")["rule=supply"][0][1] == (1, "ok")
    assert on_calendar(body, "anna 300 C10AA05 1 65")["rule=supply"][0][1] == (0, "ok")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"{MONTHLY}at_day = 3\n{WITHIN}", "either at_day"),
        (f'kind = "drugs_at_date"\n{WITHIN}', "either at_day"),
        (f"{ON_DAY}{WITHIN}by_form = true\ncode_length = 5", "by_form"),
        (f'{ON_DAY}{WITHIN}supply = "given"', "supply says nothing"),
        (
            f'{ON_DAY}rule = "supply"\nsupply = "given"\ndispensed_within_days = 30',
            "dispensed_within_days says nothing",
        ),
        (f"{ON_DAY.replace('100', '[1, 1]')}{WITHIN}", "stands twice"),
        (f"{ON_DAY}{WITHIN}at_least = 0", "at_least"),
        (f'{ON_DAY}rule = "supply"\nsupply = "whole"', "hospital"),
    ],
)
def test_wrong_numbers_of_drugs_are_refused_with_what_to_mend(body, told):
    refused(body, told)


# Weights of drugs

BURDEN = 'kind = "drug_burden"\nat_day = 100\nrule = "dispensed"\ndispensed_within_days = 90\ndenominator = "all"\n'
WEIGHTS = 'weights = [{ codes = "strong", weight = 3 }, { codes = "weak", weight = 0.5 }]\nat_least = [3.5, 4]\n'


def test_the_burden_is_the_sum_of_the_weights_of_distinct_drugs():
    rows = ("anna 90 N05AA01 1 30", "anna 95 N05AA01 1 30", "anna 95 N06AB04 1 30", "anna 95 C10AA05 1 30")
    values = asked(BURDEN + WEIGHTS, *rows)
    assert outcome(values["x/at_day=100;dispensed_within_days=90"]) == [(3.5, "ok"), (0, "no_rows")]
    assert outcome(values["x/at_day=100;dispensed_within_days=90;burden_at_least=3.5"])[0] == (1, "ok")
    assert outcome(values["x/at_day=100;dispensed_within_days=90;burden_at_least=4"])[0] == (0, "ok")


def test_of_several_weights_the_largest_counts():
    """N05AA is of both code sets."""
    assert outcome(asked(BURDEN + WEIGHTS, "anna 90 N05AA02 1 30")["x/at_day=100;dispensed_within_days=90"])[0] == (
        3,
        "ok",
    )


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("weights = []", "weights"),
        ('weights = [{ codes = "strong", weight = 0 }]', "weight"),
        ('weights = [{ codes = "strong", weight = 0.1234567 }]', "six decimals"),
        ('weights = [{ codes = "strong", weight = 1 }, { codes = "strong", weight = 2 }]', "stands twice"),
        ('weights = [{ codes = "unheard_of", weight = 1 }]', "unheard_of"),
    ],
)
def test_wrong_weights_are_refused(weights, told):
    refused(BURDEN + weights, told)


# Number of drugs over time

MANY = 'kind = "polypharmacy"\nobserve = { from = 0, to = 10 }\nat_least = [2, 3]\nthreshold = 0.5\n'
BY_SUPPLY = 'rule = "supply"\nsupply = "given"\n'
POINT = "x/observe_days=10;rule=supply;measure="


def test_the_mean_number_of_drugs_and_the_days_with_many_are_those_of_the_days():
    """Days 0-9: A on 0-5, B on 2-7 (begun before), C on 4-4.

    | day    | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
    | drugs  | 1 | 1 | 2 | 2 | 3 | 2 | 1 | 1 | 0 | 0 |
    """
    values = asked(MANY + BY_SUPPLY, "anna 0 C10AA05 1 6", "anna 2 B01AC06 1 6", "anna 4 N05BA01 1 1")
    assert outcome(values[f"{POINT}mean_drugs"]) == [(1.3, "ok"), (0, "no_rows")]
    assert values[f"{POINT}mean_drugs"].number.tolist() == [1.3, 0]
    assert outcome(values[f"{POINT}share_of_days;drugs=2"])[0] == (0.4, "ok")
    assert outcome(values[f"{POINT}share_of_days;drugs=3"])[0] == (0.1, "ok")
    assert outcome(values[f"{POINT}share_of_days;drugs=2;at_least=0.5"])[0] == (0, "ok")


def test_supply_from_before_the_observation_counts_and_one_drug_twice_is_one():
    values = asked(MANY + BY_SUPPLY, "anna -5 C10AA05 1 10", "anna 3 C10AA05 1 4")
    assert outcome(values[f"{POINT}mean_drugs"])[0] == (0.7, "ok")


def test_the_observation_ends_with_death():
    values = asked(MANY + BY_SUPPLY, "anna 0 C10AA05 1 6", "anna 0 B01AC06 1 6", dors=deaths(PERSONS, {"anna": 4}))
    assert outcome(values[f"{POINT}mean_drugs"])[0] == (2, "ok")
    assert values[f"{POINT}share_of_days;drugs=2"].of.tolist() == [4, 10]
    gone = asked(MANY + BY_SUPPLY, "anna 0 C10AA05 1 6", dors=deaths(PERSONS, {"anna": 0}))
    assert outcome(gone[f"{POINT}mean_drugs"])[0] == (None, "no_time")


def test_each_day_looks_back_by_the_window_of_its_rule():
    body = f'{MANY}rule = "dispensed"\ndispensed_within_days = [3, 5]\n'
    values = asked(body, "anna -1 C10AA05 1 90", "anna 6 B01AC06 1 90")
    assert outcome(values["x/observe_days=10;dispensed_within_days=3;measure=mean_drugs"])[0] == (0.5, "ok")
    assert outcome(values["x/observe_days=10;dispensed_within_days=5;measure=mean_drugs"])[0] == (0.8, "ok")


def test_a_row_that_does_not_tell_its_days_is_an_error_where_it_might_count():
    assert outcome(asked(MANY + BY_SUPPLY, "anna 3 C10AA05 1 -")[f"{POINT}mean_drugs"])[0] == (
        None,
        "error:days_supply",
    )
    assert outcome(asked(MANY + BY_SUPPLY, "anna 10 C10AA05 1 -")[f"{POINT}mean_drugs"])[0] == (0, "ok")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"{MANY}{WITHIN}".replace("to = 10", "to = 0"), "no day"),
        (f'{MANY}{WITHIN}measure = "mean_drugs"', "threshold"),
        (f'{MANY}rule = "supply"\nsupply = "whole"', "hospital"),
    ],
)
def test_wrong_observations_of_drugs_are_refused(body, told):
    refused(body, told)


def test_rows_without_a_date_or_a_code_are_no_drugs():
    values = asked(MANY + BY_SUPPLY, "anna - C10AA05 1 30", "anna 0 - 1 30", "anna 0 B01AC06 1 5")
    assert outcome(values[f"{POINT}mean_drugs"])[0] == (0.5, "ok")


# Interacting pairs

PAIRS = """kind = "interacting_pairs"
supply = "given"
observe = { from = 0, to = 100 }
pairs = [
  { id = "nsaid_asa", first = "nsaid", second = "asa", class = "C" },
  { id = "nsaid_ssri", first = "nsaid", second = "ssri", class = "D" },
]
measure = ["any", "class", "pair"]
together_days = [1, 14]
"""


def together(*rows: str, body: str = PAIRS, **events: Any) -> dict[str, float | None]:
    values = asked(body, *rows, people=["anna"], **events)
    return {name.removeprefix("x/observe_days=100;"): outcome(value)[0][0] for name, value in values.items()}


def test_a_pair_counts_by_the_days_on_which_both_are_at_hand():
    """NSAID on days 10-29, ASA on days 20-49: ten days together."""
    said = together("anna 10 M01AE01 1 20", "anna 20 B01AC06 1 30")
    assert said == {
        "pair=any;together_days=1": 1,
        "class=C;together_days=1": 1,
        "class=D;together_days=1": 0,
        "pair=nsaid_asa;together_days=1": 1,
        "pair=nsaid_ssri;together_days=1": 0,
        "pair=any;together_days=14": 0,
        "class=C;together_days=14": 0,
        "class=D;together_days=14": 0,
        "pair=nsaid_asa;together_days=14": 0,
        "pair=nsaid_ssri;together_days=14": 0,
    }


def test_one_after_the_other_is_not_together():
    assert together("anna 10 M01AE01 1 20", "anna 30 B01AC06 1 30")["pair=any;together_days=1"] == 0
    assert together("anna 10 M01AE01 1 20", "anna 29 B01AC06 1 30")["pair=any;together_days=1"] == 1


def test_supply_that_was_collected_early_is_used_afterwards():
    rows = ("anna 10 M01AE01 1 20", "anna 15 M01AE01 1 20", "anna 40 B01AC06 1 30")
    assert together(*rows)["pair=any;together_days=1"] == 1
    assert together(*rows, body=f'{PAIRS}carry_over = "none"\n')["pair=any;together_days=1"] == 0


def test_days_add_up_over_the_observation_unless_they_must_be_consecutive():
    """Together on days 0-6 and 40-46."""
    rows = ("anna 0 B01AC06 1 90", "anna 0 M01AE01 1 7", "anna 40 M01AE01 1 7")
    assert together(*rows)["pair=nsaid_asa;together_days=14"] == 1
    assert together(*rows, body=f"{PAIRS}consecutive = true\n")["pair=nsaid_asa;together_days=14"] == 0
    # Two NSAIDs in turn are one stretch with an NSAID.
    turns = ("anna 0 B01AC06 1 90", "anna 0 M01AE01 1 7", "anna 7 M01AB05 1 7")
    assert together(*turns, body=f"{PAIRS}consecutive = true\n")["pair=nsaid_asa;together_days=14"] == 1


def test_only_days_inside_the_observation_count():
    assert together("anna 99 M01AE01 1 20", "anna 50 B01AC06 1 90")["pair=any;together_days=1"] == 1
    assert together("anna 100 M01AE01 1 20", "anna 50 B01AC06 1 90")["pair=any;together_days=1"] == 0
    before = ("anna -20 M01AE01 1 20", "anna -20 B01AC06 1 20")
    assert together(*before)["pair=any;together_days=1"] == 0
    dead = {"dors": deaths(["anna"], {"anna": 20})}
    assert together("anna 10 M01AE01 1 20", "anna 20 B01AC06 1 30", **dead)["pair=any;together_days=1"] == 0


def test_rows_without_a_date_or_a_code_are_of_no_pair():
    rows = ("anna - M01AE01 1 20", "anna 20 - 1 30", "anna 20 B01AC06 1 30")
    assert together(*rows)["pair=any;together_days=1"] == 0


def test_one_drug_of_both_code_sets_is_no_pair_with_itself():
    own = PAIRS.replace('second = "ssri"', 'second = "nsaid"')
    assert together("anna 10 M01AE01 1 20", body=own)["pair=nsaid_ssri;together_days=1"] == 0
    assert together("anna 10 M01AE01 1 20", "anna 20 M01AB05 1 20", body=own)["pair=nsaid_ssri;together_days=1"] == 1


def test_a_faulty_row_of_a_pair_is_an_error_of_its_person_alone():
    values = asked(PAIRS, "anna 10 M01AE01 1 -", "bo 10 M01AE01 1 20", "bo 10 B01AC06 1 20")
    assert outcome(values["x/observe_days=100;pair=any;together_days=1"]) == [(None, "error:days_supply"), (1, "ok")]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "nsaid_ssri"', 'id = "nsaid_asa"', "stands twice"),
        ('first = "nsaid", second = "ssri"', 'first = "asa", second = "nsaid"', "stands twice"),
        ('second = "ssri"', 'second = "unheard_of"', "unheard_of"),
        ("together_days = [1, 14]", "together_days = []", "together_days"),
        ("together_days = [1, 14]", "together_days = [0]", "together_days"),
        ("to = 100", "to = -1", "no day"),
        ('supply = "given"', 'supply = "whole"', "hospital"),
    ],
)
def test_wrong_pairs_are_refused(old, new, told):
    refused(PAIRS.replace(old, new), told)


# Duplicate therapy

DUPLICATE = 'kind = "duplicate_therapy"\nsupply = "given"\nobserve = { from = 0, to = 365 }\n'


def duplicate(*rows: str, extra: str = "", days: int = 30) -> float | None:
    values = asked(DUPLICATE + extra, *rows, people=["anna"])
    return outcome(values[f"x/observe_days=365;together_days={days}"])[0][0]


def test_two_drugs_of_one_group_for_thirty_days_are_duplicate_therapy():
    first = "anna 0 C10AA05 1 100"
    assert duplicate(first, "anna 70 C10AA01 1 100") == 1
    # A change of drug with 29 days of overlap is none.
    assert duplicate(first, "anna 71 C10AA01 1 100") == 0
    assert duplicate(first, "anna 70 C10AX09 1 100") == 0
    assert duplicate(first, "anna 50 C10AA05 1 100") == 0


def test_groups_may_be_wider_and_limited_to_a_code_set():
    rows = ("anna 0 C10AA05 1 100", "anna 0 C10AX09 1 100")
    assert duplicate(*rows, extra="group_length = 3\n") == 1
    assert duplicate(*rows, extra='group_length = 3\ncodes = "statin"\n') == 0


def test_three_drugs_where_three_are_asked_for():
    rows = ("anna 0 C10AA05 1 100", "anna 0 C10AA01 1 100")
    assert duplicate(*rows, extra="least_drugs = 3\n") == 0
    assert duplicate(*rows, "anna 10 C10AA07 1 40", extra="least_drugs = 3\n") == 1


def test_days_of_different_groups_do_not_add_up():
    rows = ("anna 0 C10AA05 1 20", "anna 0 C10AA01 1 20", "anna 50 N05BA01 1 20", "anna 50 N05BA04 1 20")
    assert duplicate(*rows) == 0
    assert duplicate(*rows, extra="together_days = 20\n", days=20) == 1


# A drug after a diagnosis

AFTER = """kind = "drug_after_diagnosis"
codes = "nsaid"
supply = "given"
observe = { from = 0, to = 100 }
covered_days = [1, 14]
[indicator.diagnosis]
register = "par_sv"
date = "admission_date"
codes = "heart_failure"
columns = ["diagnosis"]
window = { from = -365, to = 10 }
"""


def after(*rows: str, diagnoses: dict[int, str], **events: Any) -> list[tuple[float | None, str]]:
    stays = [{"person": "anna", "day": day, "diagnosis": [code]} for day, code in diagnoses.items()]
    stays.append({"person": "bo", "day": 0, "diagnosis": ["J18"]})
    values = asked(AFTER, *rows, par_sv=register(PERSONS, stays, date_column="admission_date"), **events)
    return [outcome(values[f"x/observe_days=100;covered_days={days}"])[0] for days in (1, 14)]


def test_the_drug_counts_from_the_day_of_the_first_diagnosis():
    rows = ("anna 0 M01AE01 1 20",)
    assert after(*rows, diagnoses={10: "I50.9"}) == [(1, "ok"), (0, "ok")]
    assert after(*rows, diagnoses={6: "I50.9", 10: "I50"}) == [(1, "ok"), (1, "ok")]
    assert after("anna -30 M01AE01 1 20", diagnoses={-10: "I50"}) == [(0, "ok"), (0, "ok")]
    # Day 90 is the first after 100 days from day -10 on.
    assert after("anna 90 M01AE01 1 20", diagnoses={-10: "I50"}) == [(0, "ok"), (0, "ok")]
    assert after("anna 89 M01AE01 1 20", diagnoses={-10: "I50"}) == [(1, "ok"), (0, "ok")]


def test_who_has_no_diagnosis_in_the_window_is_left_out():
    none = [(None, "excluded:no_diagnosis")] * 2
    assert after("anna 0 M01AE01 1 20", diagnoses={11: "I50.9"}) == none
    assert after("anna 0 M01AE01 1 20", diagnoses={0: "I51"}) == none
    assert after("anna 0 M01AE01 1 20", diagnoses={-366: "I50"}) == none


def test_days_after_death_are_not_looked_at():
    dead = {"dors": deaths(PERSONS, {"anna": 30})}
    assert after("anna 29 M01AE01 1 20", diagnoses={0: "I50"}, **dead)[0] == (1, "ok")
    assert after("anna 30 M01AE01 1 20", diagnoses={0: "I50"}, **dead)[0] == (0, "ok")


def test_without_the_drug_the_answer_is_no():
    assert after("bo 0 M01AE01 1 20", diagnoses={0: "I50"})[0] == (0, "no_rows")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("observe = { from = 0", "observe = { from = -1", "before the diagnosis"),
        ("to = 10 }", "to = [10, 20] }", "one window"),
        ('"heart_failure"', '"unheard_of"', "unheard_of"),
        ('columns = ["diagnosis"]', "columns = []", "columns"),
    ],
)
def test_wrong_diagnoses_are_refused(old, new, told):
    refused(AFTER.replace(old, new), told)
