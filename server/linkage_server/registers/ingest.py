"""Load one delivery into a register: read, hash, validate, sort and publish a new snapshot, or change nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from linkage.errors import DeliveryRejected
from linkage.free_text import refuse_identity_number
from linkage.register_catalogue import RegisterDefinition, canonical_sha256
from linkage_core.events import RegisterPartition
from linkage_server.registers.delivery_file import DeliveryFile
from linkage_server.registers.delivery_run import DeliveryRun
from linkage_server.registers.ingest_settings import IngestSettings
from linkage_server.registers.load_memory import peak_resident_bytes
from linkage_server.registers.match_columns import ColumnMatch, match_columns
from linkage_server.registers.progress import LoadCost, Pace, ShowProgress
from linkage_server.registers.quality_report import FileReport, QualityReport, ReportFolder, RowCounts
from linkage_server.registers.quarantine import QuarantineFile
from linkage_server.registers.readers import open_delivery_file
from linkage_server.registers.store import RegisterStore

__all__ = ["IngestSettings", "load_delivery"]

HASH_BLOCK_BYTES = 8 << 20


def load_delivery(
    definition: RegisterDefinition,
    files: Sequence[Path],
    *,
    settings: IngestSettings,
    replace: bool = False,
    show: ShowProgress | None = None,
    cost: LoadCost | None = None,
) -> QualityReport:
    """Load the files of one delivery as a new snapshot; the same delivery again changes nothing.

    Args:
        definition: of the register.
        files: CSV, gzipped CSV, Parquet, Arrow or SAS7BDAT; together they are one delivery.
        settings: see there.
        replace: the delivery is the whole register (a yearly full extract) rather than an addition.
        show: told about progress.
        cost: filled in with what the load took.

    Returns:
        The stored report, of status "published" or "held already".

    Raises:
        DeliveryRejected: a file cannot be read or a delivery-level rule is broken; the previous snapshot stays served
            and a report of status "refused" is stored where rows were read.
        Conflict: another load of the register is under way.
        StorageFull: no room; nothing was changed.
    """
    if not files:
        raise DeliveryRejected("the delivery names no file.", mend="Name at least one file.")
    pace = Pace(show, clock=settings.monotonic)
    reports = ReportFolder(settings.store.folder, definition.name)
    described = _describe(files, pace)
    content_sha256 = hashlib.sha256("".join(sorted(file.sha256 for file in described)).encode()).hexdigest()
    if held := _held_already(definition, content_sha256, described, reports, settings):
        return held
    opened = _open(definition, files)
    with settings.store.begin_load(
        definition.name,
        definition_sha256=canonical_sha256(definition),
        date_column=definition.date_column,
        pepper_version=settings.peppers[-1].version,
        delivery_name=", ".join(path.name for path in files)[:200],
        content_sha256=content_sha256,
        replace=replace,
    ) as load:
        earlier = [] if replace else _published_before(definition.name, reports, settings.store)
        run = DeliveryRun(definition, settings, load, pace, content_sha256)
        if definition.one_row_per_person:
            run.merge_rows(_stored_before(definition.name, settings.store, replace=replace))
        folder = settings.quarantine_folder / definition.name
        with QuarantineFile(folder, name=content_sha256[:16]) as quarantine:
            run.read(opened, quarantine)
            kept = quarantine.keep()
        report = run.report(described, earlier, quarantine_file=kept.name if kept else "")
        if report.status == "refused":
            reports.save(report)
            raise DeliveryRejected(
                f"register {definition.name!r}: {report.refusal}. Nothing was changed.",
                mend="See `linkage-server register report`; correct the delivery, or the rule in the definition.",
                facts={"register": definition.name, "delivery": content_sha256[:16]},
            )
        pace.report("sorting", rows=0, share=0.0)
        # Before the snapshot: killed in between, no snapshot names the report's delivery and nobody counts it.
        reports.save(report)
        manifest = load.publish(lambda rows, share: pace.report("sorting", rows=rows, share=share))
        report = report.model_copy(update={"snapshot_id": manifest.snapshot_id})
        reports.save(report)
    pace.report("done", rows=report.rows.read, share=1.0)
    if cost is not None:
        cost.seconds = {stage: round(seconds, 3) for stage, seconds in pace.seconds.items()}
        cost.spilled_bytes, cost.peak_memory_bytes = load.figures.spilled_bytes, peak_resident_bytes()
    return report


def _describe(files: Sequence[Path], pace: Pace) -> list[FileReport]:
    """Names, sizes and hashes; the hashes tell a delivery that is held already."""
    described = []
    for place, path in enumerate(files):
        # Names go into manifest and report, and stay there.
        refuse_identity_number(path.name, what="the name of a file")
        try:
            with path.open("rb") as file:
                digest = hashlib.sha256()
                while block := file.read(HASH_BLOCK_BYTES):
                    digest.update(block)
                size = file.tell()
        except OSError:
            raise DeliveryRejected(f"{path.name} cannot be read.", mend="Check the path and its permissions.") from None
        described.append(FileReport(name=path.name, bytes=size, sha256=digest.hexdigest()))
        pace.report("checking", rows=0, share=(place + 1) / len(files))
    return described


def _open(definition: RegisterDefinition, files: Sequence[Path]) -> list[tuple[DeliveryFile, ColumnMatch]]:
    rules = definition.delivery
    opened = []
    for path in files:
        file = open_delivery_file(path, encoding=rules.encoding, delimiter=rules.delimiter)
        opened.append((file, match_columns(definition, file.column_names, file_name=path.name)))
    return opened


def _held_already(
    definition: RegisterDefinition,
    content_sha256: str,
    described: Sequence[FileReport],
    reports: ReportFolder,
    settings: IngestSettings,
) -> QualityReport | None:
    if definition.name not in settings.store.registers():
        return None
    manifest = settings.store.current(definition.name)
    if not manifest.holds_delivery(content_sha256):
        return None
    known = reports.of_delivery(content_sha256) or QualityReport(
        register_name=definition.name,
        delivery=", ".join(file.name for file in described),
        content_sha256=content_sha256,
        definition_sha256=manifest.definition_sha256,
        status="published",
        loaded_at=settings.clock(),
        files=tuple(described),
        rows=RowCounts(read=0, stored=0, quarantined=0, merged=0, set_aside=0),
    )
    return known.model_copy(update={"status": "held already", "snapshot_id": manifest.snapshot_id})


def _published_before(register: str, reports: ReportFolder, store: RegisterStore) -> list[QualityReport]:
    if register not in store.registers():
        return []
    found = (reports.of_delivery(delivery.content_sha256) for delivery in store.current(register).deliveries)
    return [report for report in found if report is not None]


def _stored_before(register: str, store: RegisterStore, *, replace: bool) -> list[RegisterPartition]:
    if replace or register not in store.registers():
        return []
    return store.partitions(store.current(register))
