"""Raw calls of a hostile client: bytes on a channel, without the client's own care."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from linkage.wire.v1 import catalogue_pb2, orders_pb2, populations_pb2, releases_pb2
from linkage.wire.v1 import operations_pb2 as linkage_operations_pb2
from linkage_client.home import ClientHome
from tests.support.loaded_service import LoadedService

# Official test numbers of the Swedish Tax Agency; they never belong to a person.
NUMBER = "189001019802"
_FILES = (populations_pb2, orders_pb2, catalogue_pb2, releases_pb2, linkage_operations_pb2, operations_pb2, health_pb2)


@dataclass(frozen=True)
class Answer:
    """What came back: a code, the reason in ErrorInfo ("" for none), all bytes of it, and the messages of an OK.

    Args:
        facts: what ErrorInfo tells beside the reason; the mend is among it.
    """

    code: grpc.StatusCode
    reason: str
    raw: bytes
    messages: tuple[bytes, ...]
    facts: dict[str, str] = field(default_factory=dict)


def all_methods() -> list[MethodDescriptor]:
    """Every method of every service there is."""
    return [
        method
        for file in _FILES
        for service in file.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
        for method in service.methods
    ]


def path_of(method: MethodDescriptor) -> str:
    """The method's name on the wire."""
    return f"/{method.containing_service.full_name}/{method.name}"


def method(path: str) -> MethodDescriptor:
    """The method of that name: "OrdersService/GetOrder"."""
    return next(one for one in all_methods() if path_of(one).endswith(f".{path}"))


def channel(client: ClientHome, *, key: bytes | None = None, certificate: bytes | None = None) -> grpc.Channel:
    """A channel with the client's certificate, or with another one."""
    reply = client.enrolment()
    credentials = grpc.ssl_channel_credentials(
        root_certificates=reply.ca_certificate.encode(),
        private_key=key or client.tls_key(),
        certificate_chain=certificate or reply.certificate.encode(),
    )
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    options += [("grpc.max_metadata_size", 2**20), ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    return grpc.secure_channel(reply.server_address, credentials, options=options)


def anonymous_channel(service: LoadedService) -> grpc.Channel:
    """A channel that trusts the server and shows no certificate."""
    credentials = grpc.ssl_channel_credentials(root_certificates=service.service.authority.certificate_pem)
    return grpc.secure_channel(f"localhost:{service.service.settings.listen.port}", credentials)


def call(
    to: grpc.Channel,
    method: MethodDescriptor,
    requests: Iterable[bytes | Message],
    *,
    seconds: float = 10.0,
    metadata: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Call a method with raw bytes and wait for the end of the answer."""
    sent = (one if isinstance(one, bytes) else one.SerializeToString() for one in requests)
    try:
        answers = _start(to, method, sent, seconds=seconds, metadata=metadata)
        messages = tuple(answers)
    except grpc.RpcError as error:
        return as_answer(error)
    return Answer(grpc.StatusCode.OK, "", b"".join(messages), messages)


# Any: a grpc.RpcError is also the call it ended.
def as_answer(error: Any) -> Answer:
    """A refused call as an answer."""
    status, reason, facts = rpc_status.from_call(error), "", {}
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            reason, facts = info.reason, dict(info.metadata)
    trailing = b"".join(
        key.encode() + (value if isinstance(value, bytes) else value.encode())
        for key, value in error.trailing_metadata() or ()
    )
    return Answer(error.code(), reason, (error.details() or "").encode() + trailing, (), facts)


def _start(
    to: grpc.Channel,
    method: MethodDescriptor,
    sent: Iterator[bytes],
    *,
    seconds: float,
    metadata: tuple[tuple[str, str], ...],
) -> Iterator[bytes]:
    path, extra = path_of(method), {"timeout": seconds, "metadata": metadata}
    if method.client_streaming:
        assert not method.server_streaming
        yield to.stream_unary(path)(sent, **extra)
    elif method.server_streaming:
        yield from to.unary_stream(path)(next(sent), **extra)
    else:
        yield to.unary_unary(path)(next(sent), **extra)


@dataclass
class Fuzzer:
    """Makes requests that nobody agreed on.

    Args:
        random: seeded.
        names: names of real things, some of them other people's.
    """

    random: random.Random
    names: list[str]

    def request(self, kind: MethodDescriptor) -> bytes:
        """A message of the method's type with odd values, or a damaged one, or no message at all."""
        message: Message = GetMessageClass(kind.input_type)()
        self._fill(message, depth=0)
        content = message.SerializeToString()
        choice = self.random.random()
        if choice < 0.15:
            return self.random.randbytes(self.random.randrange(1, 200))
        if choice < 0.35 and content:
            damaged = bytearray(content)
            for _ in range(self.random.randrange(1, 4)):
                damaged[self.random.randrange(len(damaged))] = self.random.randrange(256)
            return bytes(damaged)
        return content

    def _fill(self, message: Message, *, depth: int) -> None:
        for one in message.DESCRIPTOR.fields:
            if self.random.random() < 0.2 or depth > 3:
                continue
            if one.type == FieldDescriptor.TYPE_MESSAGE:
                if not one.is_repeated:
                    self._fill(getattr(message, one.name), depth=depth + 1)
                    getattr(message, one.name).SetInParent()
                continue
            setattr(message, one.name, self._value(one))

    def _value(self, field: FieldDescriptor) -> object:
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self._text()
            case FieldDescriptor.TYPE_BYTES:
                return self.random.choice([b"", b"x" * 32, NUMBER.encode(), self.random.randbytes(300_000)])
            case FieldDescriptor.TYPE_BOOL:
                return self.random.random() < 0.5
            case FieldDescriptor.TYPE_ENUM:
                return self.random.choice([0, 1, 5, 11, 12, 999, 2**31 - 1, -(2**31)])
            case FieldDescriptor.TYPE_INT32:
                return self.random.choice([0, 1, -1, 100, 10**6, 2**31 - 1, -(2**31)])
            case FieldDescriptor.TYPE_INT64:
                return self.random.choice([0, 1, -1, 2**63 - 1, -(2**63), 10**12])
            case FieldDescriptor.TYPE_UINT64:
                return self.random.choice([0, 1, 2048, 2**31, 2**63, 2**64 - 1, int(NUMBER)])
        raise AssertionError(f"no odd value is known for {field.full_name}")

    def _text(self) -> str:
        return self.random.choice(
            [
                "",
                NUMBER,
                f"{NUMBER[:8]}-{NUMBER[8:]}",
                f"organisations/{NUMBER}/orders/{NUMBER}",
                f"patient {NUMBER} \x00 \ud7ff \U0001f600",
                "../../../../etc/passwd",
                "table.csv/../manifest.json",
                "\x00",
                "' OR 1=1 --",
                "{}[]\\u0031",
                "å" * 70_000,
                str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
                "operations/" + "0" * 32,
                *self.names,
            ]
        )
