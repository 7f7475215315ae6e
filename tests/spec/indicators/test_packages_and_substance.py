"""Packages, units, amounts of substance and substitutions, and periods that roll, on tables checked on paper."""

from __future__ import annotations

from fractions import Fraction

import pyarrow as pa
import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage.indicator_definition import needed_columns
from linkage_core.indicators import evaluate
from linkage_core.indicators.strength_text import milligrams
from tests.support.indicator_tables import drawn_set, evaluated, outcome, population, register

PERSONS = ["anna", "bo", "cleo"]
OBSERVE = "observe = { from = 0, to = 365 }"


def values(body: str, rows: list[dict[str, object]], **events):
    definition = drawn_set(f'id = "a"\ncodes = "statin"\n{body}')
    drugs = register(PERSONS, rows, date_column="dispensing_date")
    return evaluated(definition, population=population(PERSONS), lmed=drugs, **events)


def row(person: str, day: int, packages: float | None, **columns: object) -> dict[str, object]:
    return {"person": person, "day": day, "atc": "C10AA05", "packages": packages, **columns}


def test_packages_are_added_up_and_a_reversed_row_takes_its_own_away():
    found = values(f'kind = "packages"\n{OBSERVE}', [row("anna", 0, 2.5), row("anna", 9, -1), row("bo", 3, None)])
    assert outcome(found["a/observe_days=365"]) == [(1.5, "ok"), (None, "error:packages"), (0, "no_rows")]


def test_units_are_packages_times_units_a_package():
    rows = [
        row("anna", 0, 2, units_per_package=98),
        row("anna", 9, -1, units_per_package=98),
        row("anna", 9, 0.5, units_per_package=30),
        row("bo", 3, 1, units_per_package=None),
    ]
    found = values(f'kind = "units"\n{OBSERVE}', rows)["a/observe_days=365"]
    assert outcome(found) == [(113, "ok"), (0, "ok"), (0, "no_rows")]
    assert found.account == {"rows": 4, "rows_without_measure": 1}


SUBSTANCE = f'kind = "substance_amount"\n{OBSERVE}'


def test_substance_is_units_times_the_strength_that_the_text_tells():
    rows = [
        row("anna", 0, 2, units_per_package=100, strength_text="20 mg"),
        row("anna", 5, -1, units_per_package=100, strength_text="20 mg"),
        row("anna", 6, 1, units_per_package=10, strength_text="62,5 mikrogram"),
        row("bo", 3, 1, units_per_package=28, strength_text="20 mg/10 mg"),
        row("bo", 4, 1, units_per_package=28, strength_text=None),
    ]
    found = values(SUBSTANCE, rows)["a/observe_days=365"]
    assert outcome(found) == [(2000.625, "ok"), (0, "ok"), (0, "no_rows")]
    assert found.account == {"rows": 5, "rows_without_measure": 2}


def test_a_row_rounds_to_a_tenth_of_a_microgram_and_its_reversal_takes_off_the_same():
    # 0.01 package of one unit of 25 micrograms is 0.25 micrograms: 0.3 either way.
    rows = [row("anna", 0, 0.01, units_per_package=1, strength_text="25 mikrogram")]
    (once, *_) = outcome(values(SUBSTANCE, rows)["a/observe_days=365"])
    assert once == (0.0003, "ok")
    rows.append(row("anna", 1, -0.01, units_per_package=1, strength_text="25 mikrogram"))
    assert outcome(values(SUBSTANCE, rows)["a/observe_days=365"])[0] == (0.0, "ok")


def test_strength_as_a_number_and_bare_numbers_of_a_text():
    rows = [row("anna", 0, 1, units_per_package=10, strength_text="20", strength_mg=5)]
    assert outcome(values(SUBSTANCE, rows)["a/observe_days=365"])[0] == (0, "ok")
    bare = f'{SUBSTANCE}\nbare_number = "mg"'
    assert outcome(values(bare, rows)["a/observe_days=365"])[0] == (200, "ok")
    number = f'{SUBSTANCE}\nstrength = "number"'
    assert outcome(values(number, rows)["a/observe_days=365"])[0] == (50, "ok")
    with pytest.raises(DefinitionRejected, match="leave them out with numbers"):
        drawn_set(f'id = "a"\n{number}\nbare_number = "mg"')


def test_an_amount_that_no_sum_could_hold_is_refused_and_named():
    rows = [row("anna", 0, 10_000, units_per_package=1_000_000, strength_text="1000 g")]
    with pytest.raises(EventsRejected, match="overflows its sum"):
        _ = values(SUBSTANCE, rows)["a/observe_days=365"].value


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20 mg", 20),
        ("0,25 mg", Fraction(1, 4)),
        ("0.5mg", Fraction(1, 2)),
        ("1 000 mg", 1000),
        ("1 g", 1000),
        ("100 mikrogram", Fraction(1, 10)),
        ("100 mikrogram/dos", Fraction(1, 10)),
        ("50 µg/dos", Fraction(1, 20)),
        ("50 mg/ml", None),
        ("25 mg/5 ml", None),
        ("10 mg/g", None),
        ("1 mg/0,5 mg", None),
        ("20 mg/10 mg", None),
        ("5 %", None),
        ("100 IE/ml", None),
        ("25 mikrogram/timme", None),
        ("0 mg", None),
        ("20", None),
        ("", None),
    ],
)
def test_strengths_are_read_where_they_leave_no_doubt(text, amount):
    assert milligrams(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("50 mg/ml", 50), ("25 mg/5 ml", 5), ("10 mg/g", 10), ("1 mg/0,5 mg", None), ("20", None)]
)
def test_concentrations_are_read_where_they_are_asked_for(text, amount):
    assert milligrams(text, concentrations=True) == amount


SUBSTITUTED = 'kind = "generic_substitution"\nsubstituted = "1"\nnot_substituted = ["2", "3"]'


def test_substituted_rows_are_counted_among_those_that_could_be():
    rows = [
        row("anna", 0, 1, substitution="1"),
        row("anna", 1, 1, substitution="2"),
        row("anna", 2, 1, substitution="4"),  # nothing to be substituted by
        row("anna", 3, -1, substitution="1"),  # a reversed row is none
        row("bo", 4, 2, substitution="3"),
        row("bo", 5, 1, substitution=None),
    ]
    found = values(f"{SUBSTITUTED}\n{OBSERVE}", rows)
    substituted, others = found.values()
    assert (substituted.parameters, others.parameters) == (
        "rows=substituted;observe_days=365",
        "rows=not_substituted;observe_days=365",
    )
    assert outcome(substituted) == [(1, "ok"), (0, "ok"), (0, "no_rows")]
    assert outcome(others) == [(1, "ok"), (1, "ok"), (0, "no_rows")]
    assert (
        substituted.account
        == others.account
        == {
            "rows": 6,
            "rows_without_measure": 2,
            "rows_with_code=1": 1,
            "rows_with_code=2": 1,
            "rows_with_code=3": 1,
        }
    )


def test_who_contributes_to_a_number_of_rows_has_such_a_row():
    """Bo's one row that was not substituted must not be told by two numbers to which many seem to contribute."""
    rows = [row("anna", 0, 1, substitution="1"), row("anna", 1, 1, substitution="2"), row("bo", 4, 2, substitution="3")]
    substituted, others = values(f'{SUBSTITUTED}\n{OBSERVE}\nrow_strata = ["substitution"]', rows).values()
    assert substituted.contributes.tolist() == [True, False, False]
    assert others.contributes.tolist() == [True, True, False]
    entries = others.rows["substitution"].entries()
    assert [entries.levels[level] for level in entries.level] == ["2", "3"]


def test_the_share_of_substitutions_is_of_the_laboratory_and_its_counts_are_not():
    (share, counts) = drawn_set(
        f'id = "a"\n{SUBSTITUTED}\n{OBSERVE}\nstatistic = ["sum", "share"]', f'id = "b"\n{SUBSTITUTED}\n{OBSERVE}'
    ).indicators
    assert share.laboratory_statistics == ["share"]
    assert counts.laboratory_statistics == []


def test_a_code_is_either_substituted_or_not():
    with pytest.raises(DefinitionRejected, match="stands twice"):
        drawn_set(f'id = "a"\n{SUBSTITUTED.replace("3", "1")}\n{OBSERVE}')


def test_what_the_new_kinds_read_is_told():
    definition = drawn_set(
        f'id = "a"\nkind = "units"\n{OBSERVE}',
        f'id = "b"\nkind = "substance_amount"\nstrength = "number"\n{OBSERVE}',
        f'id = "c"\n{SUBSTITUTED}\ncolumn = "bytet"\n{OBSERVE}',
    )
    assert {"units_per_package", "strength_mg", "bytet", "packages"} <= needed_columns(definition)["lmed"]


ROLLING = 'calendar = { from = 2020-01-01, until = 2020-05-01, step = "month", rolling = 3 }'


def test_rolling_periods_end_with_each_step_and_reach_back_before_the_first():
    # Day 0 is 1 January 2020; one package in each of November, January, March and April.
    rows = [row("anna", day, 1) for day in (-40, 10, 70, 100)]
    definition = drawn_set(f'id = "packages"\nkind = "packages"\n{ROLLING}', f'id = "users"\nkind = "users"\n{ROLLING}')
    drugs = register(PERSONS, rows, date_column="dispensing_date")
    (*found,) = evaluated_in_order(definition, drugs)
    assert [value.name for value in found] == ["packages/rolling=3"] * 4 + ["users/rolling=3"] * 4
    assert [value.period.label for value in found[:4]] == ["2020-01", "2020-02", "2020-03", "2020-04"]
    assert [outcome(value)[0][0] for value in found] == [2, 1, 2, 2, 1, 1, 1, 1]


def evaluated_in_order(definition, drugs):
    return evaluate(definition, population=population(PERSONS), events={"lmed": drugs}, data_until={})


def test_rolling_levels_of_rows_add_up_to_the_person():
    rows = [row("anna", 10, 1), {**row("anna", 40, 2), "atc": "C10AA01"}, row("bo", 70, 1)]
    definition = drawn_set(f'id = "a"\nkind = "packages"\nrow_strata = ["atc"]\n{ROLLING}')
    found = evaluated_in_order(definition, register(PERSONS, rows, date_column="dispensing_date"))
    march = found[2].rows["atc"].entries()
    columns = zip(march.person, march.level, march.value, strict=True)
    levels = [(int(who), march.levels[level], int(value)) for who, level, value in columns]
    assert levels == [(0, "C10AA01", 200), (0, "C10AA05", 100), (1, "C10AA05", 100)]


def test_rolling_needs_a_step_and_is_of_the_laboratory():
    with pytest.raises(DefinitionRejected, match="rolling counts steps"):
        drawn_set(
            'id = "a"\nkind = "users"\n'
            'calendar = { from = 2020-01-01, until = 2021-01-01, step = "whole", rolling = 2 }'
        )
    (users,) = drawn_set(f'id = "a"\nkind = "users"\n{ROLLING}').indicators
    assert users.laboratory_statistics == ["rolling = 3"]


def test_rates_are_of_calendar_periods_and_standardised_ones_name_their_standard():
    with pytest.raises(DefinitionRejected, match="is of a calendar period"):
        drawn_set(f'id = "a"\nkind = "users"\nstatistic = ["per_1000_inhabitants"]\n{OBSERVE}')
    with pytest.raises(DefinitionRejected, match="smr needs standard"):
        drawn_set(f'id = "a"\nkind = "users"\nstatistic = ["smr"]\n{ROLLING}')


def test_a_column_of_lists_is_no_list_of_substitutions():
    drugs = register(PERSONS, [row("anna", 0, 1, substitution=["1"])], date_column="dispensing_date")
    assert pa.types.is_list(drugs.rows.schema.field("substitution").type)
    with pytest.raises(EventsRejected, match="one code a row"):
        evaluated(drawn_set(f'id = "a"\n{SUBSTITUTED}\n{OBSERVE}'), population=population(PERSONS), lmed=drugs)


def test_the_new_kinds_need_their_columns():
    with pytest.raises(EventsRejected, match="no column 'units_per_package'"):
        values(f'kind = "units"\n{OBSERVE}', [row("anna", 0, 1)])
