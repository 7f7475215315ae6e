"""No order runs without a decision under the secrecy act, on both databases."""

from __future__ import annotations

import re
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from linkage.errors import Conflict, InputRefused, LinkageError, NotPermitted, Stale, StateConflict
from linkage.order import OrderState
from linkage_server.access.certificates import Caller
from linkage_server.orders.order_view import OrderView
from linkage_server.orders.preapproval import Preapproval, load_preapprovals
from linkage_server.orders.secrecy import SecrecyDecision
from linkage_server.storage.database import Database
from linkage_server.storage.tables import SecrecyDecisionRow
from tests.support.databases import Clock
from tests.support.order_desk import OFFICER, ORDERER, Desks, new_id, open_desks
from tests.support.orders import SMALL_SET, order_text

GOOD = SecrecyDecision(
    exception="OSL 24:8 statistics", no_harm=True, reasoning="Protected aggregates of a large population."
)
WRITTEN = {
    "id": "pilot",
    "version": "1.0.0",
    "title": {"sv": "Pilot", "en": "Pilot"},
    "decision": {
        "decider": "Head of unit",
        "decided_on": date(2026, 11, 1),
        "valid_until": date(2026, 12, 31),
        "exception": "OSL 24:8 statistics",
        "no_harm": True,
        "reasoning": "Reviewed indicators of a large population.",
    },
    "allows": {
        "organisations": ["swedeheart"],
        "purposes": ["quality assurance"],
        "registers": ["lmed", "par_sv", "dors"],
        "sets": ["small-set@1.0.0"],
        "strata": ["hospital"],
        "dimensions": ["hospital", "sex", "age", "index:month"],
        "maximum_crossing": 2,
        "maximum_crossings": 3,
        "policies": ["standard@1.0.0"],
        "minimum_persons": 1000,
    },
}


@pytest.fixture
def desks(database: Database) -> Desks:
    return open_desks(database)


def approve(desks: Desks, order: OrderView, decision: SecrecyDecision = GOOD, caller: Caller = OFFICER) -> OrderView:
    return desks.approval.approve(caller, order.name, etag=order.etag, request_id=new_id(), decision=decision)


def decisions(desks: Desks) -> list[SecrecyDecisionRow]:
    with desks.database.reading() as session:
        return list(session.scalars(sa.select(SecrecyDecisionRow)))


def written(**allows: Any) -> Preapproval:
    return Preapproval.model_validate(WRITTEN | {"allows": WRITTEN["allows"] | allows})  # type: ignore[operator]


def test_an_approval_records_exception_decider_and_date(desks: Desks, clock: Clock) -> None:
    order = approve(desks, desks.file_waiting_for_approval())
    assert (order.state, order.waits_for, order.approved_by_policy) == (OrderState.APPROVED, "service", None)
    (decision,) = decisions(desks)
    assert (decision.exception, decision.no_harm) == ("OSL 24:8 statistics", True)
    assert (decision.decider, decision.policy) == ("holder/officer-one", None)
    assert abs(decision.decided_at - clock.moment) < timedelta(seconds=1)
    *_, last = desks.trail.entries()
    assert (last.action, last.actor, last.role) == ("order.approve", "holder/officer-one", "officer")


@pytest.mark.parametrize(
    "decision",
    [
        SecrecyDecision(exception="", no_harm=True, reasoning=GOOD.reasoning),
        SecrecyDecision(exception="because", no_harm=True, reasoning=GOOD.reasoning),
        SecrecyDecision(exception=GOOD.exception, no_harm=False, reasoning=GOOD.reasoning),
        SecrecyDecision(exception=GOOD.exception, no_harm=True, reasoning="   ok   "),
    ],
)
def test_an_incomplete_decision_blocks(desks: Desks, decision: SecrecyDecision) -> None:
    order = desks.file_waiting_for_approval()
    with pytest.raises(InputRefused):
        approve(desks, order, decision)
    assert decisions(desks) == []
    assert desks.book.get(OFFICER, order.name).state is OrderState.AWAITING_APPROVAL


def test_an_officer_decides_on_what_was_read(desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    with pytest.raises(InputRefused, match="etag"):
        desks.approval.approve(OFFICER, order.name, etag="", request_id=new_id(), decision=GOOD)
    with pytest.raises(Stale):
        desks.approval.approve(OFFICER, order.name, etag="old", request_id=new_id(), decision=GOOD)


def test_nobody_decides_on_an_order_of_their_own_organisation(desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    own = Caller(organisation="swedeheart", role="officer", certificate_serial="e5")
    with pytest.raises(NotPermitted, match="own organisation"):
        approve(desks, order, caller=own)


def test_an_order_without_population_cannot_be_approved(desks: Desks) -> None:
    with pytest.raises(StateConflict):
        approve(desks, desks.file())


def test_an_approval_repeated_is_one_approval(desks: Desks) -> None:
    order, request_id = desks.file_waiting_for_approval(), new_id()
    answers = [
        desks.approval.approve(OFFICER, order.name, etag=order.etag, request_id=request_id, decision=GOOD)
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(decisions(desks)) == 1
    with pytest.raises(Conflict):
        desks.approval.approve(OFFICER, order.name, etag="other", request_id=request_id, decision=GOOD)


def test_a_policy_that_changed_since_the_order_was_filed_stops_the_approval(desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    changed = desks.offer.policies["standard@1.0.0"].model_copy(update={"minimum_cell": 5})
    desks.change_offer(policies={"standard@1.0.0": changed})
    with pytest.raises(StateConflict, match="has changed"):
        approve(desks, order)


@pytest.mark.parametrize("verb", ["return_order", "reject"])
def test_an_order_turned_down_tells_the_orderer_why(desks: Desks, verb: str) -> None:
    order = desks.file_waiting_for_approval()
    turn_down = getattr(desks.approval, verb)
    for reason in ("", "  ", "x" * 3000):
        with pytest.raises(InputRefused):
            turn_down(OFFICER, order.name, etag=order.etag, request_id=new_id(), reason=reason)
    turn_down(OFFICER, order.name, etag=order.etag, request_id=new_id(), reason="Too many small hospitals.")
    seen = desks.book.get(ORDERER, order.name)
    assert seen.reason == "Too many small hospitals."
    assert seen.state is (OrderState.RETURNED if verb == "return_order" else OrderState.REJECTED)


def test_a_written_policy_approves_what_it_allows_and_is_named(desks: Desks) -> None:
    desks.change_offer(preapprovals=(written(),))
    order = desks.file_waiting_for_approval()
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) == "pilot@1.0.0"
    seen = desks.book.get(ORDERER, order.name)
    assert (seen.state, seen.approved_by_policy) == (OrderState.APPROVED, "pilot@1.0.0")
    assert (seen.steps[-1].by, seen.reason) == ("policy", "Approved by the written policy pilot@1.0.0.")
    (decision,) = decisions(desks)
    assert (decision.decider, decision.policy) == ("Head of unit", "pilot@1.0.0")
    *_, last = desks.trail.entries()
    assert (last.actor, last.role, last.action) == ("pilot@1.0.0", "policy", "order.approve")
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) is None


@pytest.mark.parametrize(
    ("allows", "objection"),
    [
        ({"organisations": []}, "organisation"),
        ({"purposes": ["statistics"]}, "purpose"),
        ({"registers": ["lmed"]}, "register"),
        ({"sets": ["small-set@2.0.0"]}, "indicator set"),
        ({"strata": []}, "column"),
        ({"dimensions": ["hospital", "sex", "age"]}, "dimension"),
        ({"maximum_crossing": 1}, "too many dimensions"),
        ({"maximum_crossings": 2}, "too many crossings"),
        ({"policies": []}, "disclosure policy"),
        ({"minimum_persons": 5001}, "too small"),
    ],
)
def test_what_a_policy_does_not_name_goes_to_an_officer(desks: Desks, allows: dict[str, Any], objection: str) -> None:
    desks.change_offer(preapprovals=(written(**allows),))
    order = desks.file_waiting_for_approval()
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) is None
    assert desks.book.get(ORDERER, order.name).state is OrderState.AWAITING_APPROVAL
    assert decisions(desks) == []


def test_a_set_written_out_in_the_order_always_goes_to_an_officer(desks: Desks) -> None:
    desks.change_offer(preapprovals=(written(),))
    order = desks.file_waiting_for_approval(order_text(indicators=[{"inline": SMALL_SET}]))
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) is None


@pytest.mark.parametrize("days", [-30, 60])
def test_a_policy_approves_only_while_it_is_in_force(desks: Desks, clock: Clock, days: int) -> None:
    desks.change_offer(preapprovals=(written(),))
    order = desks.file_waiting_for_approval()
    clock.advance(timedelta(days=days))
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) is None


def test_the_shipped_policy_approves_nobody(tmp_path: Path) -> None:
    (shipped,) = load_preapprovals(tmp_path / "absent")
    assert shipped.allows.organisations == ()


def test_a_policy_that_does_not_say_that_nobody_is_harmed_is_refused(tmp_path: Path) -> None:
    shipped = resources.files("linkage") / "definitions" / "preapprovals" / "quality-register-standard.toml"
    text = shipped.read_text(encoding="utf-8").replace("no_harm = true", "no_harm = false")
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LinkageError, match=r"bad\.toml: decision\.no_harm"):
        load_preapprovals(tmp_path)


def test_a_reasoning_that_is_too_short_is_told_how_long_it_must_be() -> None:
    with pytest.raises(InputRefused, match="too short: 1 of at least 10 characters") as refused:
        SecrecyDecision(exception=GOOD.exception, no_harm=True, reasoning=" x ").require_complete()
    assert "at least 10 characters" in refused.value.mend
    with pytest.raises(InputRefused, match="gives no reasoning"):
        SecrecyDecision(exception=GOOD.exception, no_harm=True, reasoning="  ").require_complete()


def test_the_shortest_reasoning_has_ten_characters_that_are_not_blank(desks: Desks) -> None:
    order = desks.file_waiting_for_approval()
    with pytest.raises(InputRefused, match="too short: 9 of at least 10 characters"):
        approve(desks, order, SecrecyDecision(GOOD.exception, True, f"   {'x' * 9}   "))
    assert decisions(desks) == []
    assert approve(desks, order, SecrecyDecision(GOOD.exception, True, "x" * 10)).state is OrderState.APPROVED


def test_a_policy_with_a_short_reasoning_is_told_how_long_it_must_be(tmp_path: Path) -> None:
    shipped = resources.files("linkage") / "definitions" / "preapprovals" / "quality-register-standard.toml"
    text = re.sub('reasoning = ".*"', 'reasoning = "No harm is seen."', shipped.read_text(encoding="utf-8"))
    (tmp_path / "short.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LinkageError, match=r"short\.toml: decision\.reasoning: .*at least 20 characters"):
        load_preapprovals(tmp_path)
