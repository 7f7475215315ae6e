"""Any indicator by prescribing reason: who stands under which, by the table in docs/manual/outcomes.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage.indicator_definition import needed_columns
from linkage_core.indicators.values import PersonValues
from tests.support.indicator_tables import deaths, drawn_set, evaluated, lmed, outcome, population, register

PAGE = (Path(__file__).parents[3] / "docs" / "manual" / "outcomes.md").read_text(encoding="utf-8")
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.fibrillation]
snomed_include = ["49436004"]
[codes.prevention]
snomed_include = ["22298006", "38341003"]
[codes.bleeding]
icd10_include = ["K92"]
[supply.given]
steps = ["days_supply"]
cap_days = 1000
"""
USERS = 'id = "x"\nkind = "users"\ncodes = "statin"\nobserve = { from = 0, to = 365 }\n'
SETS = 'sets = ["fibrillation", "prevention"]'
CLASSES = ("fibrillation", "prevention", "other", "not_recorded")


def told() -> list[list[str]]:
    """Rows of the manual's table."""
    lines = PAGE[PAGE.index("| person | reasons by day of dispensing") :].splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[2:end]]


NAMES = [row[0] for row in told()]


def manual_rows() -> list[dict[str, Any]]:
    found = []
    for person, cell, *_ in told():
        for day, reasons in re.findall(r"(\d+): ([^;]+)", cell):
            codes = re.findall(r"\d+", reasons)
            found.append(
                {"person": person, "day": int(day), "atc": "C10AA05", "packages": 1, "prescribing_reason": codes}
            )
    return found


def values_of(body: str, rows: list[dict[str, Any]] | None = None, **events: Any) -> dict[str, PersonValues]:
    drawn = [{"days_supply": 30, **row} for row in (manual_rows() if rows is None else rows)]
    given = {"lmed": register(NAMES, drawn, date_column="dispensing_date"), **events}
    return evaluated(drawn_set(body, header=HEADER), population=population(NAMES), **given)


def classes(values: dict[str, PersonValues], rule: str, point: str = "observe_days=365") -> list[str]:
    """Which classes hold each person."""
    holds = {name: values[f"x/{rule}_reason={name};{point}"].has_value for name in CLASSES}
    return [", ".join(name for name in CLASSES if holds[name][place]) for place in range(len(NAMES))]


@pytest.mark.parametrize(("place", "rule"), [(2, "first"), (3, "latest"), (4, "any")])
def test_each_rule_gives_the_classes_of_the_manual(place: int, rule: str) -> None:
    values = values_of(f'{USERS}by_reason = {{ {SETS}, rule = "{rule}" }}')
    assert classes(values, rule) == [row[place] for row in told()]


def test_the_whole_stands_beside_its_parts_and_says_what_it_says_without_them():
    values = values_of(f"{USERS}by_reason = {{ {SETS} }}")
    assert outcome(values["x/observe_days=365"]) == [*[(1, "ok")] * 5, (0, "no_rows")]
    part = values["x/first_reason=prevention;observe_days=365"]
    assert outcome(part)[2] == (1, "ok")
    assert outcome(part)[0] == (None, "excluded:other_reason")


def test_the_share_missing_is_of_those_who_have_a_dispensing():
    values = values_of(f'{USERS}by_reason = {{ {SETS}, rule = "latest" }}')
    missing = [(0, "ok")] * 3 + [(1, "ok"), (0, "ok"), (None, "excluded:no_rows")]
    assert outcome(values["x/latest_reason_missing"]) == missing


def test_only_dispensings_of_the_indicators_own_codes_in_the_window_decide():
    other = {"person": "anna", "day": 0, "atc": "N02BE01", "packages": 1, "prescribing_reason": ["195967001"]}
    values = values_of(f"{USERS}by_reason = {{ {SETS}, window = {{ from = 20, to = 40 }} }}", [*manual_rows(), other])
    assert classes(values, "first") == ["prevention", "prevention", "", "not_recorded", "", ""]


def test_reversed_dispensings_and_those_after_death_tell_no_reason():
    back = [{**row, "packages": -1} for row in manual_rows() if row["person"] == "anna" and row["day"] == 0]
    values = values_of(f"{USERS}by_reason = {{ {SETS} }}", [*manual_rows(), *back], dors=deaths(NAMES, {"dora": 0}))
    assert classes(values, "first")[0] == "prevention"
    assert outcome(values["x/first_reason=other;observe_days=365"])[3] == (None, "excluded:other_reason")


def test_which_of_two_equal_dispensings_is_reversed_does_not_hang_on_their_order():
    pair = [
        {"person": "anna", "day": 0, "atc": "C10AA05", "packages": 1, "prescribing_reason": [reason]}
        for reason in ("22298006", "49436004")
    ]
    back = [{**pair[0], "packages": -1, "prescribing_reason": []}]
    body = f"{USERS}by_reason = {{ {SETS} }}"
    one, other = (classes(values_of(body, [*rows, *back]), "first") for rows in (pair, pair[::-1]))
    assert one == other
    assert one[0] in ("fibrillation", "prevention")


def test_a_concept_is_matched_whole():
    rows = [{**row, "prescribing_reason": [f"{code}1" for code in row["prescribing_reason"]]} for row in manual_rows()]
    assert set(classes(values_of(f"{USERS}by_reason = {{ {SETS} }}", rows), "first")) == {"other", "not_recorded", ""}


@pytest.mark.parametrize(
    ("body", "point"),
    [
        (
            'kind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\nobserve = { from = 0, to = 100 }',
            "observe_days=100",
        ),
        ('kind = "cost"\nobserve = { from = 0, to = 100 }', "cost=total;observe_days=100"),
        ('kind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = 30 }', "within_days=30"),
        (
            'kind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\ngap_days = 30\ncompeting = "none"',
            "gap_days=30;censoring=strict;measure=days",
        ),
        (
            'kind = "outcome_rate"\ncodes = "statin"\nsupply = "given"\nobserve = { from = 0, to = 100 }\n'
            'outcome = { register = "dors", date = "death_date" }',
            "observe_days=100;grace_days=30;measure=exposed_days",
        ),
    ],
)
def test_any_kind_may_be_asked_and_a_persons_number_is_that_of_the_whole(body: str, point: str) -> None:
    rows = [{**row, "cost_total": 10 + place} for place, row in enumerate(manual_rows())]
    values = values_of(f'id = "x"\n{body}\nby_reason = {{ {SETS}, rule = "any" }}', rows, dors=deaths(NAMES, {}))
    assert classes(values, "any", point) == [row[4] for row in told()]
    whole = outcome(values[f"x/{point}"])
    for name in CLASSES:
        part = outcome(values[f"x/any_reason={name};{point}"])
        assert all(one == all_of[0] for (one, reason), all_of in zip(part, whole, strict=True) if reason == "ok")


def test_a_register_that_tells_no_reasons_is_named():
    with pytest.raises(EventsRejected, match="prescribing_reason"):
        evaluated(
            drawn_set(f"{USERS}by_reason = {{ {SETS} }}", header=HEADER),
            population=population(NAMES),
            lmed=lmed(NAMES, "anna 0 C10AA05 1 30"),
        )


def test_what_cannot_be_meant_is_refused():
    event = (
        'id = "x"\nkind = "event_in_window"\nregister = "dors"\ndate = "death_date"\nwindow = { from = 0, to = 9 }\n'
    )
    for body, says in (
        (f'{USERS}by_reason = {{ sets = ["statin"] }}', "snomed_include"),
        (f'{USERS}by_reason = {{ sets = ["gout"] }}', "gout"),
        (f"{USERS}by_reason = {{ sets = [] }}", "at least 1"),
        (f'{USERS}by_reason = {{ sets = ["prevention", "prevention"] }}', "stands twice"),
        (f"{USERS}by_reason = {{ {SETS}, window = {{ from = 0, to = [1, 2] }} }}", "one last day"),
        (f"{event}by_reason = {{ {SETS} }}", "reads none"),
    ):
        with pytest.raises(DefinitionRejected, match=says):
            drawn_set(body, header=HEADER)


def test_it_can_be_ordered_and_its_column_is_read():
    definition = drawn_set(f"{USERS}by_reason = {{ {SETS} }}", header=HEADER)
    assert definition.indicators[0].unprotected == []
    assert definition.indicators[0].laboratory_statistics == []
    assert "prescribing_reason" in needed_columns(definition)["lmed"]


# Rows by sets of reasons


BY_SETS = f'{USERS}row_strata = ["prescribing_reason:fibrillation+prevention"]'


def by_level(value: PersonValues) -> dict[str, list[str]]:
    """Persons under each level."""
    (rows,) = value.rows.values()
    found = rows.entries()
    return {
        level: [NAMES[person] for person, own in zip(found.person, found.level, strict=True) if own == place]
        for place, level in enumerate(found.levels)
    }


def test_each_row_stands_under_the_sets_of_its_own_reasons():
    value = values_of(BY_SETS)["x/observe_days=365"]
    assert list(value.rows) == ["prescribing_reason_fibrillation_prevention"]
    assert by_level(value) == {
        "fibrillation": ["anna", "cilla", "eva"],
        "prevention": ["anna", "bo", "cilla"],
        "other": ["dora", "eva"],
        "not_recorded": ["bo", "dora"],
    }


def test_two_concepts_of_one_set_on_one_row_count_once():
    body = USERS.replace('"users"', '"dispensings"') + 'row_strata = ["prescribing_reason:prevention"]'
    row = {"person": "anna", "day": 0, "atc": "C10AA05", "packages": 1, "prescribing_reason": ["22298006", "38341003"]}
    (rows,) = values_of(body, [row])["x/observe_days=365"].rows.values()
    assert rows.entries().value.tolist() == [1]


def test_codes_of_one_a_row_may_be_gathered_too_and_then_sums_add_up():
    header = HEADER + '[codes.high]\natc_include = ["C10AA05"]\n[codes.all]\natc_include = ["C10A"]\n'
    rows = lmed(NAMES, "anna 0 C10AA05 1 30", "anna 5 C10AA01 1 30", "bo 0 N02BE01 1 30", "cilla 0 - 1 30")

    def split(sets: str) -> PersonValues:
        body = f'id = "x"\nkind = "users"\nobserve = {{ from = 0, to = 365 }}\nrow_strata = ["atc:{sets}"]'
        return evaluated(drawn_set(body, header=header), population=population(NAMES), lmed=rows)["x/observe_days=365"]

    apart = split("high")
    assert by_level(apart) == {"high": ["anna"], "other": ["anna", "bo"], "not_recorded": ["cilla"]}
    assert next(iter(apart.rows.values())).partitions_rows
    overlapping = split("high+all")
    assert by_level(overlapping) == {"high": ["anna"], "all": ["anna"], "other": ["bo"], "not_recorded": ["cilla"]}
    assert not next(iter(overlapping.rows.values())).partitions_rows


def test_a_set_of_rows_that_does_not_exist_or_stands_twice_is_refused():
    for sets, says in (("gout", "gout"), ("prevention+prevention", "stands twice"), ("Prevention", "pattern")):
        with pytest.raises(DefinitionRejected, match=says):
            drawn_set(f'{USERS}row_strata = ["prescribing_reason:{sets}"]', header=HEADER)
