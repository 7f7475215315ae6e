"""A small order beside nation-wide ones in the workers of one service: the same table, and neither ends the other."""

from __future__ import annotations

import pytest

from benchmarks.scale.t10_served_small_beside_big import ServedOrder

ROWS, PERSONS = 60_000, 500


@pytest.fixture(scope="module")
def alone() -> dict[str, int]:
    side = ServedOrder(rows=ROWS, persons=PERSONS, beside=False)
    return side.answer(side.ask())


def test_a_small_order_gets_the_same_table_beside_nation_wide_orders(alone: dict[str, int]) -> None:
    side = ServedOrder(rows=ROWS, persons=PERSONS, beside=True)
    assert [side.answer(side.ask()) for _ in range(2)] == [alone, alone]
    # The nation-wide orders were not ended by it.
    assert side._nation is not None
    assert side._nation.is_under_way()
