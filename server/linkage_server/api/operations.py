"""The operations service: numbers about the running service, for its operators."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from linkage.wire.v1 import operations_pb2, operations_pb2_grpc
from linkage_server.api.catalogue import ServedSnapshot
from linkage_server.operations import metrics
from linkage_server.storage.database import Database
from linkage_server.storage.files import disk_free_bytes
from linkage_server.storage.numbers import count_service

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Operations(operations_pb2_grpc.OperationsServiceServicer):
    """Counts what stands now.

    Args:
        database: the service's state.
        home: folder whose disk is looked at.
        served: snapshots now served, by register.
        software_version: of the running service.
        started: time.monotonic() when it began.
    """

    database: Database
    home: Path
    served: Callable[[], Mapping[str, ServedSnapshot]]
    software_version: str
    started: float

    async def GetServiceStatus(  # noqa: N802
        self, request: operations_pb2.GetServiceStatusRequest, context: Context
    ) -> operations_pb2.ServiceStatus:
        """See operations.proto."""
        return await asyncio.to_thread(self._status)

    def _status(self) -> operations_pb2.ServiceStatus:
        with self.database.reading() as session:
            numbers = count_service(session)
        free = disk_free_bytes(self.home)
        metrics.set_levels(orders_by_state=numbers.orders_by_state, disk_free_bytes=free)
        return operations_pb2.ServiceStatus(
            software_version=self.software_version,
            state="serving",
            uptime_seconds=int(time.monotonic() - self.started),
            orders_by_state=numbers.orders_by_state,
            disk_free_bytes=free,
            uploads_open=numbers.uploads_open,
            runs_active=numbers.runs_active,
            registers=[
                operations_pb2.ServedRegister(name=name, snapshot=one.snapshot, rows=one.rows)
                for name, one in sorted(self.served().items())
            ],
        )
