"""The type that says: nothing in here has to be kept back. Only `protect` makes one."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import InitVar, dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.errors import InputRefused
from linkage.parquet_bytes import read_parquet
from linkage_core.counted_table import Dimension
from linkage_core.disclosure.cell_system import Flags

_METADATA_KEY = b"linkage_protected_table"

NO_ROW_SHARES = pa.schema(
    [
        *((name, pa.string()) for name in ("indicator", "parameters", "question", "part")),
        ("per_cent", pa.int64()),
        ("status", pa.string()),
    ]
)

SEAL = object()
"""Shown by `protect` when it makes a ProtectedTable. Importing it elsewhere is a leak; a test looks for that."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Which cells stay blank, for officers: by the numbers that the counted table's cells have.

    Args:
        persons, sums: cells a reader must not learn; those that no line prints are among them.
        without_thresholds: all sums that have thresholds were given up.
    """

    persons: Flags
    sums: Flags
    without_thresholds: bool = False


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """A table after disclosure control.

    Args:
        table: one line a statistic and cell: indicator, parameters, period, strata, statistic, value, lower, upper,
            numerator, denominator, person_time (years), status, reason. Numbers of suppressed lines are null.
        dimensions: the strata, in the order of their columns.
        reasons: why persons had no value: indicator, reason, persons (null where suppressed), status.
        row_shares: how the rows behind each indicator fall apart: indicator, parameters, question, part, per_cent (null
            where suppressed), status.
        officer_reasons: for officers only, one row per suppressed line: row, rule, input.
        cells: number of distinct cells behind the table.
        suppressed_by_reason: suppressed distinct cells: small cells, cells kept back for their sake, sums.
        policy_id: the policy applied.
        policy_version: its version.
        policy_sha256: hash of its canonical form.
        hidden: which cells are blank; None in tables that were stored before it was kept.
    """

    table: pa.Table
    dimensions: tuple[Dimension, ...]
    reasons: pa.Table
    officer_reasons: pa.Table
    cells: int
    suppressed_by_reason: dict[str, int]
    policy_id: str
    policy_version: str
    policy_sha256: str
    row_shares: pa.Table = field(default_factory=NO_ROW_SHARES.empty_table)
    hidden: Hidden | None = None
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not SEAL:
            raise TypeError("A ProtectedTable is made by linkage_core.disclosure.protect and in no other way.")


def to_bytes(protected: ProtectedTable) -> bytes:
    """The table as a file for the service's own store; the same bytes for the same table. Holds officers' reasons."""
    facts = {
        "dimensions": [[d.name, list(d.levels), d.multi_response] for d in protected.dimensions],
        "cells": protected.cells,
        "suppressed_by_reason": protected.suppressed_by_reason,
        "policy": [protected.policy_id, protected.policy_version, protected.policy_sha256],
        "tables": [_hex(protected.reasons), _hex(protected.officer_reasons), _hex(protected.row_shares)],
        "hidden": _as_bits(protected.hidden),
    }
    metadata = {_METADATA_KEY: json.dumps(facts, sort_keys=True).encode()}
    file = io.BytesIO()
    pq.write_table(protected.table.replace_schema_metadata(metadata), file, compression="zstd")
    return file.getvalue()


def from_bytes(content: bytes, *, sha256: str) -> ProtectedTable:
    """Read what `to_bytes` gave.

    Args:
        content: the file.
        sha256: its hash as recorded when it was stored.

    Raises:
        InputRefused: the content is not what was stored.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputRefused("A stored protected table is not what was stored.", mend="Run the order again.")
    table = read_parquet(content)
    facts = json.loads(table.schema.metadata[_METADATA_KEY])
    stored = [pa.ipc.open_stream(bytes.fromhex(one)).read_all() for one in facts["tables"]]
    # Tables that were stored before rows were told have none.
    reasons, officer_reasons, row_shares = [*stored, NO_ROW_SHARES.empty_table()][:3]
    return ProtectedTable(
        table.replace_schema_metadata(None),
        tuple(Dimension(name, tuple(levels), multi) for name, levels, multi in facts["dimensions"]),
        reasons,
        officer_reasons,
        facts["cells"],
        facts["suppressed_by_reason"],
        policy_id=facts["policy"][0],
        policy_version=facts["policy"][1],
        policy_sha256=facts["policy"][2],
        row_shares=row_shares,
        hidden=_from_bits(facts.get("hidden")),
        seal=SEAL,
    )


Bits = tuple[int, str, int, str, bool]
"""Number of person cells, their flags as packed bits in hexadecimal, the same of sums, and the last word."""


def _as_bits(hidden: Hidden | None) -> Bits | None:
    if hidden is None:
        return None
    persons, sums = (np.packbits(flags).tobytes().hex() for flags in (hidden.persons, hidden.sums))
    return hidden.persons.size, persons, hidden.sums.size, sums, hidden.without_thresholds


def _from_bits(bits: Bits | None) -> Hidden | None:
    if bits is None:
        return None
    persons, sums = (
        np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8), count=size).astype(np.bool_)
        for size, packed in ((bits[0], bits[1]), (bits[2], bits[3]))
    )
    return Hidden(persons, sums, bits[4])


def _hex(table: pa.Table) -> str:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().hex()
