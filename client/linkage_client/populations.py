"""Populations on their way out: checked, sealed into a file, and sent so that any cut can be mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from linkage.envelope import SealedPopulation, seal
from linkage.errors import LinkageError, ServiceUnavailable, StateConflict, TimedOut
from linkage.order import OrderDocument
from linkage.population_file import (
    CheckedPopulation,
    PopulationCheck,
    PopulationLayout,
    check_population,
    check_rows,
    layout_of,
    read_population,
)
from linkage.wire import refusals
from linkage.wire.v1 import populations_pb2
from linkage_client.connection import CALL_SECONDS, STREAM_SECONDS, Connection
from linkage_client.home import ClientHome, require_file
from linkage_client.progress import Progress, silent

MESSAGE_BYTES = 256 * 1024
# One stream carries so much, and its answer says how much of it is on the service's disk.
STREAM_BYTES = 32 * 2**20
_TRIES_WITHOUT_PROGRESS = 5
_FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the service says of a population it accepted; numbers of persons are bands."""

    order: str
    upload_id: str
    manifest_sha256: str
    linkable: str
    not_linkable: str


def check(path: Path, *, order: OrderDocument | None = None) -> PopulationCheck:
    """Check a population file, against an order if one is given; finds every fault.

    Raises:
        InputRefused: there is no such file.
        PopulationRejected: the file as a whole is not a population.
    """
    require_file(path)
    if order is None:
        file = read_population(path)
        return check_rows(file, layout=layout_of(file))
    asked = order.population
    written_on = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    layout = PopulationLayout(
        index_date_required=asked.index_date,
        strata=asked.strata,
        reference_date=asked.reference_date or written_on,
    )
    return check_population(path, layout=layout)


def seal_for(
    home: ClientHome, population: CheckedPopulation, path: Path, *, order: str, progress: Progress = silent
) -> SealedPopulation:
    """Seal a checked population to the register holder's pinned key, bound to an order."""
    reply = home.enrolment()
    return seal(
        population,
        path,
        order=order,
        organisation=reply.organisation,
        recipient=reply.recipient,
        signing_key=home.signing_key(),
        now=datetime.now(UTC),
        progress=lambda done, total: progress("sealing", done, total),
    )


async def start_upload(connection: Connection, sealed: SealedPopulation, *, order: str, request_id: str) -> str:
    """Announce a sealed population; returns the upload's name, the same one when repeated."""
    request = populations_pb2.StartUploadRequest(
        order=order,
        upload_id=sealed.upload_id,
        container_bytes=sealed.container_bytes,
        container_sha256=sealed.container_sha256,
        request_id=request_id,
    )
    answer = await connection.call(connection.populations.StartUpload(request, timeout=CALL_SECONDS))
    return answer.upload


async def send_bytes(connection: Connection, upload: str, path: Path, *, progress: Progress = silent) -> None:
    """Send what the service does not have yet. A cut is mended by going on where the service's disk ends.

    Raises:
        ServiceUnavailable, TimedOut: no byte got through in several tries; the same call goes on later.
    """
    failures, furthest = 0, -1
    query = populations_pb2.QueryUploadRequest(upload=upload)
    while True:
        try:
            state = await connection.call(connection.populations.QueryUpload(query, timeout=CALL_SECONDS))
            if state.bytes_stored > furthest:
                failures, furthest = 0, state.bytes_stored
            progress("sending", state.bytes_stored, state.container_bytes)
            if state.bytes_stored == state.container_bytes:
                return
            pieces = _pieces(upload, path, start=state.bytes_stored, end=state.container_bytes, progress=progress)
            await connection.call(connection.populations.UploadChunks(pieces, timeout=STREAM_SECONDS))
        except (ServiceUnavailable, TimedOut, StateConflict):
            # StateConflict: an earlier connection of ours was still writing; the next query says where it ended.
            failures += 1
            if failures == _TRIES_WITHOUT_PROGRESS:
                raise
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1))


async def finish_upload(
    connection: Connection, upload: str, *, request_id: str, progress: Progress = silent
) -> Receipt:
    """Close an upload and wait until the service has opened it.

    Raises:
        EnvelopeRejected: the service did not accept it.
    """
    request = populations_pb2.FinalizeUploadRequest(upload=upload, request_id=request_id)
    operation = await connection.call(connection.populations.FinalizeUpload(request, timeout=CALL_SECONDS))
    progress("being opened by the service", 0, 0)
    while not operation.done:
        operation = await connection.wait(operation.name)
    if operation.HasField("error"):
        raise refusals.from_status(operation.error)
    receipt = populations_pb2.PopulationReceipt()
    if not operation.response.Unpack(receipt):
        raise LinkageError("the service's answer is not a receipt.", mend="Update the client.")
    return Receipt(
        receipt.order,
        receipt.upload_id,
        receipt.manifest_sha256.hex(),
        receipt.linkable_band,
        receipt.not_linkable_band,
    )


async def _pieces(
    upload: str, path: Path, *, start: int, end: int, progress: Progress
) -> AsyncIterator[populations_pb2.UploadChunksRequest]:
    with path.open("rb") as file:
        file.seek(start)
        offset, last = start, min(end, start + STREAM_BYTES)
        while offset < last:
            data = file.read(min(MESSAGE_BYTES, last - offset))
            yield populations_pb2.UploadChunksRequest(upload=upload, offset=offset, data=data)
            offset += len(data)
            progress("sending", offset, end)
