"""The gRPC server: mutual TLS, limits, every service behind the gatekeeper, health, and reflection where asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from linkage.errors import ServiceUnavailable
from linkage.wire.v1 import (
    catalogue_pb2,
    catalogue_pb2_grpc,
    orders_pb2,
    orders_pb2_grpc,
    populations_pb2,
    populations_pb2_grpc,
    releases_pb2,
    releases_pb2_grpc,
)
from linkage.wire.v1 import operations_pb2 as linkage_operations_pb2
from linkage.wire.v1 import operations_pb2_grpc as linkage_operations_pb2_grpc
from linkage_server.api.gatekeeper import Gatekeeper

MAXIMUM_MESSAGE_BYTES = 1024 * 1024
MAXIMUM_METADATA_BYTES = 8 * 1024
# Blocking work of handlers (database, spool) runs in these threads; compute has its own.
HANDLER_THREADS = 32
STOP_GRACE_SECONDS = 30.0

_OPTIONS = [
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAXIMUM_METADATA_BYTES),
    # Between the two limits gRPC refuses at random.
    ("grpc.absolute_max_metadata_size", MAXIMUM_METADATA_BYTES),
    ("grpc.max_concurrent_streams", 64),
    # Connections are renewed, so that certificates and revocations take effect on long-lived ones as well.
    ("grpc.max_connection_age_ms", 30 * 60 * 1000),
    ("grpc.max_connection_age_grace_ms", 60 * 1000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 30 * 1000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.so_reuseport", 0),
]


@dataclass(frozen=True, slots=True)
class Servicers:
    """One object for each service of the wire."""

    populations: populations_pb2_grpc.PopulationsServiceServicer
    orders: orders_pb2_grpc.OrdersServiceServicer
    catalogue: catalogue_pb2_grpc.CatalogueServiceServicer
    releases: releases_pb2_grpc.ReleasesServiceServicer
    operations: linkage_operations_pb2_grpc.OperationsServiceServicer
    long_running: operations_pb2_grpc.OperationsServicer


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM bytes: the server's key and certificate chain, and the private CA that clients must come from."""

    private_key: bytes
    certificate_chain: bytes
    client_ca: bytes


class GrpcServer:
    """The service on one port.

    Args:
        servicers: what answers.
        gatekeeper: the door before them.
        tls: keys and certificates.
        address: "host:port"; port 0 takes a free one.
        with_reflection: offered to authenticated callers where the settings ask for it.
    """

    def __init__(
        self, servicers: Servicers, *, gatekeeper: Gatekeeper, tls: TlsFiles, address: str, with_reflection: bool
    ) -> None:
        # Any: the package ships no types.
        self._health: Any = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._server = grpc.aio.server(interceptors=[gatekeeper], options=_OPTIONS)
        names = _add_servicers(self._server, servicers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = ["", *names]
        if with_reflection:
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        credentials = grpc.ssl_server_credentials(
            [(tls.private_key, tls.certificate_chain)], root_certificates=tls.client_ca, require_client_auth=True
        )
        try:
            self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError:
            raise ServiceUnavailable(
                f"the service cannot listen on {address}: the port is taken, or the address is not of this machine.",
                mend="Stop the other service, or change listen.address and listen.port in settings.toml.",
            ) from None

    async def run(self, stopping: asyncio.Event, *, on_ready: Callable[[int], None]) -> None:
        """Serve until `stopping` is set, then drain: health says so first, calls under way get their time."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(HANDLER_THREADS, "handler"))
        await self._server.start()
        for name in self._names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        on_ready(self.port)
        await stopping.wait()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(STOP_GRACE_SECONDS)


def _add_servicers(server: grpc.aio.Server, servicers: Servicers) -> list[str]:
    populations_pb2_grpc.add_PopulationsServiceServicer_to_server(servicers.populations, server)
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(servicers.orders, server)
    catalogue_pb2_grpc.add_CatalogueServiceServicer_to_server(servicers.catalogue, server)
    releases_pb2_grpc.add_ReleasesServiceServicer_to_server(servicers.releases, server)
    linkage_operations_pb2_grpc.add_OperationsServiceServicer_to_server(servicers.operations, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(servicers.long_running, server)
    files = (populations_pb2, orders_pb2, catalogue_pb2, releases_pb2, linkage_operations_pb2, operations_pb2)
    return [
        service.full_name
        for file in files
        for service in getattr(file, "DESCRIPTOR").services_by_name.values()  # noqa: B009
    ]
