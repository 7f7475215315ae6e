"""Outcomes, sequences and reasons are what the twin says of each person, whatever the rows."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.indicators.values import PersonValues
from linkage_core.survival import Ending
from tests.reference import outcomes as reference
from tests.support.indicator_tables import deaths, drawn_set, evaluated, outcome, population, register

PERSONS = ["anna", "bo", "cilla"]
FROM, UNTIL, LANDMARK, AFTER, APART, WITHIN = 5, 60, 20, 30, 25, 40
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06"]
[codes.bleeding]
icd10_include = ["K92"]
[codes.prevention]
snomed_include = ["22298006", "38341003"]
[codes.fibrillation]
snomed_include = ["49436004", "22298006"]
[supply.given]
steps = ["days_supply"]
"""
CONCEPTS = ["22298006", "38341003", "49436004", "195967001"]
SETS = {"prevention": {"22298006", "38341003"}, "fibrillation": {"49436004", "22298006"}}
CLASSES = (*SETS, "other", "not_recorded")
OUTCOME = 'outcome = { register = "par_sv", date = "admission_date", codes = "bleeding", columns = "diagnosis" }'
RATE = (
    f'kind = "outcome_rate"\ncodes = "statin"\nsupply = "given"\ngrace_days = [0, 7]\n{OUTCOME}\n'
    f"observe = {{ from = {FROM}, to = {UNTIL} }}"
)
USERS = 'kind = "users"\ncodes = "statin"\nobserve = { from = -100, to = 200 }\nby_reason = '
SET = drawn_set(
    f'id = "rows"\n{RATE}',
    f'id = "days"\n{RATE}\nexposure = "by_day"',
    f'id = "mark"\nkind = "landmark_outcome"\ncodes = "statin"\nsupply = "given"\nlandmark_day = {LANDMARK}\n'
    f"follow_up_days = {AFTER}\n{OUTCOME}",
    f'id = "order"\nkind = "sequence_symmetry"\ncodes = "statin"\nmarker = "asa"\nmost_days_apart = {APART}\n'
    f'null_window_days = {WITHIN}\nstatistic = ["crude_ratio", "null_ratio"]\nend_at_exit = false',
    *(
        f'id = "{rule}"\n{USERS}{{ sets = ["prevention", "fibrillation"], rule = "{rule}" }}'
        for rule in ("first", "latest", "any")
    ),
    header=HEADER,
)
ROW = st.fixed_dictionaries(
    {
        "day": st.integers(-20, 70),
        "atc": st.sampled_from(["C10AA05", "C10AA01", "B01AC06"]),
        "packages": st.just(1),
        "days_supply": st.integers(1, 20),
        "prescribing_reason": st.lists(st.sampled_from(CONCEPTS), unique=True, max_size=2),
    }
)
PERSON = st.fixed_dictionaries(
    {
        "rows": st.lists(ROW, max_size=6),
        "outcomes": st.lists(st.integers(-10, 80), max_size=3),
        "dies": st.none() | st.integers(0, 90),
    }
)


def values_of(persons: list[dict[str, Any]]) -> dict[str, PersonValues]:
    named = list(zip(PERSONS, persons, strict=True))
    # Nobody's rows give the registers their columns.
    nobodys = {
        "person": "anna",
        "day": 9000,
        "atc": "N02",
        "packages": 1,
        "days_supply": 1,
        "prescribing_reason": ["1"],
    }
    rows = [nobodys, *({"person": name, **row} for name, one in named for row in one["rows"])]
    stays = [{"person": "anna", "day": 9000, "diagnosis": "J45"}]
    stays += [{"person": name, "day": day, "diagnosis": "K922"} for name, one in named for day in one["outcomes"]]
    return evaluated(
        SET,
        population=population(PERSONS),
        lmed=register(PERSONS, rows, date_column="dispensing_date"),
        par_sv=register(PERSONS, stays, date_column="admission_date"),
        dors=deaths(PERSONS, {name: one["dies"] for name, one in named if one["dies"] is not None}),
    )


def statins(person: dict[str, Any]) -> list[reference.Dispensed]:
    return [(row["day"], row["atc"], row["days_supply"]) for row in person["rows"] if row["atc"].startswith("C10")]


PERSONS_DRAWN = st.lists(PERSON, min_size=3, max_size=3)


@settings(max_examples=200)
@given(PERSONS_DRAWN)
def test_days_and_outcomes_by_arm_are_those_of_the_twin(persons):
    values = values_of(persons)
    for place, person in enumerate(persons):
        end = UNTIL if person["dies"] is None else min(UNTIL, person["dies"])
        for name, grace in (("rows", 0), ("rows", 7), ("days", 0), ("days", 7)):
            point = f"{name}/observe_days={UNTIL - FROM};grace_days={grace}"
            if end <= FROM:
                assert outcome(values[f"{point};measure=exposed_days"])[place] == (None, "no_time")
                continue
            said = reference.arms(
                statins(person), person["outcomes"], start=FROM, end=end, grace=grace, by_day=name == "days"
            )
            for arm, days in (("exposed", said.exposed), ("unexposed", said.unexposed)):
                assert outcome(values[f"{point};measure={arm}_days"])[place][0] == days
                own = values[f"{point};arm={arm}"]
                assert own.has_value[place] == (days > 0)
                assert own.says_yes[place] == (said.outcome_in == arm)
                assert own.person_days[place] == days


@settings(max_examples=200)
@given(PERSONS_DRAWN)
def test_times_from_the_landmark_are_those_of_the_twin(persons):
    value = values_of(persons)[f"mark/landmark_day={LANDMARK};measure=days"]
    for place, person in enumerate(persons):
        said = reference.after_landmark(person["outcomes"], person["dies"], landmark=LANDMARK, days=AFTER)
        assert value.has_value[place] == (said is not None)
        if said is not None:
            assert (value.times.day[place], Ending(value.times.ending[place]).name.lower()) == said


@settings(max_examples=200)
@given(PERSONS_DRAWN)
def test_sequences_are_those_of_the_twin(persons):
    value = values_of(persons)["order/first=index"]
    words = {(1, "ok"): "index first", (0, "ok"): "marker first"}
    firsts: dict[str, list[int]] = {"C10": [], "B01": []}
    said = []
    for person in persons:
        days = {group: [row["day"] for row in person["rows"] if row["atc"].startswith(group)] for group in firsts}
        said.append(reference.sequence(days["C10"], days["B01"], most_days_apart=APART))
        for group, own in days.items():
            firsts[group] += [min(own)] if own else []
    assert [words.get(one, one[1]) for one in outcome(value)] == said
    found = {one.statistic: one for one in value.statistics(value.has_value | True)}
    assert (found["crude_ratio"].numerator, found["crude_ratio"].denominator) == (
        said.count("index first"),
        said.count("marker first"),
    )
    null = reference.null_pairs(firsts["C10"], firsts["B01"], within=WITHIN)
    assert (found["null_ratio"].numerator, found["null_ratio"].denominator) == null


@settings(max_examples=200)
@given(PERSONS_DRAWN)
def test_classes_of_reasons_are_those_of_the_twin(persons):
    values = values_of(persons)
    for rule in ("first", "latest", "any"):
        for place, person in enumerate(persons):
            alive = [
                (row["day"], frozenset(row["prescribing_reason"]))
                for row in person["rows"]
                if row["atc"].startswith("C10") and (person["dies"] is None or row["day"] < person["dies"])
            ]
            said = reference.reasons(alive, rule=rule, sets=SETS)
            points = {name: values[f"{rule}/{rule}_reason={name};observe_days=300"] for name in CLASSES}
            assert {name for name in CLASSES if points[name].has_value[place]} == said
            missing = outcome(values[f"{rule}/{rule}_reason_missing"])[place]
            assert missing == ((int(said == {"not_recorded"}), "ok") if said else (None, "excluded:no_rows"))
