"""What a delivery was like: counted while it is loaded, stored beside the register, printed for the operator."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from linkage_server.storage.files import disk_refusals, write_atomically


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileReport(_Frozen):
    """One delivered file."""

    name: str
    bytes: int
    sha256: str
    rows: int = 0
    unknown_columns: tuple[str, ...] = ()


class RowCounts(_Frozen):
    """What became of the rows: read = stored + quarantined + merged + set_aside."""

    read: int
    stored: int
    quarantined: int
    merged: int
    set_aside: int


class RuleCount(_Frozen):
    """Rows that broke one rule; a row may be counted under several."""

    rule: str
    variable: str
    rows: int


class UnknownCode(_Frozen):
    """A code that is written correctly but is not on the loaded list."""

    code: str
    rows: int


class VariableReport(_Frozen):
    """Quality of one variable among the stored rows.

    Attributes:
        filled: rows with a value.
        share_filled: of stored rows.
        share_before: the same over the deliveries stored before; None for the first.
        drifted: the two shares differ by more than ten percentage points.
        filled_by_month: rows with a value, by YYYY-MM.
        codes: uses of codes by class: correct, special, unlisted, malformed.
        unknown_codes: the most frequent unlisted codes.
    """

    name: str
    filled: int
    share_filled: float
    share_before: float | None = None
    drifted: bool = False
    filled_by_month: dict[str, int] = {}
    codes: dict[str, int] = {}
    unknown_codes: tuple[UnknownCode, ...] = ()


class MonthReport(_Frozen):
    """Rows of one month: stored by this delivery, in the register after it, and expected."""

    month: str
    rows: int
    rows_after: int
    expected: float | None


class QualityReport(_Frozen):
    """Everything the service noticed about a delivery.

    Attributes:
        status: "published", "refused" (nothing changed), or "held already" (loaded before, nothing changed).
        refusal: the delivery-level rule that was broken.
        corrections: stored rows with a negative amount.
        warnings: what a person should look at.
    """

    register_name: str
    delivery: str
    content_sha256: str
    definition_sha256: str
    status: Literal["published", "refused", "held already"]
    refusal: str = ""
    snapshot_id: str = ""
    loaded_at: datetime
    files: tuple[FileReport, ...]
    rows: RowCounts
    corrections: int = 0
    persons_not_linkable: dict[str, int] = {}
    quarantined_by_rule: tuple[RuleCount, ...] = ()
    counted_by_rule: tuple[RuleCount, ...] = ()
    months: tuple[MonthReport, ...] = ()
    variables: tuple[VariableReport, ...] = ()
    warnings: tuple[str, ...] = ()
    quarantine_file: str = ""

    def rows_by_month(self) -> dict[str, int]:
        """Rows this delivery stored, by month."""
        return {month.month: month.rows for month in self.months if month.rows}


class ReportFolder:
    """The reports of one register, a JSON file a delivery."""

    def __init__(self, store_folder: Path, register: str) -> None:
        self._folder = store_folder / register / "reports"

    def save(self, report: QualityReport) -> Path:
        """Store a report in one step; a later one of the same delivery replaces it."""
        with disk_refusals():
            self._folder.mkdir(parents=True, exist_ok=True)
        prefix = "refused-" if report.status == "refused" else ""
        path = self._folder / f"{prefix}{report.content_sha256}.json"
        write_atomically(path, report.model_dump_json(indent=1).encode())
        return path

    def of_delivery(self, content_sha256: str) -> QualityReport | None:
        """The report of a published delivery; None if there is none that can be read."""
        return _read(self._folder / f"{content_sha256}.json")

    def all(self) -> list[QualityReport]:
        """Every report, refused deliveries too, oldest first."""
        found = [report for path in self._folder.glob("*.json") if (report := _read(path)) is not None]
        return sorted(found, key=lambda report: (report.loaded_at, report.content_sha256))


def _read(path: Path) -> QualityReport | None:
    try:
        return QualityReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
