"""Makes a repeated request harmless: the same id with the same body gets the same answer, and happens once.

The id is stored in the transaction of the effect, so that neither is there without the other, also after kill -9.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import Conflict, InputRefused
from linkage.free_text import refuse_identity_number
from linkage_server.access.certificates import Caller
from linkage_server.orders.order_view import OrderView
from linkage_server.storage.database import now
from linkage_server.storage.tables import RequestIdRow

KEPT = timedelta(days=30)


def answer_once(
    session: Session,
    caller: Caller,
    *,
    method: str,
    request_id: str,
    body: dict[str, object],
    act: Callable[[], OrderView],
) -> OrderView:
    """Do what a request asks, or give the answer that it got before.

    Raises:
        Conflict: the id was used for another request.
    """
    if (earlier := earlier_answer(session, caller, method=method, request_id=request_id, body=body)) is not None:
        return earlier
    answer = act()
    moment = now(session)
    session.execute(sa.delete(RequestIdRow).where(RequestIdRow.created_at < moment - KEPT))
    session.add(
        RequestIdRow(
            organisation=caller.organisation,
            method=method,
            request_id=request_id,
            body_sha256=_sha256(caller, body),
            response=answer.model_dump_json().encode(),
            created_at=moment,
        )
    )
    session.flush()
    return answer


def earlier_answer(
    session: Session, caller: Caller, *, method: str, request_id: str, body: dict[str, object]
) -> OrderView | None:
    """The answer that this request got before, if it did.

    Raises:
        Conflict: the id was used for another request.
    """
    row = session.get(RequestIdRow, (caller.organisation, method, request_id))
    if row is None:
        return None
    if row.body_sha256 != _sha256(caller, body):
        raise Conflict("this request id was used for another request.", mend="Use a new UUID4 for each new request.")
    return OrderView.model_validate_json(row.response)


def require_request_id(request_id: str) -> None:
    """Return if the id is a UUID4 in its usual form.

    Raises:
        InputRefused: it is not.
    """
    try:
        parsed = uuid.UUID(request_id)
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4 or str(parsed) != request_id:
        raise InputRefused("request_id is not a UUID4.", mend="Send a new UUID4, and the same one when repeating.")
    # It is stored. Clients make ids that do not read so by chance: linkage.request_id.
    refuse_identity_number(request_id, what="request_id")


def _sha256(caller: Caller, body: dict[str, object]) -> str:
    # The role belongs to the body: one organisation's officer must not get its orderer's answer.
    return hashlib.sha256(json.dumps([caller.role, body], sort_keys=True).encode()).hexdigest()
