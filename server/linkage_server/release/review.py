"""What an officer sees before a table is let go: the table as it would leave, and how much of it is kept back, why."""

from __future__ import annotations

from dataclasses import dataclass

from linkage_core.disclosure import ProtectedTable
from linkage_server.release.complete_periods import mark_complete_periods
from linkage_server.release.context import ReleaseContext
from linkage_server.release.csv_file import csv_text
from linkage_server.release.released import release

LARGEST_PREVIEW_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Review:
    """An officer's view of one order's protected table.

    Args:
        order: resource name.
        policy: "id@version".
        cells: distinct cells behind the table.
        suppressed_by_reason: reason -> distinct cells kept back for it; for officers only.
        lines: lines of the table; `lines_suppressed` of them kept back.
        preview_csv: the table as it would leave, whole lines, at most 512 KiB.
        officers_needed: so many different officers must approve it; `approved_by` tells who did.
        coarsened: what was made coarser than ordered, in words.
    """

    order: str
    etag: str
    policy: str
    cells: int
    suppressed_by_reason: dict[str, int]
    lines: int
    lines_suppressed: int
    preview_csv: str
    preview_truncated: bool
    officers_needed: int = 1
    approved_by: tuple[str, ...] = ()
    coarsened: tuple[str, ...] = ()

    @property
    def cells_suppressed(self) -> int:
        """Distinct cells kept back."""
        return sum(self.suppressed_by_reason.values())


def review(
    protected: ProtectedTable, context: ReleaseContext, *, order: str, etag: str, approved_by: tuple[str, ...] = ()
) -> Review:
    """Sum up a protected table for the officer who decides on it."""
    released = mark_complete_periods(release(protected), context)
    preview, truncated = _cut(csv_text(released))
    statuses = released.table["status"].to_pylist()
    return Review(
        order=order,
        etag=etag,
        policy=f"{protected.policy_id}@{protected.policy_version}",
        cells=protected.cells,
        suppressed_by_reason=dict(protected.suppressed_by_reason),
        lines=len(statuses),
        lines_suppressed=statuses.count("suppressed"),
        preview_csv=preview,
        preview_truncated=truncated,
        officers_needed=context.officers_to_release,
        approved_by=approved_by,
        coarsened=context.coarsened,
    )


def _cut(text: str) -> tuple[str, bool]:
    """As many whole lines as fit."""
    raw = text.encode()
    if len(raw) <= LARGEST_PREVIEW_BYTES:
        return text, False
    end = raw.rindex(b"\r\n", 0, LARGEST_PREVIEW_BYTES) + 2
    return raw[:end].decode(), True
