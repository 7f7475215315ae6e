"""The officer's desk: an order runs only after a decision under the secrecy act, by a person or by a written policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from linkage.disclosure_policy import canonical_sha256
from linkage.errors import InputRefused, NotPermitted, StateConflict
from linkage.free_text import refuse_identity_number
from linkage.order import OrderState, load_order
from linkage.order_states import order_name
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.orders.offer import Offer
from linkage_server.orders.order_view import OrderView, find_order, view_order
from linkage_server.orders.preapproval import Preapproval
from linkage_server.orders.request_ids import answer_once, require_request_id
from linkage_server.orders.secrecy import SecrecyDecision
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.storage.database import Database, now
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrderRow, PopulationRow, SecrecyDecisionRow

_LONGEST_REASON = 2000
_ACTIONS = {"ApproveOrder": "order.approve", "ReturnOrder": "order.return", "RejectOrder": "order.reject"}


@dataclass(frozen=True, slots=True)
class ApprovalDesk:
    """Decides on orders.

    Args:
        database: the service's state.
        trail: where each decision is recorded.
        offer: definitions and written policies as they stand at this moment.
    """

    database: Database
    trail: AuditTrail
    offer: Callable[[], Offer]

    def approve(self, caller: Caller, name: str, *, etag: str, request_id: str, decision: SecrecyDecision) -> OrderView:
        """Record the secrecy decision and let the order run.

        Raises:
            InputRefused: the decision is not complete, or does not say that nobody is harmed.
            NotPermitted: an officer of the ordering organisation itself.
            Stale: the order changed since the officer read it.
            StateConflict: it does not wait for approval.
        """
        decision.require_complete()
        body = {"exception": decision.exception, "no_harm": decision.no_harm, "reasoning": decision.reasoning}

        def act(session: Session, order: OrderRow) -> None:
            _write_decision(session, order, decision, decider=caller.actor, policy=None)
            reason = f"Approved under {decision.exception}."
            self._move(session, order, to=OrderState.APPROVED, reason=reason, etag=etag)

        return self._decide(caller, name, "ApproveOrder", etag=etag, request_id=request_id, body=body, act=act)

    def return_order(self, caller: Caller, name: str, *, etag: str, request_id: str, reason: str) -> OrderView:
        """Hand the order back to be mended; the orderer reads the reason."""
        return self._turn_down(caller, name, to=OrderState.RETURNED, etag=etag, request_id=request_id, reason=reason)

    def reject(self, caller: Caller, name: str, *, etag: str, request_id: str, reason: str) -> OrderView:
        """Refuse the order for good; the orderer reads the reason."""
        return self._turn_down(caller, name, to=OrderState.REJECTED, etag=etag, request_id=request_id, reason=reason)

    def consider_policies(self, order_id: str) -> str | None:
        """Approve an order that waits for approval, if a written policy allows all it asks; harmless to repeat.

        Returns:
            The name of the policy, which the order then carries; None if it waits for an officer.
        """
        with self.database.transaction() as session:
            order = session.get(OrderRow, order_id)
            population = session.get(PopulationRow, order_id)
            if order is None or population is None or order.state != OrderState.AWAITING_APPROVAL:
                return None
            policy = self._fitting_policy(session, order, linkable_persons=population.linkable)
            if policy is None or not self._policy_is_unchanged(order):
                return None
            decision = SecrecyDecision(
                exception=policy.decision.exception.value, no_harm=True, reasoning=policy.decision.reasoning
            )
            _write_decision(session, order, decision, decider=policy.decision.decider, policy=policy.name)
            order.approved_by_policy = policy.name
            move_order(
                session,
                order_id=order_id,
                to=OrderState.APPROVED,
                by="policy",
                reason=f"Approved by the written policy {policy.name}.",
                expected_etag=order.etag,
            )
            name = order_name(order.organisation, order_id)
            self.trail.record(
                session, actor=policy.name, role="policy", action="order.approve", subject=name, outcome="OK"
            )
            return policy.name

    def _fitting_policy(self, session: Session, order: OrderRow, *, linkable_persons: int) -> Preapproval | None:
        document = load_order(order.document, ordered_on=swedish_day(order.created_at))
        today = swedish_day(now(session))
        fitting = (
            policy
            for policy in self.offer().preapprovals
            if not policy.objections(
                document,
                organisation=order.organisation,
                policy=order.policy,
                linkable_persons=linkable_persons,
                today=today,
            )
        )
        return next(fitting, None)

    def _turn_down(
        self, caller: Caller, name: str, *, to: OrderState, etag: str, request_id: str, reason: str
    ) -> OrderView:
        if not 1 <= len(reason.strip()) <= _LONGEST_REASON:
            raise InputRefused(
                "the orderer must be told why.", mend=f"Give a reason of 1 to {_LONGEST_REASON} characters."
            )
        refuse_identity_number(reason, what="the reason")

        method = "ReturnOrder" if to is OrderState.RETURNED else "RejectOrder"

        def act(session: Session, order: OrderRow) -> None:
            self._move(session, order, to=to, reason=reason.strip(), etag=etag)

        return self._decide(caller, name, method, etag=etag, request_id=request_id, body={"reason": reason}, act=act)

    def _decide(
        self,
        caller: Caller,
        name: str,
        method: str,
        *,
        etag: str,
        request_id: str,
        body: dict[str, object],
        act: Callable[[Session, OrderRow], None],
    ) -> OrderView:
        require_request_id(request_id)
        if not etag:
            raise InputRefused("etag is missing.", mend="Read the order first: a decision is on what was read.")

        with self.database.transaction() as session:

            def decide() -> OrderView:
                order = find_order(session, caller, name)
                if caller.organisation == order.organisation:
                    raise NotPermitted(
                        "nobody decides on an order of their own organisation.", mend="Let another officer decide."
                    )
                act(session, order)
                self.trail.record(
                    session, actor=caller.actor, role=caller.role, action=_ACTIONS[method], subject=name, outcome="OK"
                )
                return view_order(session, order)

            full_body = {"name": name, "etag": etag, **body}
            return answer_once(session, caller, method=method, request_id=request_id, body=full_body, act=decide)

    def _move(self, session: Session, order: OrderRow, *, to: OrderState, reason: str, etag: str) -> None:
        if to is OrderState.APPROVED and not self._policy_is_unchanged(order):
            raise StateConflict(
                f"the disclosure policy {order.policy} has changed since the order was filed.",
                mend="Return the order, so that it is filed again under the policy as it is now.",
            )
        move_order(session, order_id=order.order_id, to=to, by="officer", reason=reason, expected_etag=etag)

    def _policy_is_unchanged(self, order: OrderRow) -> bool:
        policy = self.offer().policies.get(order.policy)
        return policy is not None and canonical_sha256(policy) == order.policy_sha256


def _write_decision(
    session: Session, order: OrderRow, decision: SecrecyDecision, *, decider: str, policy: str | None
) -> None:
    session.add(
        SecrecyDecisionRow(
            order_id=order.order_id,
            exception=decision.exception,
            no_harm=decision.no_harm,
            reasoning=decision.reasoning.strip(),
            decider=decider,
            policy=policy,
            decided_at=now(session),
        )
    )
