"""`linkage-server lab protect`: a policy on a plain table, for the officer who tries a policy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet as pq
import typer

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256, load_policy
from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.suppression import Pattern
from linkage_server.lab.lattice import hide_counts, hide_magnitudes, with_totals
from linkage_server.lab.layout import Codes, Layout, number_codes, read_layout

_MOST_CELLS = 250_000
_HUNDREDTHS = 100


def protect_command(
    policy_file: Annotated[Path, typer.Argument(metavar="POLICY.toml", help="The disclosure policy.")],
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Leaf cells, one a row: CSV or Parquet.")],
    *,
    layout: Annotated[Path, typer.Option(help="Dimensions, hierarchies, measures, rules (JSON).")],
    out: Annotated[Path, typer.Option(help="Folder for the released table; made if it is not there.")],
    contributions: Annotated[
        Path | None, typer.Option(help="For magnitudes: leaf dimensions, contributor, measure.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Protect a table of plain files; the register store is never opened."""
    summary = protect_file(load_policy(policy_file), table, layout=layout, out=out, contributions=contributions)
    if as_json:
        typer.echo(json.dumps(summary))
        return
    for measure, numbers in summary.items():
        typer.echo(f"{measure}: {numbers}")


def protect_file(
    policy: DisclosurePolicy, table: Path, *, layout: Path, out: Path, contributions: Path | None = None
) -> dict[str, dict[str, int | str]]:
    """Write `released` and `officer` tables beside each other in `out`; returns a summary by measure.

    Raises:
        InputRefused: table, layout or contributions are wrong, or ask for protection that is not built yet.
        DisclosureRefused: nothing may be released.
    """
    plan = read_layout(layout)
    codes = {name: number_codes(name, dimension) for name, dimension in plan.dims.items()}
    dimensions = list(codes.values())
    if np.prod([len(one.codes) for one in dimensions], dtype=np.float64) > _MOST_CELLS:
        raise InputRefused(f"{layout}: more than {_MOST_CELLS} cells.", mend="Use fewer or coarser dimensions.")
    rows = _read(table)
    places = _places(rows, codes, table)
    labels = list(zip(*product(*(one.codes for one in dimensions)), strict=True))
    columns: dict[str, pa.Array] = {name: pa.array(own) for name, own in zip(codes, labels, strict=True)}
    officer = dict(columns)
    summary: dict[str, dict[str, int | str]] = {}
    for name, measure in plan.measures.items():
        own_policy = plan.policy_for(name, policy)
        scale = 1 if measure.kind == "count" else _HUNDREDTHS
        cells = with_totals(_leaf_cube(_whole(rows, name, scale, table), places, dimensions), dimensions)
        if measure.kind == "count":
            if cells.min(initial=0) < 0:
                raise InputRefused(f"{table}: column {name!r} holds a negative count.", mend="Count persons or rows.")
            pattern, small = hide_counts(cells, dimensions, own_policy)
        else:
            givers = _contributors(contributions, codes, plan)
            pattern, small = hide_magnitudes(cells, givers, dimensions, own_policy)
        values = cells.ravel() if scale == 1 else cells.ravel() / scale
        columns |= _columns(name, values, pattern.suppressed)
        officer |= {**_columns(name, values, pattern.suppressed), f"{name}_reason": _reasons(pattern, small)}
        summary[name] = _summary(pattern, small, own_policy)
    out.mkdir(parents=True, exist_ok=True)
    _write(pa.table(columns), out / f"released{table.suffix}")
    _write(pa.table(officer), out / f"officer{table.suffix}")
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return summary


def _columns(name: str, values: npt.NDArray[np.generic], hidden: Flags) -> dict[str, pa.Array]:
    return {
        name: pa.array(values, mask=hidden),
        f"{name}_status": pa.array(np.where(hidden, "sup", "pub").tolist(), pa.string()),
    }


def _reasons(pattern: Pattern, small: Flags) -> pa.Array:
    words = np.where(pattern.suppressed, np.where(small, "small_cell", "protects_small_cell"), "")
    return pa.array(words.tolist(), pa.string())


def _summary(pattern: Pattern, small: Flags, policy: DisclosurePolicy) -> dict[str, int | str]:
    return {
        "cells": int(small.size),
        "sensitive": int(np.count_nonzero(small)),
        "suppressed": int(np.count_nonzero(pattern.suppressed)),
        "policy": policy.name,
        "policy_sha256": canonical_sha256(policy),
    }


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(str(path))
        if path.suffix == ".csv":
            return pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException):
        raise InputRefused(f"{path}: cannot be read as {path.suffix[1:]}.", mend="Check path and content.") from None
    raise InputRefused(f"{path}: neither .csv nor .parquet.", mend="Convert the table.")


def _write(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)


def _places(rows: pa.Table, codes: dict[str, Codes], path: Path) -> tuple[Ints, ...]:
    """Number of the leaf of each row, by dimension."""
    found: list[Ints] = []
    for name, own in codes.items():
        _column(rows, name, path)
        leaves = pa.array(own.codes[: own.leaves], pa.string())
        at = pa.compute.index_in(_as_codes(rows[name], own), value_set=leaves)
        if at.null_count:
            raise InputRefused(f"{path}: column {name!r} holds a code that is no leaf of its hierarchy.")
        found.append(at.to_numpy().astype(np.int64))
    return tuple(found)


def _as_codes(column: pa.ChunkedArray, own: Codes) -> pa.ChunkedArray:
    """Codes as text; a CSV reader takes "01" for the number 1, so lost leading zeros are put back."""
    text = column.cast(pa.string())
    if pa.types.is_integer(column.type):
        text = pa.compute.utf8_lpad(text, width=min(len(code) for code in own.codes[: own.leaves]), padding="0")
    return text


def _whole(rows: pa.Table, name: str, scale: int, path: Path) -> Ints:
    """A column in whole units of 1 / scale."""
    _column(rows, name, path)
    try:
        units = rows[name].cast(pa.float64()).to_numpy() * scale
    except pa.ArrowException:
        raise InputRefused(f"{path}: column {name!r} is not numeric.") from None
    whole = np.rint(units)
    if not np.all(np.abs(units - whole) < 1e-6):
        raise InputRefused(f"{path}: column {name!r} has a missing value or more decimals than can be kept exact.")
    exact: Ints = whole.astype(np.int64)
    return exact


def _column(rows: pa.Table, name: str, path: Path) -> None:
    if name not in rows.column_names:
        raise InputRefused(f"{path}: there is no column {name!r}.", mend="One column per dimension and measure.")
    if rows[name].null_count:
        raise InputRefused(f"{path}: column {name!r} has a missing value.", mend="Fill it or leave the row out.")


def _leaf_cube(units: Ints, places: tuple[Ints, ...], dimensions: Sequence[Codes]) -> Ints:
    cube = np.zeros([one.leaves for one in dimensions], dtype=np.int64)
    np.add.at(cube, places, units)
    return cube


def _contributors(path: Path | None, codes: dict[str, Codes], plan: Layout) -> Ints:
    """Different contributors of each published cell."""
    magnitudes = [name for name, measure in plan.measures.items() if measure.kind == "magnitude"]
    if path is None:
        raise InputRefused(
            f"the magnitudes {magnitudes} need the contributors of each cell.", mend="Name them with --contributions."
        )
    rows = _read(path)
    _column(rows, "contributor", path)
    places = _places(rows, codes, path)
    who = rows["contributor"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    shape = tuple(len(one.codes) for one in codes.values())
    seen = {(*leaf, one) for *leaf, one in zip(*(place.tolist() for place in places), who.tolist(), strict=True)}
    above = [
        [[code for code, below in enumerate(own.below) if leaf in below] for leaf in range(own.leaves)]
        for own in codes.values()
    ]
    members = {
        (cell, one) for *leaf, one in seen for cell in product(*(above[axis][code] for axis, code in enumerate(leaf)))
    }
    counts = np.zeros(shape, dtype=np.int64)
    if members:
        np.add.at(counts, tuple(np.array([cell for cell, _ in members]).T), 1)
    return counts
