"""Long-running operations as they stand in the state; a caller sees those of its own organisation."""

from __future__ import annotations

import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import status_pb2

from linkage.errors import NotFound
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OperationRow

LARGEST_PAGE = 100


def find_operation(database: Database, name: str, *, organisation: str) -> operations_pb2.Operation:
    """The operation of that name.

    Raises:
        NotFound: there is none, or it is another organisation's.
    """
    with database.reading() as session:
        # Another organisation's is not loaded: who asks could tell by the time that it is there.
        query = sa.select(OperationRow).where(OperationRow.name == name, OperationRow.organisation == organisation)
        row = session.scalar(query)
        if row is None:
            raise NotFound("there is no operation of that name.", mend="Give linkage submit again.")
        return _message(row)


def newest_operations(database: Database, *, organisation: str) -> list[operations_pb2.Operation]:
    """An organisation's newest operations, newest first; at most `LARGEST_PAGE`."""
    query = (
        sa.select(OperationRow)
        .where(OperationRow.organisation == organisation)
        .order_by(OperationRow.created_at.desc(), OperationRow.name)
        .limit(LARGEST_PAGE)
    )
    with database.reading() as session:
        return [_message(row) for row in session.scalars(query)]


def _message(row: OperationRow) -> operations_pb2.Operation:
    message = operations_pb2.Operation(name=row.name, done=row.done)
    if row.operation_metadata:
        message.metadata.CopyFrom(any_pb2.Any.FromString(row.operation_metadata))
    if row.error is not None:
        message.error.CopyFrom(status_pb2.Status.FromString(row.error))
    elif row.response is not None:
        message.response.CopyFrom(any_pb2.Any.FromString(row.response))
    return message
