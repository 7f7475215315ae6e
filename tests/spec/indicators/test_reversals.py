"""Reversed rows: which dispensing a correction cancels. Rows: person, day, ATC, packages, days of supply."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net
from tests.support.indicator_tables import lmed


def left(*rows: str, rule: str = "net") -> list[float]:
    """Packages that each row still has, by day."""
    events = lmed(["anna"], *rows)
    return (net(Dispensings(events, "lmed"), rule).left / 100).tolist()


def test_a_correction_cancels_the_exact_opposite_of_its_own_day():
    assert left("anna 0 A10BA02 2 30", "anna 9 A10BA02 2 30", "anna 9 A10BA02 -2 30") == [2, 0, 0]


def test_else_the_nearest_earlier_row_of_that_quantity():
    assert left("anna 0 A10BA02 2 30", "anna 5 A10BA02 2 30", "anna 7 A10BA02 1 30", "anna 9 A10BA02 -2 30") == [
        2,
        0,
        1,
        0,
    ]


def test_else_in_part_last_in_first_out():
    assert left("anna 0 A10BA02 2 30", "anna 5 A10BA02 2 30", "anna 9 A10BA02 -3 30") == [1, 0, 0]


def test_one_correction_may_cancel_several_rows():
    assert left("anna 0 A10BA02 1 30", "anna 0 A10BA02 1 30", "anna 3 A10BA02 -2 30") == [0, 0, 0]


def test_a_correction_never_cancels_another_product():
    assert left("anna 0 A10BA02 1 30", "anna 1 C10AA05 -1 30") == [1, 0]


def test_a_correction_never_cancels_a_later_row():
    assert left("anna 0 A10BA02 -1 30", "anna 1 A10BA02 1 30") == [0, 1]


def test_the_account_tells_netted_and_unmatched_rows():
    events = lmed(["anna"], "anna 0 A10BA02 1 30", "anna 1 A10BA02 -1 30", "anna 2 A10BA02 -1 30")
    netted = net(Dispensings(events, "lmed"), "net")
    assert (netted.reversed_rows, netted.netted_rows, netted.unmatched_rows) == (2, 1, 1)


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("net", [2, 0, 0]), ("net_latest", [2, 0, 0]), ("drop_negative", [2, 1, 0]), ("none", [2, 1, 1])],
)
def test_every_rule_that_people_use_can_be_compared(rule, kept):
    assert left("anna 0 A10BA02 2 30", "anna 5 A10BA02 1 30", "anna 9 A10BA02 -1 30", rule=rule) == kept


def test_rows_in_the_other_order_within_a_day_are_netted_alike():
    rows = ["anna 0 A10BA02 3 90", "anna 0 A10BA02 2 60", "anna 4 A10BA02 -4 30"]
    assert np.array_equal(sorted(left(*rows)), sorted(left(rows[1], rows[0], rows[2])))
    assert sum(left(*rows)) == 1
