"""The one pass over contributions agrees with exact fractions, cell by cell."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.disclosure.primary_rules import Contributions, in_words, mark_sums, profile
from tests.reference.primary_rules import marks_of_cell

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(-50, 400) | st.integers(0, 10**15)), max_size=30
)
RULES = st.sampled_from([(), ((1, 75),), ((1, 50), (2, 75)), ((2, 80), (3, 95))])


@given(rows=ROWS, dominance=RULES, p_percent=st.integers(0, 100), coalition=st.integers(1, 2))
def test_marks_agree_with_exact_fractions(
    rows: list[tuple[int, int, int]], dominance: tuple[tuple[int, int], ...], p_percent: int, coalition: int
) -> None:
    cells, who, amounts = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(3))
    rules = {"minimum_contributors": 4, "dominance": dominance, "p_percent": p_percent}
    rules["coalition"] = coalition if p_percent else 1
    standard = shipped_policies()["standard@1.0.0"].model_dump()
    policy = DisclosurePolicy.model_validate({**standard, **rules})
    marked = mark_sums(profile(Contributions(cells, who, amounts), cells=4), policy)
    for cell, words in enumerate(in_words(marked.marks)):
        own = [(str(row[1]), row[2]) for row in rows if row[0] == cell]
        expected = marks_of_cell(
            own, minimum_contributors=4, dominance=dominance, p_percent=p_percent, coalition=policy.coalition
        )
        assert {*words.split("+")} - {""} == expected
