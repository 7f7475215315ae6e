"""google.longrunning.Operations: asks after, and waits for, what takes longer than a call."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc

from linkage_server.api.gatekeeper import current_caller
from linkage_server.storage.database import Database
from linkage_server.storage.long_running import find_operation, newest_operations

Context = grpc.aio.ServicerContext[Any, Any]
LONGEST_WAIT_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LongRunning(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # the package ships no types
    """Reads operations of the caller's organisation."""

    database: Database

    async def GetOperation(  # noqa: N802
        self, request: operations_pb2.GetOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """The operation as it stands."""
        return await self._find(request.name)

    async def WaitOperation(  # noqa: N802
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """The operation once it is done, or as it stands when the time is up."""
        # Not as a timedelta: a stranger's seconds need not fit into one.
        asked = max(request.timeout.seconds, 0) or LONGEST_WAIT_SECONDS
        remaining = context.time_remaining()
        seconds = min(asked, LONGEST_WAIT_SECONDS, *([remaining - 0.5] if remaining is not None else []))
        until = time.monotonic() + seconds
        operation = await self._find(request.name)
        while not operation.done and time.monotonic() < until:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            operation = await self._find(request.name)
        return operation

    async def ListOperations(  # noqa: N802
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """The newest operations of the caller's organisation."""
        found = await asyncio.to_thread(newest_operations, self.database, organisation=current_caller().organisation)
        return operations_pb2.ListOperationsResponse(operations=found)

    async def _find(self, name: str) -> operations_pb2.Operation:
        return await asyncio.to_thread(find_operation, self.database, name, organisation=current_caller().organisation)
