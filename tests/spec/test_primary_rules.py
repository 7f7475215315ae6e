"""Which sums tell one contributor too much: tables of a few firms, to be checked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import InputRefused
from linkage_core.disclosure.primary_rules import Contributions, Mark, Profile, all_in_one, in_words, mark_sums, profile


def policy(**fields: Any) -> DisclosurePolicy:
    standard = shipped_policies()["standard@1.0.0"].model_dump()
    return DisclosurePolicy.model_validate({**standard, "minimum_contributors": 3, **fields})


def one_cell(*amounts: int) -> Profile:
    """A cell in which each amount is of another contributor."""
    places = np.arange(len(amounts))
    return profile(Contributions(np.zeros_like(places), places, np.array(amounts)), cells=1)


def reasons(found: Profile, **fields: Any) -> str:
    return in_words(mark_sums(found, policy(**fields)).marks)[0]


def test_a_profile_holds_contributors_total_and_the_largest_three() -> None:
    given = Contributions(
        cell=np.array([1, 0, 1, 1, 1, 0]),
        contributor=np.array([7, 7, 8, 7, 9, 9]),
        amount=np.array([100, 5, 40, 50, 30, 6]),
    )
    found = profile(given, cells=3)
    assert found.contributors.tolist() == [2, 3, 0]
    assert found.total.tolist() == [11, 220, 0]
    assert found.largest.tolist() == [[6, 5, 0], [150, 40, 30], [0, 0, 0]]


def test_who_is_alone_in_two_cells_is_one_contributor_of_each() -> None:
    found = profile(Contributions(np.array([0, 1]), np.array([7, 7]), np.array([5, 6])), cells=2)
    assert found.contributors.tolist() == [1, 1]
    assert found.total.tolist() == [5, 6]


def test_one_contributor_over_75_per_cent_dominates_and_exactly_75_does_not() -> None:
    assert reasons(one_cell(75, 15, 10), dominance=((1, 75),)) == ""
    assert reasons(one_cell(76, 14, 10), dominance=((1, 75),)) == "dominance"


def test_two_contributors_over_90_per_cent_dominate_together() -> None:
    assert reasons(one_cell(50, 40, 6, 4), dominance=((1, 75), (2, 90))) == ""
    assert reasons(one_cell(50, 41, 5, 4), dominance=((1, 75), (2, 90))) == "dominance"


def test_the_second_largest_estimates_the_largest_to_within_p_per_cent() -> None:
    # 1 000 + 500 + 99: who gives 500 knows that the largest is at most 1 099, which is 9.9 per cent too high.
    assert reasons(one_cell(1000, 500, 99), p_percent=10) == "p_percent"
    assert reasons(one_cell(1000, 500, 100), p_percent=10) == ""


def test_a_coalition_of_two_takes_both_its_shares_away() -> None:
    assert reasons(one_cell(1000, 500, 100, 99), p_percent=10, coalition=1, minimum_contributors=4) == ""
    assert reasons(one_cell(1000, 500, 100, 99), p_percent=10, coalition=2, minimum_contributors=4) == "p_percent"


def test_a_dominated_sum_must_be_held_possible_up_to_where_nobody_dominates() -> None:
    # 900 of 1 000 dominate at 75 per cent; of 1 200 they would not.
    marked = mark_sums(one_cell(900, 60, 40), policy(dominance=((1, 75),)))
    assert marked.upper.tolist() == [200]


def test_the_protection_of_p_per_cent_is_what_the_rest_lacks() -> None:
    # 10 per cent of 1 000 are 100, of which 40 are there.
    marked = mark_sums(one_cell(1000, 500, 40), policy(p_percent=10))
    assert marked.upper.tolist() == [60]


def test_few_contributors_are_marked_and_none_are_not() -> None:
    assert reasons(one_cell(5, 5)) == "few_contributors"
    assert reasons(one_cell(5, 5, 5)) == ""
    assert reasons(one_cell(), p_percent=10, dominance=((1, 75),)) == ""


def test_all_rules_that_a_cell_breaks_are_told() -> None:
    assert reasons(one_cell(95, 5), p_percent=10, dominance=((1, 75),)) == "few_contributors+dominance+p_percent"


def test_a_correction_counts_by_its_size() -> None:
    assert reasons(one_cell(-900, 60, 40), dominance=((1, 75),)) == "dominance"


def test_amounts_at_the_edge_of_a_float_are_told_apart() -> None:
    # 3 * 2**52 + 1 of 2**54 is more than 75 per cent by one part in 10**16.
    third = 2**50
    assert reasons(one_cell(3 * third, third - 8, 8), dominance=((1, 75),)) == ""
    assert reasons(one_cell(3 * third + 1, third - 9, 8), dominance=((1, 75),)) == "dominance"


def test_amounts_that_cannot_be_compared_exactly_are_refused() -> None:
    with pytest.raises(InputRefused, match="too large"):
        one_cell(2**54, 2**54)
    one_cell(2**54, 2**54 - 8)


def test_each_reason_is_a_bit_of_its_own() -> None:
    assert [mark.value for mark in Mark] == [1 << place for place in range(len(Mark))]


def test_an_exception_takes_one_rule_from_one_cell() -> None:
    found = one_cell(95, 5)
    free = {Mark.DOMINANCE: np.array([True])}
    marked = mark_sums(found, policy(dominance=((1, 75),), p_percent=10), excepted=free)
    assert in_words(marked.marks) == ["few_contributors+p_percent"]


def test_a_level_that_holds_all_of_its_total_is_found() -> None:
    wholes = np.array([40, 40, 0, 40])
    parts = np.array([[40, 0], [39, 1], [0, 0], [0, 40]])
    assert all_in_one(wholes, parts).tolist() == [True, False, False, True]


def test_the_only_level_of_a_total_is_no_class() -> None:
    assert all_in_one(np.array([40]), np.array([[40]])).tolist() == [False]
