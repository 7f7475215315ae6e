"""Treatment lines are those that the twin finds overlap by overlap."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.kernels.treatment_lines import treatment_lines
from tests.reference.concurrent_use import days_of_drugs
from tests.reference.drug_indicators import Row
from tests.reference.treatment_lines import Rule, lines_of
from tests.support.kernel_calls import int32, offsets_of

DRUGS = ["A", "B", "C", "D"]
GROUPS = [{"A", "B"}, {"B", "C"}, {"D"}]
"""Drug B is of two groups, as a fixed combination is."""
ROWS = st.lists(
    st.builds(
        Row,
        day=st.integers(-15, 60),
        drug=st.sampled_from([*DRUGS, "nothing"]),
        supply=st.integers(0, 64 * 30).map(lambda part: Fraction(part, 64)),
    ),
    max_size=12,
).map(lambda rows: sorted(rows, key=lambda row: row.day))
RULES = st.builds(
    Rule,
    collapse_gap=st.integers(0, 6),
    least_era=st.integers(0, 6),
    combination=st.integers(1, 8),
    least_piece=st.integers(0, 8),
    which=st.sampled_from(["all", "changes", "first"]),
    most_lines=st.integers(1, 6),
)


def found_by_the_kernel(histories, rule, *, start, end, lookback, carry_over):
    rows = [row for history in histories for row in history]
    lines = np.full(len(histories), 77, np.int32)
    treatment, first, after = (np.full((rule.most_lines, len(histories)), 77, np.int32) for _ in range(3))
    treatment_lines(
        offsets_of(histories),
        int32(row.day for row in rows),
        int32(DRUGS.index(row.drug) if row.drug in DRUGS else -1 for row in rows),
        int32(int(row.supply * 64) for row in rows),
        int32(sum((drug in group) << bit for bit, group in enumerate(GROUPS)) for drug in DRUGS),
        int32([start] * len(histories)),
        int32([end] * len(histories)),
        lines,
        treatment,
        first,
        after,
        longest=12,
        lookback_days=lookback,
        stock_cap_64ths=1 << 60,
        carry_over=carry_over,
        collapse_gap_days=rule.collapse_gap,
        least_era_days=rule.least_era,
        combination_days=rule.combination,
        least_piece_days=rule.least_piece,
        which=["all", "changes", "first"].index(rule.which),
    )
    return [
        [(int(first[line, person]), int(after[line, person]), int(treatment[line, person])) for line in range(count)]
        for person, count in enumerate(lines)
    ]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=3),
    RULES,
    st.tuples(st.integers(-3, 8), st.integers(0, 60)),
    st.tuples(st.integers(0, 10), st.booleans()),
)
def test_lines_are_those_of_the_twin(histories, rule, window, way):
    (start, length), (lookback, carry_over) = window, way
    end = start + length
    found = found_by_the_kernel(histories, rule, start=start, end=end, lookback=lookback, carry_over=carry_over)
    for history, lines in zip(histories, found, strict=True):
        counted = [row for row in history if row.drug in DRUGS]
        covered = days_of_drugs(counted, first_day=start - lookback, end=end, carry_over=carry_over, cap=None)
        days = [{day for drug in group for day in covered.get(drug, set()) if start <= day < end} for group in GROUPS]
        assert lines == lines_of(days, rule)
