"""Deliveries: fetched with resume, and believed only once their signature and every hash were checked."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from linkage.errors import Conflict, ReleaseNotVerified
from linkage.release_manifest import Manifest, verify_release
from linkage.signatures import PublicSigningKeys
from linkage.wire.v1 import releases_pb2
from linkage_client.connection import CALL_SECONDS, STREAM_SECONDS, Connection
from linkage_client.orders import full_name
from linkage_client.progress import Progress, silent

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was checked and lies in a folder."""

    folder: Path
    release: str
    files: tuple[str, ...]
    manifest: Manifest


async def fetch_release(
    connection: Connection,
    order: str,
    folder: Path,
    *,
    trusted_keys: PublicSigningKeys | Iterable[PublicSigningKeys],
    progress: Progress = silent,
) -> Delivery:
    """Fetch an order's delivery into a new folder; what an earlier, cut-off fetch left is used again.

    Raises:
        NotFound: there is no such order, or nothing was released for it yet.
        Conflict: the folder holds something else.
        ReleaseNotVerified: what came is not what the release desk signed; nothing is left in the folder.
    """
    request = releases_pb2.GetReleaseRequest(order=full_name(connection, order))
    release = await connection.call(connection.releases.GetRelease(request, timeout=CALL_SECONDS))
    for file in release.files:
        if not _PLAIN_NAME.fullmatch(file.path):
            raise ReleaseNotVerified("the delivery holds a file whose name is not a plain one.", mend=_TELL)
    names = tuple(file.path for file in release.files)
    if folder.exists() and any(folder.iterdir()):
        return Delivery(folder, release.name, names, _already_there(folder, release.manifest_sha256, trusted_keys))
    # Fetched beside the folder and moved in one step: the folder never holds half a delivery.
    partial = folder.with_name(f".{folder.name}.{hashlib.sha256(release.name.encode()).hexdigest()[:12]}.partial")
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    total = sum(file.size_bytes for file in release.files)
    done = 0
    for file in release.files:
        await _fetch_file(connection, release.name, file, partial, done=done, total=total, progress=progress)
        done += file.size_bytes
    try:
        manifest = _verified(partial, release.manifest_sha256, trusted_keys)
    except ReleaseNotVerified:
        shutil.rmtree(partial)
        raise
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    return Delivery(folder, release.name, names, manifest)


async def _fetch_file(
    connection: Connection,
    release: str,
    file: releases_pb2.ReleaseFile,
    folder: Path,
    *,
    done: int,
    total: int,
    progress: Progress,
) -> None:
    path = folder / file.path
    have = path.stat().st_size if path.exists() else 0
    if have > file.size_bytes or (have == file.size_bytes and _sha256_of(path) != file.sha256):
        path.unlink()
        have = 0
    progress("fetching", done + have, total)
    if have == file.size_bytes and path.exists():
        return
    request = releases_pb2.DownloadFileRequest(release=release, path=file.path, offset=have)
    with path.open("ab") as target:
        async for piece in connection.stream(connection.releases.DownloadFile(request, timeout=STREAM_SECONDS)):
            target.write(piece.data)
            have += len(piece.data)
            progress("fetching", done + have, total)
            if have > file.size_bytes:
                break
    if have != file.size_bytes or _sha256_of(path) != file.sha256:
        path.unlink()
        raise ReleaseNotVerified(f"{file.path} did not come as the service announced it.", mend="Fetch it again.")


def _already_there(
    folder: Path, manifest_sha256: str, trusted_keys: PublicSigningKeys | Iterable[PublicSigningKeys]
) -> Manifest:
    try:
        return _verified(folder, manifest_sha256, trusted_keys)
    except ReleaseNotVerified:
        raise Conflict(f"{folder} holds something else already.", mend="Choose another folder with --to.") from None


def _verified(
    folder: Path, manifest_sha256: str, trusted_keys: PublicSigningKeys | Iterable[PublicSigningKeys]
) -> Manifest:
    manifest = verify_release(folder, trusted_keys=trusted_keys)
    if _sha256_of(folder / "manifest.json") != manifest_sha256:
        raise ReleaseNotVerified("the manifest is not the one of this release.", mend=_TELL)
    return manifest


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_TELL = "Do not use it; tell the register holder."
