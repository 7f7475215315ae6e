"""Dosage texts: read where they leave no doubt, else not at all."""

from __future__ import annotations

from fractions import Fraction

import pytest

from linkage_core.indicators.dosage_text import units_per_day


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1 tablett dagligen", 1),
        ("1 tablett 2 gånger dagligen", 2),
        ("2 tabl 3 ggr dagligen.", 6),
        ("1 x 1", 1),
        ("1x2", 2),
        ("½ tablett dagligen", Fraction(1, 2)),
        ("1,5 tabletter dagligen", Fraction(3, 2)),
        ("En tablett till kvällen", 1),
        ("1 tablett på morgonen", 1),
        ("1 tablett morgon och kväll", 2),
        ("1+0+1", 2),
        ("1 + 1 + 1 + 1 tabl", 4),
        ("1 KAPSEL DAGLIGEN", 1),
    ],
)
def test_plain_texts_are_read(text, units):
    assert units_per_day(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vid behov",
        "1 tablett vid behov, högst 3 per dag",
        "1-2 tabletter dagligen",
        "1 tablett varannan dag",
        "1 tablett en gång i veckan",
        "enligt ordination",
        "1 tablett dagligen i 7 dagar, därefter 2 tabletter dagligen",
        "400 tabletter dagligen",
        "dosen anpassas efter INR",
    ],
)
def test_texts_with_any_doubt_are_left_to_the_next_step(text):
    assert units_per_day(text) is None
