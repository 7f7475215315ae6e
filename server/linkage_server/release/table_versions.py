"""Versions of a protected table: each is kept, one is chosen, and only the chosen one can be released.

A version is its row; its file is written while this writer has its turn, so a row always has its file, and a file
without a row was never a version: `sweep` takes it away.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import Conflict, NotFound
from linkage.order_states import OrderState
from linkage_core.counted_file import counted_from_bytes, counted_to_bytes
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, from_bytes, to_bytes
from linkage_server.release.context import ReleaseContext
from linkage_server.release.recipe import Recipe
from linkage_server.storage.base import Json
from linkage_server.storage.database import now
from linkage_server.storage.files import write_atomically
from linkage_server.storage.tables import OrderRow, ProtectedTableRow, RunCountsRow, TableVersionRow

WAITING = Path("releases") / "waiting"
COUNTS = Path("releases") / "counts"
_NEVER_RELEASED = (OrderState.WITHHELD.value, OrderState.CANCELLED.value, OrderState.FAILED.value)
_OF_AN_OFFICER = re.compile(r".+\.[0-9a-f]{16}\.parquet")


@dataclass(frozen=True, slots=True)
class TableVersion:
    """One version, as it was made.

    Args:
        version: 1 is the run's own.
        officer: who made it; "" for the run.
        chosen: the one that would be released.
    """

    version: int
    sha256: str
    recipe: Recipe
    officer: str
    reasoning: str
    cells: int
    suppressed_by_reason: dict[str, int]
    measures: Json | None
    created_at: datetime
    chosen: bool


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version holds before it has a number.

    Args:
        content: of the protected table's file.
        officer, reasoning: "" for the run.
    """

    content: bytes
    protected: ProtectedTable
    context: ReleaseContext
    recipe: Recipe
    officer: str = ""
    reasoning: str = ""
    measures: Json | None = None

    @classmethod
    def of(
        cls,
        protected: ProtectedTable,
        context: ReleaseContext,
        *,
        recipe: Recipe,
        officer: str = "",
        reasoning: str = "",
        measures: Json | None = None,
    ) -> NewVersion:
        """The version of a protected table."""
        return cls(to_bytes(protected), protected, context, recipe, officer, reasoning, measures)

    @property
    def sha256(self) -> str:
        """Of its file, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def keep_counts(session: Session, home: Path, order_id: str, counted: CountedTable) -> None:
    """Keep the counts of a run, once; a repeated run gives the same."""
    content = counted_to_bytes(counted)
    path = COUNTS / f"{order_id}.arrow"
    (home / COUNTS).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(home / path, content)
    sha256 = hashlib.sha256(content).hexdigest()
    session.merge(RunCountsRow(order_id=order_id, file=str(path), sha256=sha256, created_at=now(session)))


def load_counts(session: Session, home: Path, order_id: str) -> CountedTable:
    """The counts of an order's run.

    Raises:
        NotFound: the run was before counts were kept.
        Conflict, InputRefused: they are gone, or are not what was stored.
    """
    row = session.get(RunCountsRow, order_id)
    if row is None:
        raise NotFound("the order's run has kept no counts.", mend="Orders that run from now on keep theirs.")
    return counted_from_bytes(_read(home, row.file), sha256=row.sha256)


def add_version(session: Session, home: Path, order_id: str, new: NewVersion) -> TableVersionRow:
    """Add the next version and choose it. The first one bears the order's name alone."""
    last = session.scalar(sa.select(sa.func.max(TableVersionRow.version)).where(TableVersionRow.order_id == order_id))
    name = f"{order_id}.parquet" if last is None else f"{order_id}.{new.sha256[:16]}.parquet"
    (home / WAITING).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(home / WAITING / name, new.content)
    row = TableVersionRow(
        order_id=order_id,
        version=(last or 0) + 1,
        file=str(WAITING / name),
        sha256=new.sha256,
        recipe=new.recipe.model_dump(mode="json"),
        officer=new.officer,
        reasoning=new.reasoning,
        cells=new.protected.cells,
        cells_suppressed=sum(new.protected.suppressed_by_reason.values()),
        suppressed_by_reason=dict(new.protected.suppressed_by_reason),
        description=new.context.model_dump(mode="json"),
        measures=new.measures,
        created_at=now(session),
    )
    session.add(row)
    policy = f"{new.protected.policy_id}@{new.protected.policy_version}"
    choose(session, row, policy=policy, policy_sha256=new.protected.policy_sha256)
    return row


def choose(session: Session, row: TableVersionRow, *, policy: str, policy_sha256: str) -> None:
    """Let a version be the one that is reviewed and released."""
    session.merge(
        ProtectedTableRow(
            order_id=row.order_id,
            file=row.file,
            sha256=row.sha256,
            policy=policy,
            policy_sha256=policy_sha256,
            cells=row.cells,
            cells_suppressed=row.cells_suppressed,
            suppressed_by_reason=row.suppressed_by_reason,
            description=row.description,
            created_at=row.created_at,
        )
    )
    session.flush()


def find_version(session: Session, order_id: str, version: int) -> TableVersionRow:
    """One version.

    Raises:
        NotFound: there is none of that number.
    """
    row = session.get(TableVersionRow, (order_id, version))
    if row is None:
        raise NotFound(f"the order's table has no version {version}.", mend="See: linkage-server releases versions")
    return row


def chosen_version(session: Session, order_id: str) -> TableVersionRow:
    """The version that would be released.

    Raises:
        NotFound: the order has no table that waits, or was run before versions were kept.
    """
    held = session.get(ProtectedTableRow, order_id)
    query = sa.select(TableVersionRow).where(TableVersionRow.order_id == order_id)
    rows = session.scalars(query.order_by(TableVersionRow.version.desc())).all()
    row = next((row for row in rows if held is not None and row.sha256 == held.sha256), None)
    if row is None:
        raise NotFound("the order has no table that an officer can work on.", mend="Look at the order's state.")
    return row


def versions_of(session: Session, order_id: str) -> list[TableVersion]:
    """All versions of an order's table, the oldest first; none where it was run before versions were kept."""
    query = sa.select(TableVersionRow).where(TableVersionRow.order_id == order_id).order_by(TableVersionRow.version)
    rows = session.scalars(query).all()
    chosen = chosen_version(session, order_id).version if rows else 0
    return [
        TableVersion(
            row.version,
            row.sha256,
            Recipe.model_validate(row.recipe),
            row.officer,
            row.reasoning,
            row.cells,
            dict(row.suppressed_by_reason),
            row.measures,
            row.created_at,
            row.version == chosen,
        )
        for row in rows
    ]


def load_table(home: Path, *, file: str, sha256: str) -> ProtectedTable:
    """A stored table.

    Raises:
        Conflict, InputRefused: it is gone, or is not what was stored.
    """
    return from_bytes(_read(home, file), sha256=sha256)


def sweep(session: Session, home: Path) -> None:
    """After a start: take away files of officers' versions that have no row, and counts of what is never released."""
    done = sa.select(OrderRow.order_id).where(OrderRow.state.in_(_NEVER_RELEASED))
    for row in session.scalars(sa.select(RunCountsRow).where(RunCountsRow.order_id.in_(done))):
        (home / row.file).unlink(missing_ok=True)
        session.delete(row)
    folder = home / WAITING
    if not folder.is_dir():
        return
    known = {Path(file).name for file in session.scalars(sa.select(TableVersionRow.file))}
    for path in folder.iterdir():
        if path.name.endswith(".partial") or (_OF_AN_OFFICER.fullmatch(path.name) and path.name not in known):
            path.unlink()


def _read(home: Path, file: str) -> bytes:
    try:
        return (home / file).read_bytes()
    except OSError:
        raise Conflict("the protected table is not where it was stored.", mend="Run the order again.") from None
