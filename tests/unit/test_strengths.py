"""Strengths of a unit: read where the text leaves no doubt, one for each substance."""

from __future__ import annotations

from fractions import Fraction

import pytest

from linkage_core.indicators.strengths import strengths


@pytest.mark.parametrize(
    ("text", "milligrams"),
    [
        ("40 mg", [40]),
        ("40mg", [40]),
        ("0,5 mg", [Fraction(1, 2)]),
        ("0.5 MG", [Fraction(1, 2)]),
        ("1 g", [1000]),
        ("1,5 g", [1500]),
        ("100 mikrog", [Fraction(1, 10)]),
        ("100 mikrogram/dos", [Fraction(1, 10)]),
        ("10 mg/20 mg", [10, 20]),
        ("10 mg / 20 mg", [10, 20]),
        ("10 mg + 20 mg", [10, 20]),
        ("10/20 mg", [10, 20]),
        ("2,5/1000 mg", [Fraction(5, 2), 1000]),
        ("50 mikrogram/100 mikrogram", [Fraction(1, 20), Fraction(1, 10)]),
        ("5 mg/160 mg/12,5 mg", [5, 160, Fraction(25, 2)]),
    ],
)
def test_texts_without_doubt_are_read(text, milligrams):
    assert list(strengths(text)) == milligrams


@pytest.mark.parametrize(
    "text",
    ["", "40", "4 %", "0,1 %/1 %", "10 mg/ml", "50 mg/5 ml", "10 mg/20 %", "100 IE", "10 mg/", "/", "25 mg/24 timmar",
     "10/20", "5-10 mg", "styrka okänd"],
)  # fmt: skip
def test_any_doubt_says_nothing(text):
    assert strengths(text) == ()


def test_a_bare_number_is_read_only_where_that_is_said():
    assert strengths("40", bare_number_is_mg=True) == (40,)
    assert strengths("10/20", bare_number_is_mg=True) == ()
