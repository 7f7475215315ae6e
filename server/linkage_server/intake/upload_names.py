"""Names of uploads, and how one is found again: only by the organisation that started it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import LinkageError, NotFound
from linkage.order_states import order_name, parse_order_name
from linkage_server.storage.order_states import order_of
from linkage_server.storage.tables import OrderRow, UploadRow


def upload_name(order: OrderRow, upload: UploadRow) -> str:
    """Resource name of an upload."""
    return f"{order_name(order.organisation, order.order_id)}/uploads/{upload.upload_id}"


def operation_name(order_id: str, upload_id: str) -> str:
    """Name of the operation that opens an upload: always the same one, so that a repeated request finds it."""
    return f"operations/{hashlib.sha256(f'{order_id}/{upload_id}'.encode()).hexdigest()[:32]}"


def spool_file(spool: Path, upload: UploadRow) -> Path:
    """Where the received bytes of an upload lie."""
    return spool / f"upload-{upload.id}.sealed"


def find_order(session: Session, name: str, *, organisation: str) -> OrderRow:
    """The organisation's order of that name.

    Raises:
        NotFound: there is none; somebody else's order gets the same answer.
    """
    owner, order_id = parse_order_name(name)
    order = order_of(session, organisation, order_id) if owner == organisation else None
    if order is None:
        raise NotFound("there is no order of that name.", mend="List your orders to see their names.")
    return order


def find_upload(session: Session, name: str, *, organisation: str) -> tuple[OrderRow, UploadRow]:
    """The organisation's upload of that name, with its order.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    order_part, separator, upload_id = name.partition("/uploads/")
    if not separator:
        raise _no_upload()
    try:
        order = find_order(session, order_part, organisation=organisation)
    except NotFound:
        raise _no_upload() from None
    query = sa.select(UploadRow).where(UploadRow.order_id == order.order_id, UploadRow.upload_id == upload_id)
    upload = session.scalar(query)
    if upload is None:
        raise _no_upload()
    return order, upload


def _no_upload() -> LinkageError:
    return NotFound("there is no upload of that name.", mend="Start the upload again with linkage submit.")
