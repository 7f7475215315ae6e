"""How sure a share of killed mutants is, and that a run goes on where another ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mutant_outcomes import Outcomes, Share


@pytest.mark.parametrize(
    ("killed", "tried", "low", "high"),
    # Newcombe, R. G. (1998), Two-sided confidence intervals for the single proportion. Statistics in Medicine 17,
    # table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_the_interval_of_the_literature(killed: int, tried: int, low: float, high: float) -> None:
    assert Share(killed, tried).interval() == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    rest_low, rest_high = Share(tried - killed, tried).interval()
    assert (1 - rest_high, 1 - rest_low) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_a_share_of_nothing_may_be_anything() -> None:
    assert Share(0, 0).interval() == (0.0, 1.0)


def test_a_share_is_told_with_its_interval() -> None:
    assert str(Share(81, 263)) == "81 of 263 killed, 30.8 % (95 % confidence: 25.5 to 36.6 %)"


def test_the_dead_stay_dead_and_others_are_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "outcomes"
    Outcomes(path).keep("repair", "a - 1")
    again = Outcomes(path)
    assert again.died("repair", "a - 1")
    assert not again.died("repair", "a * 1")
    assert not again.died("boxes", "a - 1")


def test_without_a_file_nothing_is_kept() -> None:
    outcomes = Outcomes(None)
    outcomes.keep("repair", "a - 1")
    assert not outcomes.died("repair", "a - 1")
