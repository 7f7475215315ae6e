"""Counts made coarser are the counts of coarser strata: of the same persons, cell by cell, with the same nestings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.table_review.coarsening import Coarsening, coarsened
from linkage_core.table_review.coarser_levels import coarser_steps
from tests.support.counted_tables import made_up_population, made_up_values

AGES, COARSER = "age:<40,40-54,55-69,70+", "age:<55,55+"
# As ordered, the step, and as it would be ordered coarser.
CASES = {
    "age": ([["hospital", AGES], ["region"], ["sex"]], "age", [["hospital", COARSER], ["region"], ["sex"]]),
    "month": ([["index:month"], ["hospital", "sex"]], "index_month", [["index:quarter"], ["hospital", "sex"]]),
    "quarter": ([["index:quarter", "region"], [AGES]], "index_quarter", [["index:year", "region"], [AGES]]),
    "dropped": ([["hospital", "sex"], [AGES, "region"]], "sex", [["hospital"], [AGES, "region"]]),
    "dropped beside rows": ([["row:atc", "sex"], ["hospital"]], "sex", [["row:atc"], ["hospital"]]),
}


@pytest.mark.parametrize("case", CASES)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), persons=st.integers(30, 200))
def test_coarsened_counts_are_counts_of_coarser_strata(case: str, seed: int, persons: int) -> None:
    by, dimension, coarser = CASES[case]
    rng = np.random.default_rng(seed)
    population, values = made_up_population(rng, persons=persons), made_up_values(rng, persons=persons)
    try:
        fine = count_by(values, population=population, by=by)
    except Exception as refusal:
        # No indicator of this draw has rows by ATC code.
        assert "row variable" in str(refusal)  # noqa: PT017
        return
    steps = [step for step in coarser_steps(fine) if step.dimension == dimension]
    step = steps[0] if case in ("age", "month", "quarter") else Coarsening(dimension)
    assert_same_cells(coarsened(fine, step), count_by(values, population=population, by=coarser))


def assert_same_cells(found: CountedTable, wanted: CountedTable) -> None:
    assert cells(found) == cells(wanted)
    assert {(line.indicator, line.parameters, line.statistic, frozenset(line.dimensions)) for line in found.lines} == {
        (line.indicator, line.parameters, line.statistic, frozenset(line.dimensions)) for line in wanted.lines
    }
    assert set(found.splits) == set(wanted.splits)
    assert {(n.fine, n.coarse, frozenset(n.parents)) for n in found.nestings} == {
        (n.fine, n.coarse, frozenset(n.parents)) for n in wanted.nestings
    }


# Any: cells by what they count and where.
def cells(table: CountedTable) -> dict[Any, int]:
    found: dict[Any, int] = {}
    cubes = [(one.persons_key, one.dimensions, one.persons) for one in table.person_cubes]
    for key, dimensions, counts in cubes + [(one.sum_key, one.dimensions, one.sums) for one in table.sum_cubes]:
        for place, value in np.ndenumerate(counts):
            at = frozenset(
                (axis.name, axis.levels[i]) for axis, i in zip(dimensions, place, strict=True) if i < len(axis.levels)
            )
            found[key, at, frozenset(axis.name for axis in dimensions)] = int(value)
    return found
