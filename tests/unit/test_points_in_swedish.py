"""Points of a grid are told in Swedish wherever they are told in English."""

from __future__ import annotations

import pytest

from linkage_server.release import wording
from linkage_server.reviews.point_words import MEASURES, POINTS, point_in_swedish


def test_every_parameter_and_measure_with_english_words_has_swedish_ones() -> None:
    assert POINTS.keys() == wording._PARAMETERS.keys()
    assert {one for one in wording._MEASURES if not one.startswith("cma")} == MEASURES.keys()


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ("within_days=90", "inom 90 dagar"),
        (
            "observe_days=365;denominator=alive_at_N;at_least=0.8",
            "under 365 dagar, av dem som lever vid slutet, minst 80 % av dagarna",
        ),
        ("at_least=0.875", "minst 87,5 % av dagarna"),
        ("measure=cma1;at_least=0.8", "CMA1, minst 80 %"),
        ("drugs=10", "med 10 läkemedel eller fler"),
        ("days=1..365", "dag 1 till 365"),
        ("days=1..", "från dag 1"),
        ("cost=cost_patient", "cost=cost_patient"),
        ("", ""),
    ],
)
def test_a_point_reads_as_a_swede_would_say_it(point: str, words: str) -> None:
    assert point_in_swedish(point) == words
