"""Load one delivery into a register: read, hash, validate, sort and publish a new snapshot, or change nothing."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from linkage.errors import DeliveryRejected
from linkage.register_catalogue import RegisterDefinition, canonical_sha256
from linkage_core.events import RegisterPartition
from linkage_core.pseudonyms import Pepper
from linkage_server.registers.code_quality import CodeLists
from linkage_server.registers.delivery_rules import broken_by_counts, month_reports, short_month
from linkage_server.registers.faults import Fault
from linkage_server.registers.match_columns import ColumnMatch, match_columns
from linkage_server.registers.one_row_per_person import OneRowPerPerson
from linkage_server.registers.person_column import person_hasher
from linkage_server.registers.progress import Pace, ShowProgress
from linkage_server.registers.quality_report import FileReport, QualityReport, ReportFolder, RowCounts, RuleCount
from linkage_server.registers.quality_tally import QualityTally
from linkage_server.registers.quarantine import QuarantineFile
from linkage_server.registers.readers import DeliveryFile, RawBatch, open_delivery_file
from linkage_server.registers.store import RegisterLoad, RegisterStore
from linkage_server.registers.validate import RowProblems, ValidatedBatch, Validator, damaged_rows

HASH_BLOCK_BYTES = 8 << 20
NOT_LINKABLE = (
    Fault.NO_PERSON,
    Fault.WRONG_NUMBER,
    Fault.RESERVE_NUMBER,
    Fault.INTERIM_NUMBER,
    Fault.ORGANISATION_NUMBER,
)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What a load needs besides the register and its files.

    Attributes:
        store: where snapshots go.
        quarantine_folder: where lists of quarantined rows go, a folder a register.
        peppers: key the hashed ids, all versions from the first to the newest.
        today: day of loading; later dates are faults.
        reference_date: resolves identity numbers of ten digits; the day the delivery was made.
        lists: loaded code lists by system.
        threads: cores used for judging rows; the result is the same for any number.
        clock, monotonic: passed in, so that tests decide what time it is.
    """

    store: RegisterStore
    quarantine_folder: Path
    peppers: Sequence[Pepper]
    today: date
    reference_date: date
    lists: CodeLists = field(default_factory=dict)
    threads: int = 1
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


def load_delivery(
    definition: RegisterDefinition,
    files: Sequence[Path],
    *,
    settings: IngestSettings,
    replace: bool = False,
    show: ShowProgress | None = None,
) -> QualityReport:
    """Load the files of one delivery as a new snapshot; the same delivery again changes nothing.

    Args:
        definition: of the register.
        files: CSV, gzipped CSV, Parquet, Arrow or SAS7BDAT; together they are one delivery.
        settings: see there.
        replace: the delivery is the whole register (a yearly full extract) rather than an addition.
        show: told about progress.

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
        run = _DeliveryRun(definition, settings, load, pace, content_sha256)
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
        pace.report("sorting", rows=report.rows.read, share=0.0)
        # Before the snapshot: killed in between, no snapshot names the report's delivery and nobody counts it.
        reports.save(report)
        manifest = load.publish()
    report = report.model_copy(update={"snapshot_id": manifest.snapshot_id})
    reports.save(report)
    pace.report("done", rows=report.rows.read, share=1.0)
    return report


class _DeliveryRun:
    """The rows of one delivery on their way into the store."""

    def __init__(
        self, definition: RegisterDefinition, settings: IngestSettings, load: RegisterLoad, pace: Pace, delivery: str
    ) -> None:
        self._definition = definition
        self._settings = settings
        self._load = load
        self._pace = pace
        self._delivery = delivery
        self._tally = QualityTally(definition, lists=settings.lists)
        self._merging: OneRowPerPerson | None = None
        self._broken: Counter[tuple[str, str]] = Counter()
        self._counted: Counter[tuple[str, str]] = Counter()
        self._rows_of_file: list[tuple[int, ColumnMatch]] = []
        self._read = self._quarantined = self._set_aside = 0

    def merge_rows(self, stored: Sequence[RegisterPartition]) -> None:
        """Keep one row a person, those of earlier deliveries included."""
        self._merging = OneRowPerPerson(self._definition, stored=stored)

    def read(self, opened: Sequence[tuple[DeliveryFile, ColumnMatch]], quarantine: QuarantineFile) -> None:
        """Take every row of every file in."""
        hash_persons = person_hasher(
            self._definition,
            peppers=self._settings.peppers,
            reference_date=self._settings.reference_date,
            threads=1,
        )
        for place, (file, match) in enumerate(opened):
            validator = Validator(self._definition, match, hash_persons, self._settings.today)
            rows_before = self._read
            raws = file.batches(match.needed())
            for raw, batch in _judged(raws, validator, threads=self._settings.threads):
                self._read += raw.rows.num_rows
                self._quarantined += batch.quarantined
                self._set_aside += batch.set_aside
                self._counted.update(batch.counted)
                for problems in batch.problems:
                    self._note(file.path.name, problems, quarantine)
                self._store(batch.hashed_ids, batch.rows)
                self._pace.report("reading", rows=self._read, share=(place + raw.share_read) / len(opened))
            if file.damaged_rows:
                self._read += len(file.damaged_rows)
                self._quarantined += len(file.damaged_rows)
                self._note(file.path.name, damaged_rows(file.damaged_rows), quarantine)
            self._rows_of_file.append((self._read - rows_before, match))
        for hashed_ids, rows in self._merging.rest() if self._merging else ():
            self._add(hashed_ids, rows)

    def report(
        self, described: Sequence[FileReport], earlier: Sequence[QualityReport], *, quarantine_file: str
    ) -> QualityReport:
        """What the delivery was like, and whether a delivery-level rule refuses it."""
        merged = self._merging.merged if self._merging else 0
        rows = RowCounts(
            read=self._read,
            stored=self._tally.rows,
            quarantined=self._quarantined,
            merged=merged,
            set_aside=self._set_aside,
        )
        before: Counter[str] = Counter()
        for report in earlier:
            before.update(report.rows_by_month())
        months = month_reports(self._definition.delivery, delivered=self._tally.months, before=before)
        rules = self._definition.delivery
        refusal = broken_by_counts(rules, rows) or short_month(rules, months)
        variables = self._tally.report(before=_filled_before(earlier))
        report = QualityReport(
            register_name=self._definition.name,
            delivery=", ".join(file.name for file in described),
            content_sha256=self._delivery,
            definition_sha256=canonical_sha256(self._definition),
            status="refused" if refusal else "published",
            refusal=refusal,
            loaded_at=self._settings.clock(),
            files=tuple(
                file.model_copy(update={"rows": count, "unknown_columns": match.unknown})
                for file, (count, match) in zip(described, self._rows_of_file, strict=True)
            ),
            rows=rows,
            corrections=self._tally.corrections,
            persons_not_linkable={
                fault.value: count
                for fault in NOT_LINKABLE
                if (count := self._broken[fault.value, self._definition.person.name])
            },
            quarantined_by_rule=_ranked(self._broken),
            counted_by_rule=_ranked(self._counted),
            months=months,
            variables=variables,
            quarantine_file=quarantine_file,
        )
        return report.model_copy(update={"warnings": _warnings(report)})

    def _note(self, file_name: str, problems: RowProblems, quarantine: QuarantineFile) -> None:
        quarantine.write(file_name, problems)
        self._broken[problems.rule, problems.column] += len(problems.row_numbers)

    def _store(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        if self._merging is not None:
            hashed_ids, rows = self._merging.keep(hashed_ids, rows)
        self._add(hashed_ids, rows)

    def _add(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        if rows.num_rows:
            self._tally.add(rows)
            self._load.add(hashed_ids, rows)


def _judged(
    raws: Iterator[RawBatch], validator: Validator, *, threads: int
) -> Iterator[tuple[RawBatch, ValidatedBatch]]:
    """Batches with their judgement, in order; the next are read and judged while one is stored."""
    with ThreadPoolExecutor(max_workers=threads) as pool:
        waiting: deque[tuple[RawBatch, Future[ValidatedBatch]]] = deque()
        for raw in raws:
            waiting.append((raw, pool.submit(validator.validate, raw)))
            if len(waiting) > threads:
                first, judged = waiting.popleft()
                yield first, judged.result()
        for first, judged in waiting:
            yield first, judged.result()


def _describe(files: Sequence[Path], pace: Pace) -> list[FileReport]:
    """Names, sizes and hashes; the hashes tell a delivery that is held already."""
    described = []
    for place, path in enumerate(files):
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


def _filled_before(earlier: Sequence[QualityReport]) -> Mapping[str, tuple[int, int]]:
    filled: dict[str, tuple[int, int]] = {}
    for report in earlier:
        for variable in report.variables:
            values, rows = filled.get(variable.name, (0, 0))
            filled[variable.name] = (values + variable.filled, rows + report.rows.stored)
    return filled


def _ranked(counts: Counter[tuple[str, str]]) -> tuple[RuleCount, ...]:
    return tuple(RuleCount(rule=rule, variable=name, rows=rows) for (rule, name), rows in counts.most_common())


def _warnings(report: QualityReport) -> tuple[str, ...]:
    """What a person should look at, in words."""
    warnings = [
        f"{file.name}: {len(file.unknown_columns)} columns are not in the definition and were not read: "
        f"{', '.join(file.unknown_columns[:10])}"
        for file in report.files
        if file.unknown_columns
    ]
    warnings += [
        f"{variable.name} is filled in {variable.share_filled:.0%} of rows, before it was {variable.share_before:.0%}"
        for variable in report.variables
        if variable.drifted and variable.share_before is not None
    ]
    if report.months and all(month.expected is None for month in report.months):
        warnings.append("too few months to compare with: whether a month is short was not checked")
    return tuple(warnings)
