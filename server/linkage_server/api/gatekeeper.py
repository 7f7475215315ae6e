"""The one door of the service: who calls, may they, and what they hear when something is refused.

Order of checks, fixed: request id, peer's TLS, who calls, may they, then the handler. Every refusal becomes a status
here and nowhere else, and every access ends in the audit log. No text of a foreign exception passes this door.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.rpc import status_pb2
from grpc_status import rpc_status

from linkage.errors import InputRefused, LinkageError, NotAuthenticated, NotFound
from linkage.wire import refusals
from linkage_server.access.certificates import Caller, identify_caller
from linkage_server.access.permits import require
from linkage_server.api.resource_names import subject_of
from linkage_server.audit.trail import AuditTrail
from linkage_server.operations import logs, metrics
from linkage_server.storage.database import Database

# Generic in the type stubs, plain at run time.
if TYPE_CHECKING:
    _Interceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _Interceptor = grpc.aio.ServerInterceptor

_caller: ContextVar[Caller] = ContextVar("caller")

Message = TypeVar("Message")


def current_caller() -> Caller:
    """Who makes the call now being handled; set by the gatekeeper before any handler runs."""
    return _caller.get()


def _tls_version(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    return _auth_property(context, "ssl_tls_version").decode("ascii", "replace")


def _code_name(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "REFUSED"


def _auth_property(context: grpc.aio.ServicerContext[Any, Any], name: str) -> bytes:
    return bytes(next(iter(context.auth_context().get(name, ())), b""))


@dataclass(slots=True)
class Gatekeeper(_Interceptor):
    """Wraps every method of every service.

    Args:
        database: certificates and the audit log.
        trail: where accesses are recorded.
        recheck_seconds: how often the sender of an open stream is identified again: a revoked certificate loses its
            open streams too.
    """

    database: Database
    trail: AuditTrail
    recheck_seconds: float

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler with the checks around it."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return handler  # an unknown method: gRPC itself answers UNIMPLEMENTED
        method = handler_call_details.method
        codec = {
            "request_deserializer": _readable_or_marked(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream), **codec)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), **codec)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream), **codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), **codec)

    def _unary(self, method: str, behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            visit = _Visit(self, method, context)
            try:
                await visit.admit(request)
                reply = await behaviour(visit.watched(request), context)
                await visit.leave("OK")
            except BaseException as error:
                await visit.refuse(error)
                raise
            return reply

        return guarded

    def _stream(self, method: str, behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            visit = _Visit(self, method, context)
            try:
                await visit.admit(request)
                answering = behaviour(visit.watched(request), context)
                # A handler either yields its replies or, as health does, writes them to the context itself.
                replies = answering if hasattr(answering, "__aiter__") else _written_by_itself(answering)
                async for reply in visit.while_trusted(replies):
                    yield reply
                await visit.leave("OK")
            except BaseException as error:
                await visit.refuse(error)
                raise

        return guarded


_END = object()
_UNREADABLE = object()


def _readable_or_marked(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Read a request, or mark it as unreadable: gRPC itself would answer INTERNAL and log what it met."""

    def read(content: bytes) -> Any:
        try:
            return deserialize(content) if deserialize else content
        except Exception:  # whatever the library raises: its text is of the stranger's making
            return _UNREADABLE

    return read


# Any: gRPC's handlers are untyped.
async def _written_by_itself(answering: Any) -> AsyncIterator[Any]:
    await answering
    nothing: tuple[Any, ...] = ()
    for reply in nothing:
        yield reply


def _require_readable(message: Any) -> None:
    if message is _UNREADABLE:
        raise InputRefused("the request cannot be read.", mend="Update the client.")


class _Visit:
    """One call from the door to the audit log."""

    def __init__(self, gatekeeper: Gatekeeper, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.gatekeeper, self.method, self.context = gatekeeper, method, context
        self.error_id = uuid.uuid4().hex
        self.started = time.monotonic()
        self.checked = self.started
        self.caller: Caller | None = None
        self.subject = ""
        self.recorded = False

    async def admit(self, request: Any) -> None:
        if _tls_version(self.context) != "TLSv1.3":
            raise NotAuthenticated("The connection must use TLS 1.3.", mend="Use the current client.")
        self.caller = await self._identify()
        _caller.set(self.caller)
        self.subject = subject_of(request)
        require(self.caller, self.method)
        _require_readable(request)

    async def _identify(self) -> Caller:
        pem = _auth_property(self.context, "x509_pem_cert")
        return await asyncio.to_thread(identify_caller, self.gatekeeper.database, pem)

    def watched(self, request: Any) -> Any:
        """A streamed request whose sender is identified again now and then; a single request as it is."""
        return self._watch(request) if hasattr(request, "__aiter__") else request

    async def _watch(self, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for message in self.while_trusted(messages):
            _require_readable(message)
            self.subject = self.subject or subject_of(message)
            yield message

    async def while_trusted(self, messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """Pass messages on; the caller is identified again when it is time, also while no message comes.

        Raises:
            NotAuthenticated: the certificate was revoked meanwhile.
        """
        while True:
            coming = asyncio.ensure_future(anext(messages, _END))
            try:
                while not coming.done():
                    due = self.checked + self.gatekeeper.recheck_seconds - time.monotonic()
                    await asyncio.wait({coming}, timeout=max(due, 0))
                    await self._recheck()
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait({coming})
            message = coming.result()
            if message is _END:
                return
            yield message  # type: ignore[misc]  # the one object that is no message was sorted out

    async def _recheck(self) -> None:
        if time.monotonic() - self.checked >= self.gatekeeper.recheck_seconds:
            self.checked = time.monotonic()
            await self._identify()

    async def refuse(self, error: BaseException) -> None:
        """Turn what went wrong into a status, once, for every call."""
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            with contextlib.suppress(LinkageError):
                await asyncio.shield(self.leave("CANCELLED"))
            return
        if isinstance(error, grpc.aio.AbortError):
            # gRPC's own services (health) have answered for themselves, by their own standard.
            with contextlib.suppress(LinkageError):
                await self.leave(_code_name(self.context))
            return
        if isinstance(error, NotImplementedError):
            error = NotFound("the service does not offer this.", mend="Update the client or ask the register holder.")
        if isinstance(error, LinkageError):
            status, outcome = refusals.to_status(error, error_id=self.error_id), error.reason
        else:
            # The log gets the kind and the place of a bug; its text could carry a value.
            logs.internal_error(error, error_id=self.error_id, method=self.method)
            status, outcome = refusals.internal_status(self.error_id), "INTERNAL"
        # The refusal stands also where it cannot be recorded, for instance because the disk is full.
        with contextlib.suppress(LinkageError):
            await self.leave(outcome)
        await self._abort(status)

    async def _abort(self, status: status_pb2.Status) -> None:
        answer = rpc_status.to_status(status)
        await self.context.abort(answer.code, answer.details, answer.trailing_metadata)

    async def leave(self, outcome: str) -> None:
        """Record the access, once; an access that cannot be recorded is not granted."""
        if self.recorded:
            return
        self.recorded = True
        seconds = time.monotonic() - self.started
        metrics.call_handled(self.method, outcome, seconds)
        logs.call_handled(method=self.method, outcome=outcome, seconds=seconds, error_id=self.error_id)
        await asyncio.to_thread(self._record, outcome)

    def _record(self, outcome: str) -> None:
        with self.gatekeeper.database.transaction() as session:
            self.gatekeeper.trail.record(
                session,
                actor=self.caller.actor if self.caller else "unknown",
                role=self.caller.role if self.caller else "unknown",
                action=self.method,
                subject=self.subject,
                outcome=outcome,
            )
