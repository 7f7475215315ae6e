"""The releases service: fetches deliveries, and lets officers review and release; see `linkage_server.release`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from linkage.errors import InputRefused, NotFound
from linkage.wire.v1 import releases_pb2, releases_pb2_grpc
from linkage_server.api.gatekeeper import current_caller
from linkage_server.release.delivered import delivered_files
from linkage_server.release.release_desk import AwaitsOfficer, ReleaseDesk

Context = grpc.aio.ServicerContext[Any, Any]
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Releases(releases_pb2_grpc.ReleasesServiceServicer):
    """Translates between the wire and the release desk."""

    desk: ReleaseDesk

    async def GetRelease(  # noqa: N802
        self, request: releases_pb2.GetReleaseRequest, context: Context
    ) -> releases_pb2.Release:
        """See releases.proto."""
        return await asyncio.to_thread(self._release, request.order)

    async def DownloadFile(  # noqa: N802
        self, request: releases_pb2.DownloadFileRequest, context: Context
    ) -> AsyncIterator[releases_pb2.DownloadFileResponse]:
        """See releases.proto."""
        path, size = await asyncio.to_thread(self._file, request.release, request.path)
        if request.offset > size:
            raise InputRefused("the offset lies beyond the end of the file.", mend="Fetch the file from its beginning.")
        with path.open("rb") as file:
            file.seek(request.offset)
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield releases_pb2.DownloadFileResponse(data=piece)

    async def ReviewRelease(  # noqa: N802
        self, request: releases_pb2.ReviewReleaseRequest, context: Context
    ) -> releases_pb2.ReviewReleaseResponse:
        """See releases.proto."""
        seen = await asyncio.to_thread(self.desk.review, current_caller(), request.order)
        return releases_pb2.ReviewReleaseResponse(
            order=seen.order,
            etag=seen.etag,
            policy=seen.policy,
            cells=seen.cells,
            cells_suppressed=seen.cells_suppressed,
            suppressed_by_reason=seen.suppressed_by_reason,
            preview_csv=seen.preview_csv,
            preview_truncated=seen.preview_truncated,
            officers_needed=seen.officers_needed,
            approved_by=seen.approved_by,
            coarsened=seen.coarsened,
        )

    async def ApproveRelease(  # noqa: N802
        self, request: releases_pb2.ApproveReleaseRequest, context: Context
    ) -> releases_pb2.Release:
        """See releases.proto."""
        outcome = await asyncio.to_thread(
            self.desk.approve, current_caller(), request.order, etag=request.etag, reasoning=request.reasoning
        )
        if isinstance(outcome, AwaitsOfficer):
            return releases_pb2.Release(officers_still_needed=outcome.more)
        return await asyncio.to_thread(self._release, request.order)

    async def WithholdRelease(  # noqa: N802
        self, request: releases_pb2.WithholdReleaseRequest, context: Context
    ) -> releases_pb2.WithholdReleaseResponse:
        """See releases.proto."""
        await asyncio.to_thread(
            self.desk.withhold, current_caller(), request.order, etag=request.etag, reason=request.reason
        )
        return releases_pb2.WithholdReleaseResponse(order=request.order)

    def _release(self, order: str) -> releases_pb2.Release:
        released = self.desk.find(current_caller(), order)
        stamp = Timestamp()
        stamp.FromDatetime(released.released_at)
        return releases_pb2.Release(
            name=released.name,
            files=[
                releases_pb2.ReleaseFile(path=entry.path, size_bytes=entry.size_bytes, sha256=entry.sha256)
                for entry in delivered_files(released.folder)
            ],
            released_at=stamp,
            manifest_sha256=released.manifest_sha256,
        )

    def _file(self, release: str, path: str) -> tuple[Path, int]:
        """A file of the release; only names that its manifest lists are ever opened."""
        released = self.desk.find(current_caller(), release.partition("/releases/")[0])
        entry = next((one for one in delivered_files(released.folder) if one.path == path), None)
        if released.name != release or entry is None:
            raise NotFound("the release has no such file.", mend="Ask for the release to see its files.")
        return released.folder / entry.path, entry.size_bytes
