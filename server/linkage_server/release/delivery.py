"""A delivery: the files an order asked for, their manifest, and the signature, put in place in one step."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from linkage.release_manifest import (
    MANIFEST,
    RELEASE,
    EarlierEntry,
    InhabitantsEntry,
    Manifest,
    SoftwareEntry,
    sign_release,
)
from linkage.released_table import AS_OF, LineStatus, ReleasedTable
from linkage.signatures import SigningKeyPair
from linkage_core.disclosure import ProtectedTable
from linkage_server.release.complete_periods import mark_complete_periods
from linkage_server.release.context import Format, ReleaseContext
from linkage_server.release.csv_file import csv_files
from linkage_server.release.delivery_file import DeliveryFile
from linkage_server.release.json_stat import json_stat_files
from linkage_server.release.parquet_file import parquet_files
from linkage_server.release.px import px_files
from linkage_server.release.released import release
from linkage_server.release.xlsx import xlsx_files
from linkage_server.storage.files import disk_refusals, publish_folder

PARTIAL = ".partial"

_TABLE_FORMATS: dict[Format, Callable[[ReleasedTable, ReleaseContext], list[DeliveryFile]]] = {
    "parquet": parquet_files,
    "csv": csv_files,
    "json-stat": json_stat_files,
    "xlsx": xlsx_files,
    "px": px_files,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """All files of a delivery but the statement of its release: the same for the same table and context."""

    files: tuple[DeliveryFile, ...]
    manifest: Manifest


def delivery_of(protected: ProtectedTable, context: ReleaseContext) -> Delivery:
    """The delivery of a protected table, as it leaves."""
    return prepare_delivery(mark_complete_periods(release(protected), context), context)


def prepare_delivery(released: ReleasedTable, context: ReleaseContext) -> Delivery:
    """Write every format that was asked for, in memory."""
    files = [
        file for name, write in _TABLE_FORMATS.items() if name in context.formats for file in write(released, context)
    ]
    if "html" in context.formats:
        # Drawing takes a second to import: commands that draw nothing do not wait for it.
        from linkage_server.release.report import report_files

        files += report_files(released, context, other_files=tuple(file.entry() for file in files))
    return Delivery(tuple(files), _manifest(released, context, files))


def write_delivery(
    delivery: Delivery, *, folder: Path, release: str, released_at: datetime, key: SigningKeyPair
) -> str:
    """Put a delivery in its folder, signed, in one step; return the SHA-256 of its manifest.

    Args:
        folder: must not exist; its parent does.
        release: resource name of the release.
        released_at: with time zone.

    Raises:
        Conflict: the folder exists.
        StorageFull: no room; nothing is left behind.
    """
    manifest = delivery.manifest.to_json()
    statement = sign_release(manifest, release=release, released_at=released_at, key=key)
    contents = {file.path: file.content for file in delivery.files} | {MANIFEST: manifest, RELEASE: statement.to_json()}
    prepared = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{PARTIAL}")
    try:
        with disk_refusals():
            prepared.mkdir(mode=0o700)
            for name, content in contents.items():
                (prepared / name).write_bytes(content)
        publish_folder(prepared, folder)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
    return statement.manifest_sha256


def _manifest(released: ReleasedTable, context: ReleaseContext, files: list[DeliveryFile]) -> Manifest:
    suppressed = pc.equal(released.table["status"], LineStatus.SUPPRESSED.value)
    return Manifest(
        order=context.order,
        title=context.title,
        purpose=context.purpose,
        registers=tuple(register.entry for register in context.registers),
        indicator_sets=context.indicator_sets,
        policy=context.policy,
        manufacturers=context.manufacturers,
        software=SoftwareEntry(name="register-linkage", version=context.software_version),
        match_rate_band=context.match_rate_band,
        inhabitants=InhabitantsEntry(version=context.inhabitants) if context.inhabitants else None,
        coarsened=context.coarsened,
        earlier_releases=_named(released, context),
        columns=tuple(released.table.column_names),
        rows=released.table.num_rows,
        rows_suppressed=int(pc.sum(suppressed).as_py() or 0),
        files=tuple(file.entry() for file in sorted(files, key=lambda file: file.path)),
    )


def _named(released: ReleasedTable, context: ReleaseContext) -> tuple[EarlierEntry, ...]:
    """The earlier releases whose numbers stand in the table."""
    named = set(released.table[AS_OF].to_pylist()) if AS_OF in released.table.column_names else set()
    return tuple(one for one in context.earlier_releases if one.release in named)
