"""A population on its way in: sealed, sent over mutual TLS, opened in its own process, pseudonymised, accepted.

The alternatives do less: AES-GCM with one key over the same bytes has no recipient, no signature and no order that it
is bound to; the bare gRPC stream of the same bytes keeps nothing. They tell what the rest costs. MiB are those of the
payload, some 17 bytes a person: sealing and opening are more about persons than about bytes. Persons: see `unborn`.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import order_question, unborn
from benchmarks.bare_stream import METHOD
from benchmarks.order import ORDER
from benchmarks.served import ORGANISATION, make_home, served
from linkage.envelope import CHUNK_BYTES, SealedPopulation, inspect_manifest, open_chunks, verify_statement
from linkage.envelope_payload import payload_blocks
from linkage.population_file import CheckedPopulation
from linkage.request_id import new_request_id
from linkage_client.connection import connect
from linkage_client.home import ClientHome
from linkage_client.orders import create_order
from linkage_client.populations import MESSAGE_BYTES, finish_upload, seal_for, send_bytes, start_upload
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.machine import free_port

TITLE = "Uploading a population of 2 million persons"
PERSONS, ROUNDS = 2_000_000, 3
MIB = 2**20
# No written policy approves it, so that no run disturbs the next upload.
UNDECIDED_ORDER = ORDER.replace('purpose = "quality assurance"', 'purpose = "statistics"')

SEAL, SEND, OPEN = "seal: encrypt, sign, write", "send: mutual TLS, spool, sync", "open, pseudonymise, accept"
WHOLE = "The whole upload, seal to accepted"
UNSEAL = "open alone: verify, decrypt"
ENCRYPT, DECRYPT, STREAM = (
    "AES-256-GCM encrypt, one key",
    "AES-256-GCM decrypt, one key",
    "bare gRPC stream, mutual TLS",
)
AGAINST = {SEAL: ENCRYPT, UNSEAL: DECRYPT, SEND: STREAM}

Seconds = dict[str, list[float]]


def run() -> list[dict[str, Any]]:
    """Medians of the rounds; each round does everything once, so that a busy moment hits all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_home(folder / "home", indicators=order_question.indicator_set()).database.close()
        population = _population()
        service = served(folder / "home")
        address = f"localhost:{free_port()}"
        bare = _serve_bare_stream(folder / "home", address)
        try:
            client = service.enrol(folder / "client", organisation=ORGANISATION)
            seconds, size = asyncio.run(_measure(client, population, folder, address))
        finally:
            bare.kill()
            bare.wait()
            service.service.database.close()
            service.stop()
    return [_row(what, taken, size, seconds) for what, taken in seconds.items()]


def _population() -> CheckedPopulation:
    numbers = unborn.unborn_numbers(PERSONS, seed=5)
    columns = unborn.draw_population(numbers, persons=PERSONS, seed=6).combine_chunks()
    return CheckedPopulation(
        identity=columns["personnummer"].combine_chunks().cast(pa.binary()),
        index_date=columns["index_date"].combine_chunks(),
        strata={"hospital": columns["hospital"].combine_chunks().dictionary_encode()},
        reference_date=unborn.REFERENCE_DATE,
    )


async def _measure(
    client: ClientHome, population: CheckedPopulation, folder: Path, address: str
) -> tuple[Seconds, int]:
    seconds: Seconds = defaultdict(list)
    payload = b"".join(payload_blocks(population))
    connection = connect(client)
    try:
        for number in range(ROUNDS):
            order = (await create_order(connection, UNDECIDED_ORDER, request_id=new_request_id())).name
            marks = [time.perf_counter()]
            sealed = seal_for(client, population, folder / f"{number}.sealed", order=order)
            marks.append(time.perf_counter())
            upload = await start_upload(connection, sealed, order=order, request_id=new_request_id())
            await send_bytes(connection, upload, sealed.path)
            marks.append(time.perf_counter())
            receipt = await finish_upload(connection, upload, request_id=new_request_id())
            marks.append(time.perf_counter())
            assert receipt.linkable == "2,000,000-4,999,999"
            for what, start, end in ((WHOLE, 0, 3), (SEAL, 0, 1), (SEND, 1, 2), (OPEN, 2, 3)):
                seconds[what].append(marks[end] - marks[start])
            seconds[UNSEAL].append(_timed_opening(sealed, client, folder, payload))
            for what, taken in zip((ENCRYPT, DECRYPT), _timed_aes(payload), strict=True):
                seconds[what].append(taken)
            seconds[STREAM].append(await _timed_stream(client, address, sealed))
            sealed.path.unlink()
    finally:
        await connection.channel.close(grace=None)
    return seconds, len(payload)


def _timed_opening(sealed: SealedPopulation, client: ClientHome, folder: Path, payload: bytes) -> float:
    recipient = KeyRing(folder / "home" / "keys").envelope_keys()[0]
    start = time.perf_counter()
    with sealed.path.open("rb") as file:
        inspected = inspect_manifest(file, container_bytes=sealed.container_bytes)
        verified = verify_statement(file, inspected, signing_keys=client.signing_key().public)
        opened = list(open_chunks(file, verified, recipient=recipient))
    taken = time.perf_counter() - start
    assert b"".join(opened) == payload
    return taken


def _timed_aes(payload: bytes) -> tuple[float, float]:
    cipher, nonces = AESGCM(AESGCM.generate_key(256)), _nonces()
    start = time.perf_counter()
    written = [
        (nonce := next(nonces), cipher.encrypt(nonce, payload[at : at + CHUNK_BYTES], None))
        for at in range(0, len(payload), CHUNK_BYTES)
    ]
    middle = time.perf_counter()
    opened = [cipher.decrypt(nonce, chunk, None) for nonce, chunk in written]
    end = time.perf_counter()
    assert b"".join(opened) == payload
    return middle - start, end - middle


def _nonces() -> Iterator[bytes]:
    number = 0
    while True:
        yield number.to_bytes(12, "big")
        number += 1


def _serve_bare_stream(home: Path, address: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_stream", str(home), address],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


async def _timed_stream(client: ClientHome, address: str, sealed: SealedPopulation) -> float:
    reply = client.enrolment()
    credentials = grpc.ssl_channel_credentials(
        reply.ca_certificate.encode(), client.tls_key(), reply.certificate.encode()
    )
    async with grpc.aio.secure_channel(address, credentials) as channel:
        await channel.channel_ready()
        start = time.perf_counter()
        counted = await channel.stream_unary(METHOD, None, None)(_pieces(sealed.path))
        taken = time.perf_counter() - start
    assert int(counted) == sealed.container_bytes
    return taken


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(MESSAGE_BYTES):
            yield piece


def _row(what: str, taken: list[float], size: int, seconds: Seconds) -> dict[str, Any]:
    other = AGAINST.get(what)
    return {
        "": what if what == WHOLE else f"- {what}",
        "MiB/s (median)": size / MIB / statistics.median(taken),
        "slowest": size / MIB / max(taken),
        "fastest": size / MIB / min(taken),
        "seconds (median)": statistics.median(taken),
        "persons a second": PERSONS / statistics.median(taken),
        "time against the alternative": statistics.median(taken) / statistics.median(seconds[other]) if other else "",
        "alternative": other or "",
    }
