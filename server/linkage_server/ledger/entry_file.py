"""A ledger entry as a file: bitmaps of persons' numbers, and what was said of each cell. It never leaves.

The same entry gives the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from linkage_core.release_history import CellStates, Members

_FACTS = b"linkage_ledger_entry"
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("name", pa.string()), ("part", pa.string()), ("content", pa.large_binary())]
)
_CELLS = ("persons", "value", "as_of", "current", "blank")


@dataclass(frozen=True, slots=True)
class Entry:
    """One table as the ledger keeps it.

    Args:
        members: who stands in which cell.
        states: what it says of each cell.
        match_rate_band: as it told it.
    """

    members: Members
    states: CellStates
    match_rate_band: str


def entry_to_bytes(entry: Entry) -> bytes:
    """Write an entry."""
    members, states = entry.members, entry.states
    rows: list[tuple[str, str, str, bytes]] = []
    for name, parts in members.sets.items():
        rows += [("set", name, str(part), bitmap.serialize()) for part, bitmap in enumerate(parts)]
    for name, levels in members.levels.items():
        rows += [("level", name, level, bitmap.serialize()) for level, bitmap in levels.items()]
    for name in _CELLS:
        rows.append(("cells", name, "", np.asarray(getattr(states, name), dtype="<i8").tobytes()))
    facts = {
        "periods": {name: [dimension, list(labels)] for name, (dimension, labels) in members.periods.items()},
        "dimensions": {name: list(levels) for name, levels in states.dimensions.items()},
        "blocks": [[key, list(strata)] for key, strata in states.blocks],
        "names": list(states.names),
        "match_rate_band": entry.match_rate_band,
    }
    schema = _SCHEMA.with_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})
    columns = zip(*rows, strict=True)
    table = pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def entry_from_bytes(content: bytes, *, unite: Callable[[BitMap], BitMap] = lambda members: members) -> Entry:
    """Read what `entry_to_bytes` gave and its hash was checked of.

    Args:
        content: the file.
        unite: maps each bitmap to the numbers of today.
    """
    with pa.ipc.open_file(pa.py_buffer(content)) as reader:
        table = reader.read_all()
    facts = json.loads(table.schema.metadata[_FACTS])
    sets: dict[str, list[BitMap]] = {}
    levels: dict[str, dict[str, BitMap]] = {}
    cells = {}
    for row in table.to_pylist():
        if row["kind"] == "cells":
            cells[row["name"]] = np.frombuffer(row["content"], dtype="<i8").astype(np.int64)
        elif row["kind"] == "set":
            sets.setdefault(row["name"], []).append(unite(BitMap.deserialize(row["content"])))
        else:
            levels.setdefault(row["name"], {})[row["part"]] = unite(BitMap.deserialize(row["content"]))
    periods = {name: (dimension, tuple(labels)) for name, (dimension, labels) in facts["periods"].items()}
    states = CellStates(
        dimensions={name: tuple(own) for name, own in facts["dimensions"].items()},
        blocks=tuple((key, tuple(strata)) for key, strata in facts["blocks"]),
        names=tuple(facts["names"]),
        persons=cells["persons"],
        value=cells["value"],
        as_of=cells["as_of"],
        current=cells["current"].astype(np.bool_),
        blank=cells["blank"].astype(np.bool_),
    )
    members = Members({name: tuple(parts) for name, parts in sets.items()}, periods, levels)
    return Entry(members, states, facts["match_rate_band"])
