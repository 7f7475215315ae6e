"""A match rate leaves in bands, and a band never says that only a few persons were missing."""

from __future__ import annotations

import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_core.disclosure import match_rate_band

POLICY = shipped_policies()["standard@1.0.0"]


@pytest.mark.parametrize(
    ("matched", "total", "band"),
    [
        (100_000, 100_000, "98-100 %"),
        (98_000, 100_000, "98-100 %"),
        (97_999, 100_000, "95-98 %"),
        (49_999, 100_000, "0-50 %"),
        (0, 100_000, "0-50 %"),
        (60, 60, "80-100 %"),
        (48, 60, "80-100 %"),
        (47, 60, "50-80 %"),
    ],
)
def test_the_rate_is_given_as_a_band(matched: int, total: int, band: str) -> None:
    assert match_rate_band(matched, total, POLICY) == band


@pytest.mark.parametrize("total", [50, 51, 99, 137, 500, 1001])
def test_each_band_holds_at_least_ten_possible_numbers_of_persons(total: int) -> None:
    bands = [match_rate_band(matched, total, POLICY) for matched in range(total + 1)]
    assert min(bands.count(band) for band in set(bands)) >= 10


@pytest.mark.parametrize(("matched", "total"), [(-1, 10), (11, 10), (0, 0)])
def test_an_impossible_rate_is_refused(matched: int, total: int) -> None:
    with pytest.raises(InputRefused):
        match_rate_band(matched, total, POLICY)
