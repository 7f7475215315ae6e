"""Counting by blocks gives the table of counting at once, object for object, wherever the population is cut."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core import grids
from linkage_core.blocks import persons_between
from linkage_core.count_block import count_block
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.partial_counts import PartialCounts
from tests.reference.count_by import count_by as count_at_once
from tests.support.counted_tables import assert_same_table, made_up_population, made_up_values, part_of

CROSSINGS = st.lists(
    st.sampled_from(
        [
            ["hospital"],
            ["hospital", "region"],
            ["sex", "age:<60,60-79,80+"],
            ["index:month"],
            ["index:year", "hospital", "sex"],
            ["row:atc"],
            ["region", "row:atc"],
        ]
    ),
    max_size=3,
)


@pytest.mark.parametrize("cells_together", [1, 40, 4096])
@settings(max_examples=40)
@given(
    seed=st.integers(0, 1 << 32),
    persons=st.integers(0, 60),
    by=CROSSINGS,
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_any_cutting_into_blocks_gives_the_table_of_the_whole(
    cells_together: int, seed: int, persons: int, by: list[list[str]], cuts: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    population, values = made_up_population(rng, persons=persons), made_up_values(rng, persons=persons)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "CELLS_TOGETHER", cells_together)
        plan = counting_plan(population, by, age_on=None)
    ends = sorted({0, persons, *(cut for cut in cuts if cut < persons)})
    blocks = [(first, last) for first, last in pairwise(ends)] or [(0, 0)]
    partial = [
        count_block(part_of(values, *block), population=persons_between(population, *block), plan=plan)
        for block in blocks
    ]
    assert_same_table(
        finish(reduce(PartialCounts.merge, partial), plan), count_at_once(values, population=population, by=by)
    )
    backwards = reduce(PartialCounts.merge, partial[::-1])
    assert_same_table(finish(backwards, plan), count_at_once(values, population=population, by=by))
