"""The rows of one delivery on their way from the files into the store, and what is to be said of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from linkage.register_catalogue import RegisterDefinition, canonical_sha256
from linkage_core.events import RegisterPartition
from linkage_server.registers.delivery_file import DeliveryFile, RawBatch
from linkage_server.registers.delivery_rules import broken_by_counts, month_reports, short_month, stored_before
from linkage_server.registers.faults import Fault
from linkage_server.registers.ingest_settings import IngestSettings
from linkage_server.registers.match_columns import ColumnMatch
from linkage_server.registers.one_row_per_person import OneRowPerPerson
from linkage_server.registers.person_column import person_hasher
from linkage_server.registers.progress import Pace
from linkage_server.registers.quality_report import FileReport, MonthReport, QualityReport, RowCounts, RuleCount
from linkage_server.registers.quality_tally import QualityTally
from linkage_server.registers.quarantine import QuarantineFile
from linkage_server.registers.store import RegisterLoad
from linkage_server.registers.validate import RowProblems, ValidatedBatch, Validator, damaged_rows

NOT_LINKABLE = (
    Fault.NO_PERSON,
    Fault.WRONG_NUMBER,
    Fault.RESERVE_NUMBER,
    Fault.INTERIM_NUMBER,
    Fault.ORGANISATION_NUMBER,
)


class DeliveryRun:
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
        return report.model_copy(update={"warnings": _warnings(report, again=stored_before(rules, months))})

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


def _filled_before(earlier: Sequence[QualityReport]) -> Mapping[str, tuple[int, int]]:
    filled: dict[str, tuple[int, int]] = {}
    for report in earlier:
        for variable in report.variables:
            values, rows = filled.get(variable.name, (0, 0))
            filled[variable.name] = (values + variable.filled, rows + report.rows.stored)
    return filled


def _ranked(counts: Counter[tuple[str, str]]) -> tuple[RuleCount, ...]:
    return tuple(RuleCount(rule=rule, variable=name, rows=rows) for (rule, name), rows in counts.most_common())


def _warnings(report: QualityReport, *, again: Sequence[MonthReport]) -> tuple[str, ...]:
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
    if again:
        last = again[-1]
        warnings.append(
            f"the register held {last.rows_after - last.rows:,} rows of {last.month} already, and this delivery adds "
            f"{last.rows:,} (alike in {len(again)} of {len(report.months)} months): rows that were loaded before and "
            "exported anew count twice now; --replace puts a full delivery in place of all that is there"
        )
    if report.months and all(month.expected is None for month in report.months):
        warnings.append("too few months to compare with: whether a month is short was not checked")
    return tuple(warnings)
