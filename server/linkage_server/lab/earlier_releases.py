"""`lab protect --earlier`: the next release of a table, beside all earlier ones of nearly the same people.

Each release's folder keeps a ledger (`ledger.parquet`: true count, printed number and the release it is of, per cell)
and all moves so far (`moves.parquet`). Both are the register holder's own and are never sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256
from linkage.errors import InputRefused
from linkage.parquet_bytes import read_parquet
from linkage.personal_identity_number import LAST_DAY_OF_BIRTH, NumberKind, check_numbers
from linkage_core.disclosure import refuse_small_population
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.count_witnesses import count_witnesses
from linkage_core.disclosure.sum_witnesses import KeptMoves, SumWitnesses
from linkage_core.release_history import Axis, Moves, Next, Printed, PublishedCells, next_release
from linkage_server.lab.layout import Codes, Layout
from linkage_server.lab.leaf_rows import leaf_places, require_column
from linkage_server.lab.whole_files import read_table

LEDGER = "ledger.parquet"
MOVES = "moves.parquet"
_ENTRY = b"linkage_release_ledger"
_MOVES_SCHEMA = pa.schema(
    [("person", pa.string()), ("release", pa.int64()), ("leaf", pa.int64()), ("joined", pa.bool_())]
)


@dataclass(frozen=True, slots=True)
class History:
    """The releases so far.

    Args:
        printed: what each said, oldest first.
        values: true counts of the last one, flat; None before the first.
        moves: all moves, those of the next release included.
        last_sha256: hash of the last ledger, "" before the first.
    """

    printed: tuple[Printed, ...]
    values: Ints | None
    moves: pa.Table
    last_sha256: str

    @property
    def number(self) -> int:
        """Of the next release."""
        return len(self.printed)


def read_history(
    folders: Sequence[Path], moved: Path | None, *, codes: dict[str, Codes], plan: Layout, policy: DisclosurePolicy
) -> History:
    """Read the earlier releases and who moved since the last.

    Args:
        folders: what `lab protect` wrote for each earlier release, oldest first.
        moved: a file with a column per dimension, `person` (any label, the same in all releases) and `move`
            ("joined" or "left").

    Raises:
        InputRefused: a release is missing, altered, or of another table or policy; the moves cannot be read.
    """
    if not folders:
        if moved is not None:
            raise InputRefused("--moved needs the earlier releases.", mend="Name them with --earlier, oldest first.")
        return History((), None, _MOVES_SCHEMA.empty_table(), "")
    if moved is None:
        raise InputRefused(
            "Who joined and left since the last release is not told.",
            mend="Name a file with --moved: a column per dimension, person and move (joined or left).",
        )
    printed: list[Printed] = []
    values: Ints | None = None
    last = ""
    for number, folder in enumerate(folders):
        content = _bytes(folder / LEDGER)
        table = _ledger(content, folder / LEDGER)
        _check_entry(table, folder, number=number, previous=last, table_sha256=table_sha256(plan), policy=policy)
        last = hashlib.sha256(content).hexdigest()
        printed.append(
            Printed(
                _numbers(table, "printed"),
                _numbers(table, "as_of"),
                table["current"].to_numpy().astype(np.bool_),
                table["blank"].to_numpy().astype(np.bool_),
            )
        )
        values = _numbers(table, "true")
    moves = _moves_before(folders[-1] / MOVES, table)
    return History(
        tuple(printed), values, pa.concat_tables([moves, _moves_now(moved, codes, release=len(folders))]), last
    )


def decide(
    history: History, counts: Ints, sensitive: Flags, *, dimensions: Sequence[Codes], policy: DisclosurePolicy
) -> Next:
    """What the next release says.

    Args:
        counts: true counts of all published cells, one axis a dimension.
        sensitive: cells that the primary rules forbid to print, flat.

    Raises:
        InputRefused: the counts are not the last ones with the moves applied.
        DisclosureRefused: no safe first release.
    """
    cells = PublishedCells(tuple(Axis(one.below, one.leaves, one.families) for one in dimensions))
    people = history.moves["person"].combine_chunks().dictionary_encode()
    moves = Moves(
        people.indices.to_numpy().astype(np.int64),
        _numbers(history.moves, "release"),
        _numbers(history.moves, "leaf"),
        history.moves["joined"].to_numpy().astype(np.bool_),
    )
    _check_counts(history, counts.ravel(), moves, cells, dimensions)
    refuse_small_population(int(counts[(-1,) * counts.ndim]), policy)
    return next_release(cells, counts.ravel(), sensitive=sensitive, earlier=history.printed, moves=moves, policy=policy)


def first_release(counts: Ints, suppressed: Flags) -> Printed:
    """What a release says that none came before."""
    return Printed(np.where(suppressed, 0, counts.ravel()), np.where(suppressed, -1, 0), ~suppressed, suppressed)


def proofs_over_time(answer: Next) -> SumWitnesses:
    """The moves that prove what a release does not count anew; none where it says again what was said before."""
    if answer.evidence is None:
        return KeptMoves().witnesses()
    return count_witnesses(answer.evidence, np.flatnonzero(~answer.printed.current), cells=answer.moved.size)


def write_entry(
    out: Path, history: History, counts: Ints, printed: Printed, *, plan: Layout, policy: DisclosurePolicy
) -> None:
    """Write the ledger entry of a release and all moves so far, readable by their owner alone."""
    moves = out / MOVES
    pq.write_table(history.moves, moves)
    entry = {
        "release": history.number,
        "previous_sha256": history.last_sha256,
        "moves_sha256": hashlib.sha256(moves.read_bytes()).hexdigest(),
        "table_sha256": table_sha256(plan),
        "policy": policy.name,
        "policy_sha256": canonical_sha256(policy),
    }
    ledger = pa.table(
        {
            "true": counts.ravel(),
            "printed": printed.value,
            "as_of": printed.as_of,
            "current": printed.current,
            "blank": printed.blank,
        }
    )
    pq.write_table(ledger.replace_schema_metadata({_ENTRY: json.dumps(entry, sort_keys=True)}), out / LEDGER)
    for path in (moves, out / LEDGER):
        path.chmod(0o600)


def table_sha256(plan: Layout) -> str:
    """Hash of what makes two releases releases of one table: dimensions, codes, measures."""
    shape = plan.model_dump(mode="json", include={"dims", "measures"})
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()


def _check_entry(
    table: pa.Table, folder: Path, *, number: int, previous: str, table_sha256: str, policy: DisclosurePolicy
) -> None:
    entry = json.loads((table.schema.metadata or {}).get(_ENTRY, b"{}"))
    if not entry:
        raise InputRefused(f"{folder / LEDGER}: not a ledger.", mend="Name a folder that lab protect wrote.")
    if entry["release"] != number:
        raise InputRefused(
            f"{folder}: is release {entry['release']} of its table, and stands where release {number} belongs.",
            mend="Name every earlier release with --earlier, oldest first, none left out.",
        )
    if entry["previous_sha256"] != previous:
        raise InputRefused(
            f"{folder}: does not follow the release before it.", mend="Name the releases of one series, unaltered."
        )
    if entry["table_sha256"] != table_sha256:
        raise InputRefused(
            f"{folder}: a release of another table: dimensions, codes or measures differ.",
            mend="Use the same layout for all releases of a table.",
        )
    if entry["policy_sha256"] != canonical_sha256(policy):
        raise InputRefused(
            f"{folder}: was protected by {entry['policy']}, not by {policy.name} as it is now.",
            mend="Use one policy for all releases of a table.",
        )


def _ledger(content: bytes, path: Path) -> pa.Table:
    try:
        return read_parquet(content)
    except (pa.ArrowException, OSError):
        raise InputRefused(
            f"{path}: is damaged or cut short.", mend="Take the release's folder from a backup."
        ) from None


def _moves_before(path: Path, ledger: pa.Table) -> pa.Table:
    content = _bytes(path)
    entry = json.loads(ledger.schema.metadata[_ENTRY])
    if hashlib.sha256(content).hexdigest() != entry["moves_sha256"]:
        raise InputRefused(f"{path}: is not what was written.", mend="Take the release's folder from a backup.")
    return read_parquet(content)


def _moves_now(path: Path, codes: dict[str, Codes], *, release: int) -> pa.Table:
    rows = read_table(path)
    for name in ("person", "move"):
        require_column(rows, name, path)
    move = rows["move"].cast(pa.string()).to_pylist()
    if wrong := [row for row, one in enumerate(move, 1) if one not in ("joined", "left")]:
        raise InputRefused(f"{path}: row {wrong[0]}: move is neither joined nor left.", mend="Write one of the two.")
    kinds = check_numbers(rows["person"].cast(pa.string()).combine_chunks(), reference_date=LAST_DAY_OF_BIRTH).kinds
    if (number := np.isin(kinds, (NumberKind.PERSONNUMMER, NumberKind.COORDINATION))).any():
        raise InputRefused(
            f"{path}: row {int(np.argmax(number)) + 1}: person is an identity number, or reads as one.",
            mend="Write a label that tells nothing, p1 say, the same in all releases.",
        )
    leaves = [one.leaves for one in codes.values()]
    leaf = np.ravel_multi_index(leaf_places(rows, codes, path), leaves) if rows.num_rows else np.empty(0, np.int64)
    return pa.table(
        {
            "person": rows["person"].cast(pa.string()),
            "release": np.full(rows.num_rows, release, dtype=np.int64),
            "leaf": leaf.astype(np.int64),
            "joined": pa.array([one == "joined" for one in move], pa.bool_()),
        },
        schema=_MOVES_SCHEMA,
    )


def _check_counts(
    history: History, counts: Ints, moves: Moves, cells: PublishedCells, dimensions: Sequence[Codes]
) -> None:
    if history.values is None:
        return
    now = moves.release == history.number
    leaf, cell = cells.holding(moves.leaf[now])
    change = np.bincount(cell, np.where(moves.joined[now], 1, -1)[leaf], cells.size).astype(np.int64)
    wrong = np.flatnonzero(history.values + change != counts)
    if wrong.size:
        where = np.unravel_index(int(wrong[0]), cells.shape)
        named = ", ".join(one.codes[code] for one, code in zip(dimensions, where, strict=True))
        raise InputRefused(
            f"The table is not the last one with the moves applied: first in cell ({named}).",
            mend="Give every person who joined, left or changed cell since the last release, and nobody else.",
        )


def _numbers(table: pa.Table, name: str) -> Ints:
    numbers: Ints = table[name].to_numpy().astype(np.int64)
    return numbers


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InputRefused(
            f"{path}: cannot be read: the ledger entry of an earlier release is missing.",
            mend="Name folders that lab protect wrote, whole.",
        ) from None
