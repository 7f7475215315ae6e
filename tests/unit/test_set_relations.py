"""Sets of persons and the smallest sets around each: what a reader may subtract."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.counted_table import Split
from linkage_core.set_relations import Family


def family_of(sets: list[set[int]]) -> Family:
    distinct = list(dict.fromkeys(map(frozenset, sets)))
    inside = np.array([[one <= other for other in distinct] for one in distinct], np.bool_)
    content = np.array([distinct.index(frozenset(own)) for own in sets], np.intp)
    empty = np.array([not own for own in distinct], np.bool_)
    return Family(tuple(f"s{number}" for number in range(len(sets))), content, inside, empty)


def smallest_around(sets: list[set[int]], asked: list[int]) -> list[tuple[int, int]]:
    """(whole, part), written from the definition."""
    return [
        (whole, part)
        for part in asked
        for whole in asked
        if sets[part] < sets[whole] and not any(sets[part] < sets[one] < sets[whole] for one in asked)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_each_set_lies_in_the_smallest_around_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    sets = [set(np.flatnonzero(random.random(5) < 0.5).tolist()) for _ in range(14)]
    asked = np.flatnonzero(random.random(14) < 0.8).tolist()
    found = family_of(sets).splits([f"s{number}" for number in asked])
    told = smallest_around(sets, asked)
    equal = {(split.whole_key, *split.part_keys) for split in found if len(split.part_keys) == 1}
    assert equal == {
        (f"s{min(one for one in asked if sets[one] == sets[other])}", f"s{other}")
        for other in asked
        if sets[other] and any(sets[one] == sets[other] for one in asked if one < other)
    }
    found = [split for split in found if len(split.part_keys) > 1]
    assert found == [Split(f"s{whole}", (f"s{part}", f"s{whole} without s{part}")) for whole, part in told]


def test_a_grid_of_ten_years_of_days_is_a_chain() -> None:
    """Comparing all of three days with each other would take minutes."""
    days = 3650
    chain = Family(
        tuple(map(str, range(days))), np.arange(days), np.tri(days, dtype=np.bool_).T, np.zeros(days, np.bool_)
    )
    found = chain.splits(chain.names)
    assert [(split.whole_key, split.part_keys[0]) for split in found] == [
        (str(day + 1), str(day)) for day in range(days - 1)
    ]


def test_equal_sets_that_lie_in_all_others_are_tied_unless_nobody_is_in_them() -> None:
    """Whoever starts within 60 days does so within 30, and somebody later."""
    assert family_of([{1}, {1}, {1, 2}]).splits(["s0", "s1", "s2"])[0] == Split("s0", ("s1",))
    nobody = family_of([set(), set(), {1}, {1, 2}]).splits(["s0", "s1", "s2", "s3"])
    assert all(len(split.part_keys) == 2 for split in nobody)
