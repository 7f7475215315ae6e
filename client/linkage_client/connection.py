"""One mutual-TLS channel to the service, with deadlines, careful retries, and refusals in our own words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2

from linkage.enrolment import EnrolmentReply
from linkage.wire import refusals
from linkage.wire.v1 import catalogue_pb2_grpc, orders_pb2_grpc, populations_pb2_grpc, releases_pb2_grpc
from linkage_client.enrolment import require_in_time
from linkage_client.home import ClientHome

CALL_SECONDS = 30.0
STREAM_SECONDS = 600.0
_WAIT_SECONDS = 20
_MESSAGE_BYTES_MAX = 1024 * 1024

# Only calls that do no harm when made twice: those that read, and those that carry a request id (AIP-155, AIP-194).
_REPEATABLE = {
    "linkage.wire.v1.CatalogueService": None,
    "linkage.wire.v1.OrdersService": None,
    "linkage.wire.v1.PopulationsService": ("StartUpload", "QueryUpload", "FinalizeUpload"),
    "linkage.wire.v1.ReleasesService": ("GetRelease",),
    "google.longrunning.Operations": None,
}

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Connection:
    """The channel and the services behind it. Use it inside the event loop that opened it."""

    channel: grpc.aio.Channel
    organisation: str
    catalogue: catalogue_pb2_grpc.CatalogueServiceAsyncStub
    orders: orders_pb2_grpc.OrdersServiceAsyncStub
    populations: populations_pb2_grpc.PopulationsServiceAsyncStub
    releases: releases_pb2_grpc.ReleasesServiceAsyncStub
    operations: operations_pb2_grpc.OperationsStub

    async def call(self, answer: Awaitable[Answer]) -> Answer:
        """Await a call and turn its failure into a `LinkageError`."""
        with own_refusals():
            return await answer

    async def stream(self, answers: AsyncIterable[Answer]) -> AsyncIterator[Answer]:
        """Pass a stream's messages on and turn its failure into a `LinkageError`."""
        with own_refusals():
            async for answer in answers:
                yield answer

    async def wait(self, operation: str) -> operations_pb2.Operation:
        """The operation once it is done, or as it stands after some twenty seconds."""
        request = operations_pb2.WaitOperationRequest(
            name=operation, timeout=duration_pb2.Duration(seconds=_WAIT_SECONDS)
        )
        answer: operations_pb2.Operation = await self.call(
            self.operations.WaitOperation(request, timeout=_WAIT_SECONDS + CALL_SECONDS)
        )
        return answer


def connect(home: ClientHome) -> Connection:
    """Open the channel to the service that the client is enrolled with.

    Raises:
        NotFound: it is not enrolled.
        NotAuthenticated: its certificate does not hold today.
    """
    reply = home.enrolment()
    require_in_time(reply)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=reply.ca_certificate.encode("ascii"),
        private_key=home.tls_key(),
        certificate_chain=reply.certificate.encode("ascii"),
    )
    return _with_stubs(grpc.aio.secure_channel(reply.server_address, credentials, options=_options()), reply)


@contextmanager
def own_refusals() -> Iterator[None]:
    """Turn what gRPC raises into what the service meant; the foreign text is dropped."""
    try:
        yield
    except grpc.RpcError as error:
        raise refusals.from_rpc_error(error) from None


def _with_stubs(channel: grpc.aio.Channel, reply: EnrolmentReply) -> Connection:
    return Connection(
        channel=channel,
        organisation=reply.organisation,
        catalogue=catalogue_pb2_grpc.CatalogueServiceStub(channel),
        orders=orders_pb2_grpc.OrdersServiceStub(channel),
        populations=populations_pb2_grpc.PopulationsServiceStub(channel),
        releases=releases_pb2_grpc.ReleasesServiceStub(channel),
        operations=operations_pb2_grpc.OperationsStub(channel),
    )


def _options() -> list[tuple[str, str | int]]:
    return [
        ("grpc.service_config", json.dumps(_service_config())),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_permit_without_calls", 0),
    ]


def _service_config() -> dict[str, object]:
    names: list[dict[str, str]] = []
    for service, methods in _REPEATABLE.items():
        names += [{"service": service}] if methods is None else [{"service": service, "method": m} for m in methods]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.2s",
        "maxBackoff": "3s",
        "backoffMultiplier": 2.5,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    throttling = {"maxTokens": 10, "tokenRatio": 0.1}
    return {"methodConfig": [{"name": names, "retryPolicy": policy}], "retryThrottling": throttling}
