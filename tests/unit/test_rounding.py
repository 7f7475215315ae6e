"""Counts rounded one by one, and a whole table rounded so that it adds up."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.errors import DisclosureRefused, InputRefused
from linkage.perturbation_rules import RoundingMethod
from linkage_core.perturbation import controlled_rounding
from linkage_core.perturbation.controlled_rounding import MOST_CELLS, round_controlled
from linkage_core.perturbation.rounding import count_ranges, round_counts


@pytest.mark.parametrize(
    ("method", "base", "counts", "printed"),
    [
        ("nearest", 5, [0, 1, 2, 3, 7, 8, 12, 13], [0, 0, 0, 5, 5, 10, 10, 15]),
        ("nearest", 10, [4, 5, 14, 15], [0, 10, 10, 20]),
        ("up", 5, [0, 1, 5, 6, 10, 11], [0, 5, 5, 10, 10, 15]),
        ("midpoint", 6, [0, 1, 6, 7, 12, 13, 18], [0, 3, 3, 9, 9, 15, 15]),
        ("midpoint", 5, [0, 1, 5, 6, 10], [0, 3, 3, 8, 8]),
    ],
)
def test_counts_are_rounded_as_stated(method: RoundingMethod, base: int, counts: list[int], printed: list[int]) -> None:
    assert round_counts(np.array(counts), method=method, base=base).tolist() == printed


def test_ranges_are_those_of_the_midpoints() -> None:
    first, last = count_ranges(np.array([0, 1, 6, 7, 12, 13]), base=6)
    assert first.tolist() == [0, 1, 1, 7, 7, 13]
    assert last.tolist() == [0, 6, 6, 12, 12, 18]


# Two rows and two columns with their totals, numbered row by row; the grand total is 8.
FAMILIES = [(2, [0, 1]), (5, [3, 4]), (8, [6, 7]), (6, [0, 3]), (7, [1, 4]), (8, [2, 5])]


def test_a_rounded_table_adds_up_and_no_cell_leaves_its_two_multiples() -> None:
    counts = np.array([2, 3, 5, 4, 10, 14, 6, 13, 19])
    rounded = round_controlled(counts, FAMILIES, base=5)
    assert all(rounded[total] == rounded[list(parts)].sum() for total, parts in FAMILIES)
    assert np.abs(rounded - counts).max() < 5
    assert rounded[[2, 4]].tolist() == [5, 10]
    assert not np.any(rounded % 5)


def test_the_same_table_is_rounded_to_the_same() -> None:
    counts = np.array([2, 3, 5, 4, 10, 14, 6, 13, 19])
    assert np.array_equal(round_controlled(counts, FAMILIES, base=5), round_controlled(counts, FAMILIES, base=5))


def test_a_cell_goes_one_multiple_further_where_nothing_else_adds_up() -> None:
    # Three cells of 1, and the sums of each two of them, which are 2 and stay 2: one of each two would have to be 0 and
    # the other 2, all the way round three.
    odd = np.array([1, 1, 1, 2, 2, 2, 6])
    pairs = [(3, [0, 1]), (4, [1, 2]), (5, [0, 2]), (6, [3, 4, 5])]
    assert controlled_rounding._solve(odd, pairs, base=2, further=0) is None
    further = round_controlled(odd, pairs, base=2)
    assert all(further[total] == further[list(parts)].sum() for total, parts in pairs)
    assert np.abs(further - odd).max() < 4


def test_what_cannot_be_rounded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputRefused, match="at most"):
        round_controlled(np.zeros(MOST_CELLS + 1, np.int64), [], base=5)
    with pytest.raises(InputRefused, match="not the sum"):
        round_controlled(np.array([1, 2, 4]), [(2, [0, 1])], base=5)
    monkeypatch.setattr(controlled_rounding, "_solve", lambda *_, **__: None)
    with pytest.raises(DisclosureRefused, match="controlled rounding"):
        round_controlled(np.array([1, 2, 3]), [(2, [0, 1])], base=5)
