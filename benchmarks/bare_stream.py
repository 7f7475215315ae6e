"""A gRPC server that counts bytes and does nothing else, with the service's own TLS: what a stream costs by itself.

python -m benchmarks.bare_stream HOME ADDRESS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

SERVICE, NAME = "linkage.benchmarks.Bare", "Send"
METHOD = f"/{SERVICE}/{NAME}"


async def _count(pieces: AsyncIterator[bytes], context: object) -> bytes:
    total = 0
    async for piece in pieces:
        total += len(piece)
    return str(total).encode()


async def _serve(keys: Path, address: str) -> None:
    server = grpc.aio.server()
    methods = {NAME: grpc.stream_unary_rpc_method_handler(_count)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    credentials = grpc.ssl_server_credentials(
        [((keys / "server.key").read_bytes(), (keys / "server.pem").read_bytes())],
        root_certificates=(keys / "ca.pem").read_bytes(),
        require_client_auth=True,
    )
    server.add_secure_port(address, credentials)
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]) / "keys", sys.argv[2]))
