"""Spoils a laboratory release in every cell, one at a time, for the tests of its checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage_client.certificate_check import CheckFailed

Rows = list[dict[str, Any]]


@contextmanager
def altered(paths: list[Path], change: Callable[..., None]) -> Iterator[None]:
    """Parquet files with their rows changed, as long as the block lasts."""
    contents = [path.read_bytes() for path in paths]
    tables = [pq.read_table(path) for path in paths]
    rows = [table.to_pylist() for table in tables]
    change(*rows)
    for path, table, own in zip(paths, tables, rows, strict=True):
        pq.write_table(pa.Table.from_pylist(own, schema=table.schema), path)
    yield
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)


def reject_each_altered_cell(out: Path, name: str, check: Callable[[], object], *, kinds: int = 2) -> int:
    """Alter each cell of a measure in both copies alike: another number, a blank for a number, a number for a blank.

    Args:
        out: the release, in Parquet.
        name: of the measure.
        check: of the whole release.
        kinds: in so many ways, one after the other; the rest by turns.

    Returns:
        how many were altered, all of them rejected.
    """
    officer = pq.read_table(out / "officer.parquet").to_pylist()
    done = 0
    for place, row in enumerate(officer):
        blank = {name: None, f"{name}_status": "sup", f"{name}_reason": "protects_small_cell"}
        shown = {f"{name}_status": "pub", f"{name}_reason": ""}
        others = [shown | {name: 12}, shown | {name: 0}]
        if row[f"{name}_status"] != "sup":
            others = [{name: row[name] + 1}, blank]
        for other in others[:kinds]:

            def change(released: Rows, kept: Rows, place: int = place, other: dict[str, Any] = other) -> None:
                kept[place].update(other)
                released[place].update({word: value for word, value in other.items() if word != f"{name}_reason"})

            with altered([out / "released.parquet", out / "officer.parquet"], change), pytest.raises(CheckFailed):
                check()
            done += 1
    return done


def reject_each_altered_witness(out: Path, check: Callable[[], object], *, most: int = 20) -> int:
    """Alter a change of every move, or of `most` of them; returns how many were altered, all of them rejected."""
    path = out / "certificates.parquet"
    many = pq.read_metadata(path).num_rows
    moves = range(0, many, max(many // most, 1))
    for move in moves:

        def change(rows: Rows, move: int = move) -> None:
            changes = rows[move]["changes"]
            changes[move % len(changes)] += 1

        with altered([path], change), pytest.raises(CheckFailed):
            check()
    return len(moves)
