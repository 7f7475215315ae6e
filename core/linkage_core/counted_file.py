"""A counted table as a file of the service's own store, so that officers can try coarser tables without the registers.

It holds exact counts and never leaves. The same table gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from linkage.errors import InputRefused
from linkage_core.class_table import ClassSum, ClassTable
from linkage_core.counted_table import (
    CountedTable,
    Dimension,
    Line,
    Meeting,
    Nesting,
    PeriodPart,
    PersonCube,
    PublicCube,
    RateLine,
    RowParts,
    Split,
    SumCube,
    SumThreshold,
)

_AXES = TypeAdapter(tuple[Dimension, ...])
# Any: adapters of different types in one table.
_PARTS: dict[str, TypeAdapter[Any]] = {
    "splits": TypeAdapter(tuple[Split, ...]),
    "lines": TypeAdapter(tuple[Line, ...]),
    "reasons": TypeAdapter(tuple[tuple[str, str, str], ...]),
    "nestings": TypeAdapter(tuple[Nesting, ...]),
    "row_parts": TypeAdapter(tuple[RowParts, ...]),
    "thresholds": TypeAdapter(tuple[SumThreshold, ...]),
    "period_parts": TypeAdapter(tuple[PeriodPart, ...]),
    "rates": TypeAdapter(tuple[RateLine, ...]),
    "meetings": TypeAdapter(tuple[Meeting, ...]),
    "classes": TypeAdapter(tuple[ClassTable, ...]),
    "class_sums": TypeAdapter(tuple[ClassSum, ...]),
    "persons_known": TypeAdapter(bool),
}
_CUBES = pa.schema(
    [
        ("kind", pa.string()),
        ("key", pa.string()),
        ("axes", pa.string()),
        ("scale", pa.int64()),
        ("contributors_key", pa.string()),
        ("counts", pa.large_list(pa.int64())),
        ("numbers", pa.large_list(pa.float64())),
    ]
)


def counted_to_bytes(table: CountedTable) -> bytes:
    """The table as a file: one row a cube, everything else in its metadata."""
    rows = [
        *(_row("persons", cube.persons_key, cube.dimensions, counts=cube.persons) for cube in table.person_cubes),
        *(
            _row("sum", cube.sum_key, cube.dimensions, counts=cube.sums)
            | {"scale": cube.scale, "contributors_key": cube.contributors_key}
            for cube in table.sum_cubes
        ),
        *(
            _row("public", cube.key, tuple(map(Dimension, cube.dimensions, [()] * len(cube.dimensions))))
            | {"numbers": cube.numbers.ravel(), "contributors_key": ",".join(map(str, cube.numbers.shape))}
            for cube in table.public
        ),
    ]
    metadata = {name: adapter.dump_json(getattr(table, name)) for name, adapter in _PARTS.items()}
    columns = pa.Table.from_pylist(rows, schema=_CUBES.with_metadata(metadata))
    file = io.BytesIO()
    with pa.ipc.new_file(file, columns.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(columns)
    return file.getvalue()


def counted_from_bytes(content: bytes, *, sha256: str) -> CountedTable:
    """Read what `counted_to_bytes` gave.

    Args:
        content: the file.
        sha256: its hash as recorded when it was stored.

    Raises:
        InputRefused: the content is not what was stored.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputRefused("Stored counts are not what was stored.", mend="Restore a backup of the home folder.")
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    person_cubes, sum_cubes, public = [], [], []
    for place, kind in enumerate(table["kind"].to_pylist()):
        key, more = table["key"][place].as_py(), table["contributors_key"][place].as_py()
        axes = _AXES.validate_json(table["axes"][place].as_py())
        if kind == "public":
            shape = tuple(int(size) for size in more.split(",") if size)
            numbers = table["numbers"][place].values.to_numpy().reshape(shape).copy()
            public.append(PublicCube(key, tuple(axis.name for axis in axes), numbers))
            continue
        counts = table["counts"][place].values.to_numpy().reshape([len(axis.levels) + 1 for axis in axes]).copy()
        if kind == "persons":
            person_cubes.append(PersonCube(key, axes, counts))
        else:
            sum_cubes.append(SumCube(key, axes, counts, table["scale"][place].as_py(), more))
    parts = {name: adapter.validate_json(table.schema.metadata[name.encode()]) for name, adapter in _PARTS.items()}
    return CountedTable(tuple(person_cubes), tuple(sum_cubes), public=tuple(public), **parts)


# Any: a row of a table.
def _row(
    kind: str, key: str, axes: tuple[Dimension, ...], *, counts: np.ndarray[Any, np.dtype[np.int64]] | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": key,
        "axes": _AXES.dump_json(axes).decode(),
        "counts": None if counts is None else counts.ravel(),
    }
