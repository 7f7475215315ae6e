"""The populations service: takes sealed containers in; see `linkage_server.intake`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.longrunning import operations_pb2

from linkage.errors import InputRefused, TimedOut
from linkage.wire.v1 import populations_pb2, populations_pb2_grpc
from linkage_server.api.gatekeeper import current_caller
from linkage_server.intake.upload import UploadProgress, UploadRoom
from linkage_server.operations import metrics

Context = grpc.aio.ServicerContext[Any, Any]
# A sender that says nothing for so long is cut off; it resumes where it was.
SILENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Populations(populations_pb2_grpc.PopulationsServiceServicer):
    """Translates between the wire and the upload room.

    Args:
        room: where containers arrive.
        finalized: called when an upload is complete, to have it opened soon.
    """

    room: UploadRoom
    finalized: Callable[[], None]

    async def StartUpload(  # noqa: N802
        self, request: populations_pb2.StartUploadRequest, context: Context
    ) -> populations_pb2.StartUploadResponse:
        """See populations.proto."""
        progress = await asyncio.to_thread(
            self.room.start,
            organisation=current_caller().organisation,
            order=request.order,
            upload_id=request.upload_id,
            container_bytes=request.container_bytes,
            sha256=request.container_sha256,
            request_id=request.request_id,
        )
        return populations_pb2.StartUploadResponse(upload=progress.name, bytes_stored=progress.bytes_stored)

    async def UploadChunks(  # noqa: N802
        self, request_iterator: AsyncIterator[populations_pb2.UploadChunksRequest], context: Context
    ) -> populations_pb2.UploadChunksResponse:
        """See populations.proto."""
        messages = aiter(request_iterator)
        first = await _next(messages)
        if first is None:
            raise InputRefused("the stream holds no piece.", mend="Send the container from the bytes stored on.")
        organisation = current_caller().organisation
        receiver = await asyncio.to_thread(self.room.receive, organisation=organisation, upload=first.upload)
        message: populations_pb2.UploadChunksRequest | None = first
        try:
            await asyncio.to_thread(receiver.__enter__)
            while message is not None:
                if message.upload not in ("", first.upload):
                    raise InputRefused("the stream speaks of two uploads.", mend="Send one upload a stream.")
                await asyncio.to_thread(receiver.write, offset=message.offset, data=message.data)
                metrics.bytes_received(len(message.data))
                message = await _next(messages)
        finally:
            # Also after a cut: what came is synced and counted, and the sender goes on from there.
            await asyncio.shield(asyncio.to_thread(receiver.__exit__, None, None, None))
        return populations_pb2.UploadChunksResponse(bytes_stored=receiver.bytes_stored)

    async def QueryUpload(  # noqa: N802
        self, request: populations_pb2.QueryUploadRequest, context: Context
    ) -> populations_pb2.QueryUploadResponse:
        """See populations.proto."""
        progress: UploadProgress = await asyncio.to_thread(
            self.room.query, organisation=current_caller().organisation, upload=request.upload
        )
        return populations_pb2.QueryUploadResponse(
            bytes_stored=progress.bytes_stored, container_bytes=progress.container_bytes
        )

    async def FinalizeUpload(  # noqa: N802
        self, request: populations_pb2.FinalizeUploadRequest, context: Context
    ) -> operations_pb2.Operation:
        """See populations.proto."""
        name = await asyncio.to_thread(
            self.room.finalize,
            organisation=current_caller().organisation,
            upload=request.upload,
            request_id=request.request_id,
        )
        self.finalized()
        return operations_pb2.Operation(name=name)


async def _next(
    messages: AsyncIterator[populations_pb2.UploadChunksRequest],
) -> populations_pb2.UploadChunksRequest | None:
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await anext(messages, None)
    except TimeoutError:
        raise TimedOut("nothing came for too long.", mend="Ask for the bytes stored and go on from there.") from None
