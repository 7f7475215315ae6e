"""Writes the evidence of an order: all that a checker needs who shares no code with who protected it.

    evidence.json         what is counted, how sets hang together, the policy, and what could not be proved
    cells.parquet         true counts and sums, and which of them are blank
    table.parquet         the lines as they leave
    certificates.parquet  the moves that prove each blank

and of a table that was laid beside earlier releases:

    said.parquet          what each release said of each cell, and how many persons it counted
    moved.parquet         how many persons moved alike, and between which cells: no person, no number of one
    before.parquet        the lines that are said again where they are not counted anew, if any are

It holds small counts and stays at the authority. There are sets and sums in it, no persons: orders have no rule that
needs to know who contributes how much.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.errors import Conflict
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.protected_table import ProtectedTable
from linkage_core.disclosure.sum_witnesses import SumWitnesses
from linkage_core.table_review.proofs import Proofs, proofs
from linkage_core.table_review.reviewed_table import CellSide, ReviewedTable
from linkage_core.table_review.series import Series
from linkage_server.access.certificates import Caller
from linkage_server.release.complete_periods import mark_complete_periods
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery import PARTIAL
from linkage_server.release.released import release
from linkage_server.reviews.cell_words import CellWords
from linkage_server.reviews.evidence_room import OpenEvidence
from linkage_server.reviews.review_desk import OpenReview, ReviewDesk
from linkage_server.storage.files import disk_refusals, publish_folder

ALONE, BESIDE_EARLIER = 1, 2
"""Formats: of a table that stands alone, and of one that was laid beside earlier ones."""
_NOTE = "Exact counts, small ones among them: this folder stays at the authority and is sent to nobody."
_NOT_FOUND = "no other values of it were found that leave all that is printed as it is"
_STRINGS = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Unproved:
    """A blank, or a small rest beside printed cells, that no moves were found for.

    Args:
        row: of the cell in `cells.parquet`; of a rest the row of the whole that it is left of.
        rest: it is a rest.
        cell, reason: in words.
    """

    row: int
    rest: bool
    cell: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """The evidence of one version of a table, before it is anywhere.

    Args:
        files: by name.
        cells: true cells; `moves`: certificates.
        unproved: what the moves do not prove; nothing is silently left out.
    """

    files: Mapping[str, bytes]
    cells: int
    moves: int
    unproved: tuple[Unproved, ...]


def write_evidence(reviews: ReviewDesk, caller: Caller, opened: OpenEvidence, folder: Path) -> OrderEvidence:
    """Write the evidence of a version to a new folder that nobody else may read, and into the audit trail that it was.

    Raises:
        NotPermitted: the caller may not see exact counts.
        Conflict: the folder exists.
        StorageFull, ServiceUnavailable: the disk refuses; nothing is left behind.
    """
    if folder.exists():
        raise Conflict(f"there is something at {folder} already.", mend="Name a folder that does not exist.")
    reviews.note_evidence(caller, opened.review.order, version=opened.review.version)
    evidence = evidence_of_order(opened)
    _put(evidence.files, folder)
    return evidence


def evidence_of_order(evidence: OpenEvidence) -> OrderEvidence:
    """All that a checker needs; the same version gives the same bytes."""
    opened, series = evidence.review, evidence.series
    table, hidden = opened.table, opened.protected.hidden
    released = mark_complete_periods(release(opened.protected), opened.context)
    persons, sums = proofs(table.persons), proofs(table.sums)
    unproved = (*_unproved(opened, table.persons, persons), *_unproved(opened, table.sums, sums))
    cells = _cells(table)
    moves = pa.concat_tables(
        [_moves("persons", persons.moves, 0), _moves("sum", sums.moves, table.persons.system.values.size)]
    )
    files = {
        "cells.parquet": _parquet(cells),
        "table.parquet": released.to_parquet(),
        "certificates.parquet": _parquet(moves),
        **(_of_series(series, evidence.before, opened.context) if series else {}),
    }
    statement = {
        "format": BESIDE_EARLIER if opened.plan.earlier or series else ALONE,
        "note": _NOTE,
        "order": opened.order,
        "version": opened.version,
        "software_version": opened.plan.software_version,
        "policy": opened.plan.policy.model_dump(mode="json"),
        **_structure(opened.counted),
        "strata": [asdict(one) for one in {**table.sums.cells.dimensions, **table.persons.cells.dimensions}.values()],
        "columns": [one.name for one in released.dimensions],
        "without_thresholds": hidden is not None and hidden.without_thresholds,
        "listed": _listed(table),
        "releases": list(series.releases) if series else [],
        "says_again": evidence.before is not None,
        "not_beside": _not_beside(evidence),
        "unproved": [asdict(one) for one in unproved],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["evidence.json"] = (json.dumps(statement, ensure_ascii=False, indent=1) + "\n").encode()
    return OrderEvidence(files, cells.num_rows, moves.num_rows, unproved)


def _not_beside(evidence: OpenEvidence) -> list[str]:
    """Earlier releases to the same recipients that the table was not laid beside: nobody in common, say."""
    beside = evidence.series.releases if evidence.series else ()
    return [one.release for one in evidence.review.plan.earlier if one.release not in beside]


def _of_series(series: Series, again: ProtectedTable | None, context: ReleaseContext) -> dict[str, bytes]:
    """The files of a series, by name: arrays of releases and cells run through the cells first."""
    releases, cells = series.true.shape
    said = pa.table(
        {
            "release": np.repeat(np.arange(releases), cells),
            "cell": np.tile(np.arange(cells), releases),
            "true": series.true.ravel(),
            "value": series.value.ravel(),
            "as_of": series.as_of.ravel(),
        }
    )
    moves = [list(zip(*one.moves, strict=True)) for one in series.movers]
    moved = pa.table(
        {
            "persons": pa.array([one.persons for one in series.movers], pa.int64()),
            **{
                name: pa.array([own[place] for own in moves], pa.list_(pa.int64()))
                for place, name in enumerate(("releases", "cells", "changes"))
            },
        }
    )
    files = {"said.parquet": _parquet(said), "moved.parquet": _parquet(moved)}
    if again is not None:
        # In the words of this delivery: which periods are complete is told of the day of this release.
        files["before.parquet"] = mark_complete_periods(release(again), context).to_parquet()
    return files


def _cells(table: ReviewedTable) -> pa.Table:
    sides = (table.persons, table.sums)
    names = [name for side in sides for name in side.names]
    return pa.table(
        {
            "kind": pa.array([name.kind for name in names], pa.string()),
            "key": pa.array([name.key for name in names], pa.string()),
            "strata": pa.array([[stratum for stratum, _ in name.at] for name in names], _STRINGS),
            "levels": pa.array([[level for _, level in name.at] for name in names], _STRINGS),
            "value": np.concatenate([side.system.values for side in sides]),
            "blank": np.concatenate([side.blank for side in sides]),
        }
    )


def _moves(kind: str, moves: SumWitnesses, first: int) -> pa.Table:
    """One row a move: cells by their rows, a change for each, and the multiples that fit."""
    return pa.table(
        {
            "kind": pa.array([kind] * moves.lowest.size, pa.string()),
            "cells": pa.ListArray.from_arrays(moves.starts.astype(np.int32), moves.cells + first),
            "changes": pa.ListArray.from_arrays(moves.starts.astype(np.int32), moves.changes),
            "lowest": moves.lowest,
            "highest": moves.highest,
        }
    )


# Any: JSON.
def _structure(counted: CountedTable) -> dict[str, Any]:
    """What is counted and how it hangs together, without a number of persons."""
    sums = {
        (cube.sum_key, names): {
            "sum_key": cube.sum_key,
            "dimensions": names,
            "scale": cube.scale,
            "contributors_key": cube.contributors_key,
        }
        for cube in counted.sum_cubes
        for names in [tuple(axis.name for axis in cube.dimensions)]
    }
    return {
        "persons_known": counted.persons_known,
        "lines": [asdict(one) for one in counted.lines],
        "rates": [asdict(one) for one in counted.rates],
        "reasons": counted.reasons,
        "classes": [
            asdict(told) | {"classes": [{**one._asdict(), "ended": one.ended.name} for one in told.classes]}
            for told in counted.classes
        ],
        "sums": list(sums.values()),
        "splits": [asdict(one) for one in counted.splits],
        "nestings": [asdict(one) for one in counted.nestings],
        "period_parts": [asdict(one) for one in counted.period_parts],
        "class_sums": [one._asdict() for one in counted.class_sums],
        "thresholds": [asdict(one) for one in counted.thresholds],
        "public": [
            {"key": one.key, "dimensions": one.dimensions, "numbers": one.numbers.ravel().tolist()}
            for one in counted.public
        ],
    }


def _listed(table: ReviewedTable) -> dict[str, list[int]]:
    """Rows of cells that rules are about which a checker cannot decide from counts, by rule."""
    found: dict[str, list[int]] = {}
    for side, first in ((table.persons, 0), (table.sums, table.persons.system.values.size)):
        for rule, cells in table.listed[side.kind].items():
            found.setdefault(rule, []).extend((np.flatnonzero(cells) + first).tolist())
    return found


def _unproved(opened: OpenReview, side: CellSide, found: Proofs) -> list[Unproved]:
    told, size = CellWords(opened, "en"), side.system.values.size
    first = 0 if side.kind == "persons" else opened.table.persons.system.values.size
    wholes: Ints = side.system.members[side.system.starts[:-1]]
    unproved = []
    for target in found.unproved.tolist():
        cell = target if target < size else int(wholes[target - size])
        words = told.words(side.names[cell])
        words = words if target < size else f"who is left beside the parts of: {words}"
        unproved.append(Unproved(first + cell, target >= size, words, _NOT_FOUND))
    return unproved


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    """Put the files in place in one step, readable by their owner alone."""
    prepared = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{PARTIAL}")
    try:
        with disk_refusals(folder):
            prepared.mkdir(mode=0o700)
            for name, content in files.items():
                path = prepared / name
                path.touch(mode=0o600)
                path.write_bytes(content)
        publish_folder(prepared, folder)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
