"""Who is new, who goes on and who has none are all of the persons: what is kept back of one is not the rest of two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
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


def counted_levels(seed: int, *, persons: int = 300) -> CountedTable:
    random = np.random.default_rng(seed)
    names = [f"p{number}" for number in range(persons)]
    who = population(
        names,
        sex=pa.array(random.choice([1, 2], persons, p=[0.8, 0.2]).astype(np.uint8)),
        strata={"hospital": pa.array(random.choice(["A", "B", "C"], persons, p=[0.6, 0.3, 0.1])).dictionary_encode()},
    )
    rows = [
        {"person": name, "day": int(day), "atc": "C10AA05", "packages": 1}
        for name in names
        for day in random.choice([-300, -100, 10, 60], int(random.integers(0, 4)), p=[0.05, 0.1, 0.7, 0.15])
    ]
    events = {"lmed": register(names, rows, date_column="dispensing_date")}
    values = evaluate(LEVELS, population=who, events=events, data_until={})
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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_level_is_not_found_from_the_others(seed: int) -> None:
    counted = counted_levels(seed)
    printed = with_levels(counted, read_order(counted, protect(counted, POLICY)))
    truth = truth_of(counted)
    assert not subtract(printed)
    small = [cell for cell in sorted(printed.blank) if 1 <= truth[cell] < 10]
    assert small
    programme = Programme(printed)
    for pick in np.random.default_rng(seed).permutation(len(small))[:5].tolist():
        low, high = programme.range_of([(small[pick], 1)])
        assert high - low >= 2, (small[pick], low, high)
        assert high >= 10, (small[pick], low, high)


def test_without_what_ties_the_levels_the_protector_would_be_broken() -> None:
    broken = 0
    for seed in range(1, 5):
        counted = counted_levels(seed)
        untied = replace(counted, splits=tuple(split for split in counted.splits if len(split.part_keys) < 3))
        broken += bool(subtract(with_levels(counted, read_order(counted, protect(untied, POLICY)))))
    assert broken >= 1
