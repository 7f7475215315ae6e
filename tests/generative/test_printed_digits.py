"""Decimals of a ratio against every pair of whole numbers, tried one by one."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputRefused
from linkage_core.disclosure.printed_digits import KnownPairs, in_printed_units, printed_decimals


def fitting(known: KnownPairs, *, per: int, decimals: int) -> Counter[int]:
    """How many pairs each print fits: enumeration, and schoolbook rounding of exact fractions."""
    least, greatest = known.numerators
    first, last = known.denominators
    return Counter(
        floor(Fraction(per * numerator, denominator) * Fraction(10) ** decimals + Fraction(1, 2))
        for denominator in range(first, last + 1)
        for numerator in range(least, greatest + 1)
        if numerator <= denominator or not known.part_of_whole
    )


@st.composite
def known_pairs(draw: st.DrawFn) -> KnownPairs:
    least, first = draw(st.integers(0, 40)), draw(st.integers(1, 40))
    ends = least + draw(st.integers(0, 60)), first + draw(st.integers(0, 12))
    return KnownPairs((least, ends[0]), (first, ends[1]), part_of_whole=draw(st.booleans()))


@given(known_pairs(), st.sampled_from([1, 100, 1000]), st.integers(2, 6), st.integers(-1, 4))
def test_every_print_fits_so_many_pairs_and_no_more_decimals_would_do(
    known: KnownPairs, per: int, pairs: int, most: int
) -> None:
    decimals = printed_decimals(known, per=per, pairs=pairs, most=most)
    everything = fitting(known, per=per, decimals=0)
    if decimals is None:
        assert everything.total() < pairs
        return
    assert decimals <= most
    assert min(fitting(known, per=per, decimals=decimals).values()) >= pairs
    for finer in range(decimals + 1, most + 1):
        assert min(fitting(known, per=per, decimals=finer).values()) < pairs


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.sampled_from([1, 100, 1000]), st.integers(-4, 6))
def test_a_print_is_the_fraction_rounded_half_up(numerator: int, denominator: int, per: int, decimals: int) -> None:
    exact = Fraction(per * numerator, denominator) * Fraction(10) ** decimals
    assert in_printed_units(numerator, denominator, per=per, decimals=decimals) == floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(
    ("persons", "decimals"),
    [
        (10, 0),  # 0.3 could only be 3 of 10
        (30, 0),  # 0.0 fits 0 and 1 of 30 alone, so one decimal is too many
        (41, 1),  # 0 to 2, 3 to 6, ... of 41
        (500, 2),
    ],
)
def test_shares_of_persons_who_are_printed(persons: int, decimals: int) -> None:
    assert printed_decimals(KnownPairs((0, persons), (persons, persons), part_of_whole=True)) == decimals


@pytest.mark.parametrize(("days", "decimals"), [(30, 1), (90, 2), (365, 3), (730, 3)])
def test_shares_of_days_where_neither_number_is_told(days: int, decimals: int) -> None:
    assert printed_decimals(KnownPairs((0, days), (1, days), part_of_whole=True)) == decimals


def test_a_mean_beside_a_count_leaves_a_hidden_sum_its_width() -> None:
    """Twelve persons, a sum of 0 to 5,099 kronor: printed to tens, 60 sums fit 0 and 120 fit any other mean."""
    known = KnownPairs((0, 5099), (12, 12))
    assert printed_decimals(known, pairs=60) == -1
    assert printed_decimals(known, pairs=61) == -2


def test_large_numbers_are_exact() -> None:
    far = 10**15
    known = KnownPairs((far, far + 50), (7, 7))
    assert printed_decimals(known, per=1000, pairs=5) == _most_decimals(known, per=1000, pairs=5)


def _most_decimals(known: KnownPairs, *, per: int, pairs: int) -> int:
    return max(d for d in range(-12, 7) if min(fitting(known, per=per, decimals=d).values()) >= pairs)


def test_nothing_is_printed_of_fewer_pairs_than_must_fit() -> None:
    assert printed_decimals(KnownPairs((5, 6), (9, 9))) is None
    assert printed_decimals(KnownPairs((5, 4), (9, 9))) is None


def test_more_pairs_than_can_be_looked_through_are_refused() -> None:
    with pytest.raises(InputRefused, match="closer ends"):
        printed_decimals(KnownPairs((0, 10**9), (1, 10)))


def test_no_more_than_twelve_digits_are_rounded_away() -> None:
    """A number and half of it: 1.4 and 0.7 of a unit are both told as 1, and 14 and 7 as themselves."""
    assert printed_decimals(KnownPairs((14 * 10**11,) * 2, (1, 2)), pairs=2) == -12
    assert printed_decimals(KnownPairs((14 * 10**12,) * 2, (1, 2)), pairs=2) is None


def test_products_beyond_64_bits_are_exact() -> None:
    """Twice a million times these numerators lies on both sides of 2^63; all are printed as 4611.686018."""
    middle = (1 << 63) // (2 * 10**6)
    assert printed_decimals(KnownPairs((middle - 1, middle + 1), (10**9, 10**9))) == 6
    assert in_printed_units(middle + 1, 10**9, decimals=6) == 4_611_686_018
