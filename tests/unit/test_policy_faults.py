"""What an order's policy does not let it ask for is told with the other faults of the order."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.order import OrderFaults
from linkage.register_catalogue import shipped_registers
from linkage_server.orders.check_order import CheckedOrder, check_order
from linkage_server.orders.offer import Offer
from tests.support.orders import order_text

TODAY = date(2026, 11, 22)
SET = """
[set]
id = "own"
version = "1.0.0"
[exits]
death = false
[[indicator]]
id = "users"
kind = "users"
[[indicator]]
id = "packages"
kind = "packages"
"""
CALENDAR = "calendar = { from = 2024-01-01, until = 2025-01-01 }\n"


def check(*, by: list[list[str]] | None = None, only: list[str] | None = None, **rules: Any) -> CheckedOrder:
    written = shipped_policies()["standard@1.0.0"].model_dump() | {"id": "own", "minimum_contributors": 10} | rules
    policy = DisclosurePolicy.model_validate(written)
    offer = Offer(
        registers=shipped_registers(),
        sets={},
        policies={policy.name: policy},
        preapprovals=(),
        standard_policy=policy.name,
        minimum_policy=policy.name,
    )
    inline = SET.replace('kind = "users"\n', f'kind = "users"\n{CALENDAR}') + CALENDAR
    choice: dict[str, Any] = {"inline": inline} | ({"only": only} if only else {})
    return check_order(order_text(indicators=[choice], registers=["lmed"], by=by or []), offer=offer, ordered_on=TODAY)


def said(**asked: Any) -> str:
    with pytest.raises(OrderFaults) as refused:
        check(**asked)
    return "; ".join(f"{fault.field}: {fault.rule}" for fault in refused.value.faults)


def test_the_standard_policy_refuses_nothing_of_these() -> None:
    assert check(by=[["row:atc"], ["row:prescriber_specialty"]]).document.by


def test_an_experimental_variable_is_not_read_where_it_is_not_released() -> None:
    assert "does not release what experimental variables tell, and the order reads 'atc'" in said(
        by=[["row:atc"]], experimental={"variables": ("atc",)}
    )
    check(by=[["row:atc"]], experimental={"variables": ("substitution",)}, only=["users"])


def test_a_flagged_variable_may_be_ordered() -> None:
    assert check(by=[["row:atc"]], experimental={"variables": ("atc",), "treatment": "flagged"})


def test_sums_under_a_rule_of_dominance_are_refused_and_counts_are_not() -> None:
    assert "dominance and p_percent" in said(dominance=((1, 75),), p_percent=10)
    assert check(dominance=((1, 75),), only=["users"])


def test_what_describes_prescribers_is_refused_where_they_must_be_counted() -> None:
    assert "tells rows apart by 'prescriber_specialty'" in said(
        by=[["row:prescriber_specialty"]], minimum_prescribers=3
    )
    assert "tells rows apart by 'workplace_activity'" in said(by=[["row:workplace_activity"]], minimum_workplaces=2)
    assert check(by=[["row:atc"]], minimum_prescribers=3, minimum_workplaces=3)


@pytest.mark.parametrize(
    ("mechanism", "why"),
    [
        (
            {"noise": {"bound": 5, "variance": 3, "key_version": 1, "month_to_month": "not_protected"}},
            "nothing holds numbers back",
        ),
        ({"rounding": {"method": "controlled", "base": 11}}, "nothing holds numbers back"),
        ({"rounding": {"method": "nearest", "base": 5}}, "deliveries are not rounded"),
    ],
)
def test_a_policy_that_perturbs_is_refused_for_orders_which_can_be_sent_again(
    mechanism: dict[str, Any], why: str
) -> None:
    assert why in said(mechanism=mechanism)
