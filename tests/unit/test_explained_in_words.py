"""Sizes and times of an explanation are written for people: no power of ten."""

from __future__ import annotations

import pytest

from linkage_client.commands_explain import in_seconds, three_figures
from linkage_server.commands_explain import amount, rough_seconds


@pytest.mark.parametrize(
    ("number", "words"), [(3013.2, "3,010"), (3.6249, "3.62"), (0.19149, "0.191"), (1e6, "1,000,000"), (0.0, "0")]
)
def test_sizes_have_three_figures(number: float, words: str) -> None:
    assert three_figures(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.00007, "below 0.001"), (0.42, "0.42"), (123.0, "120"), (9.42, "9.4")]
)
def test_times_have_two_figures(seconds: float, words: str) -> None:
    assert in_seconds(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.00007, "below 0.001"), (0.42, "0.42"), (143.0, "140"), (1234.5, "1,200")]
)
def test_times_at_the_console_have_two_figures(seconds: float, words: str) -> None:
    assert rough_seconds(seconds) == words


def test_bytes_just_below_the_next_unit_are_no_power_of_ten() -> None:
    assert amount(1010 * 1024) == "1,010 KiB"
