"""Kinds of the start of treatment and of use: what is kept back of one line is not the rest of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.indicator_definition import IndicatorSet
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable, Split
from linkage_core.disclosure import protect
from linkage_core.indicators import evaluate
from tests.support.attackers import Cell, Printed, Programme, subtract
from tests.support.indicator_tables import drawn_set, population, register
from tests.support.order_attack import read_order, truth_of

POLICY = shipped_policies()["standard@1.0.0"]
LEVELS = drawn_set(
    'id = "level"\nkind = "new_or_continuing"\ncodes = "statin"\nlookback_days = [180, 365]\n'
    "window = { from = 0, to = [30, 90] }"
)
WASHOUT = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
    'washout = { from = -180, to = -1, effect = "stratify" }'
)
KINDS = {
    "incidence": 'washout_days = 60\nstatistic = ["count", "share", "rate"]\n'
    'calendar = { from = 2020-01-01, until = 2020-05-01, step = "month" }',
    "repeated incidence": "washout_days = 30\nrepeated = true\nstatistic = ['count', 'share', 'rate', 'sum']\n"
    "observe = { from = 0, to = [50, 365] }",
    "prevalence": 'rule = "dispensed"\ncalendar = { from = 2019-10-01, until = 2020-04-01, step = "quarter" }',
    "combination": "window = { from = -365, to = [-1, 60] }\nat_least = [1, 2]",
}


def counted_levels(definition: IndicatorSet, seed: int, *, persons: int = 300) -> CountedTable:
    random = np.random.default_rng(seed)
    names = [f"p{number}" for number in range(persons)]
    who = population(
        names,
        sex=pa.array(random.choice([1, 2], persons, p=[0.8, 0.2]).astype(np.uint8)),
        strata={"hospital": pa.array(random.choice(["A", "B", "C"], persons, p=[0.6, 0.3, 0.1])).dictionary_encode()},
    )
    rows = [
        {
            "person": name,
            "day": int(day),
            "atc": str(random.choice(["C10AA05", "B01AC06"], p=[0.9, 0.1])),
            "packages": 1,
        }
        for name in names
        for day in random.choice([-300, -100, 10, 60], int(random.integers(0, 4)), p=[0.05, 0.1, 0.7, 0.15])
    ]
    events = {"lmed": register(names, rows, date_column="dispensing_date")}
    values = evaluate(definition, population=who, events=events, data_until={})
    return count_by(values, population=who, by=[["sex"], ["hospital"]])


def with_levels(counted: CountedTable, printed: Printed) -> Printed:
    """What a reader knows besides: the levels of each point add up to its denominator."""
    shared = [split for split in counted.splits if len(split.part_keys) == 3]
    assert len(shared) == 4
    places = {place for _, place in {*printed.known, *printed.blank}}
    sums: list[tuple[Cell, list[Cell]]] = [
        ((split.whole_key, place), [(part, place) for part in split.part_keys])
        for split in shared
        for place in sorted(places)
    ]
    return Printed(printed.known, printed.blank, [*printed.relations, *sums], printed.subsets)


def with_washout(counted: CountedTable, printed: Printed) -> Printed:
    """What a reader knows besides: with and without earlier use are all of them, in both sets of each point."""
    keys = {
        line.parameters: (line.numerator_key, line.denominator_key) for line in counted.lines if line.denominator_key
    }
    places = {place for _, place in {*printed.known, *printed.blank}}
    sums: list[tuple[Cell, list[Cell]]] = [
        ((whole, place), [(none, place), (some, place)])
        for window in ("within_days=30", "within_days=90")
        for whole, none, some in zip(
            *(keys[f"{window}{before}"] for before in ("", ";before=none", ";before=any")), strict=True
        )
        for place in sorted(places)
    ]
    return Printed(printed.known, printed.blank, [*printed.relations, *sums], printed.subsets)


def hold(counted: CountedTable, printed: Printed, *, seed: int) -> None:
    """Subtraction finds nothing, and a solver leaves every small count its room."""
    truth = truth_of(counted)
    assert not subtract(printed)
    small = [cell for cell in sorted(printed.blank) if 1 <= truth[cell] < 10]
    assert small
    programme = Programme(printed)
    for pick in np.random.default_rng(seed).permutation(len(small))[:5].tolist():
        low, high = programme.range_of([(small[pick], 1)])
        assert high - low >= 2, (small[pick], low, high)
        assert high >= 10, (small[pick], low, high)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_level_is_not_found_from_the_others(seed: int) -> None:
    counted = counted_levels(LEVELS, seed)
    hold(counted, with_levels(counted, read_order(counted, protect(counted, POLICY))), seed=seed)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_other_kinds_give_no_small_count_away(kind: str, seed: int) -> None:
    # Few have acetylsalicylic acid: some of their counts are small.
    codes = '["statin", "asa"]' if kind == "combination" else '"asa"'
    definition = drawn_set(f'id = "x"\nkind = "{kind.rpartition(" ")[2]}"\ncodes = {codes}\n{KINDS[kind]}')
    counted = counted_levels(definition, seed)
    hold(counted, read_order(counted, protect(counted, POLICY)), seed=seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_earlier_users_are_not_the_rest_of_new_ones(seed: int) -> None:
    counted = counted_levels(WASHOUT, seed)
    hold(counted, with_washout(counted, read_order(counted, protect(counted, POLICY))), seed=seed)


def test_without_what_ties_them_the_protector_would_be_broken() -> None:
    broken = {"levels": 0, "washout": 0}
    for seed in range(1, 5):
        for name, definition, reader in (("levels", LEVELS, with_levels), ("washout", WASHOUT, with_washout)):
            counted = counted_levels(definition, seed)
            untied = replace(counted, splits=tuple(split for split in counted.splits if not names_all_parts(split)))
            broken[name] += bool(subtract(reader(counted, read_order(counted, protect(untied, POLICY)))))
    assert min(broken.values()) >= 1, broken


def names_all_parts(split: Split) -> bool:
    return not any(" without " in part for part in split.part_keys)
