"""Hashed populations at rest: one Arrow file an order, written whole or not at all, read back with full checks.

Only runs may read them. The folder holds no identity number; its file names are of our own making.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from linkage.errors import InputRefused
from linkage_core.events import HASHED_ID, Population
from linkage_server.intake.pseudonymise import HashedPopulation

_STRATUM_PREFIX = "stratum:"
_FACTS = b"linkage"
_STRATUM = pa.dictionary(pa.int32(), pa.string())


def write_population(hashed: HashedPopulation, file: BinaryIO) -> None:
    """Write a hashed population as an Arrow IPC file, uncompressed."""
    population = hashed.population
    columns: dict[str, pa.Array] = {"hashed_id": population.hashed_ids}
    optional = {"index_date": population.index_date, "birth_date": population.birth_date, "sex": population.sex}
    columns |= {name: column for name, column in optional.items() if column is not None}
    columns |= {_STRATUM_PREFIX + name: column.cast(_STRATUM) for name, column in population.strata.items()}
    facts = {
        "rows": hashed.rows,
        "not_linkable": hashed.not_linkable,
        "reference_date": hashed.reference_date.isoformat(),
        "pepper_version": hashed.pepper_version,
    }
    batch = pa.RecordBatch.from_pydict(columns)
    batch = batch.replace_schema_metadata({_FACTS: json.dumps(facts, sort_keys=True)})
    with pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def load_population(path: Path, *, sha256: str) -> HashedPopulation:
    """Read a stored population back.

    Args:
        path: its file.
        sha256: the hash that was recorded when it was accepted, hexadecimal.

    Raises:
        InputRefused: the file is missing, has changed since, or is not a population.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise InputRefused(f"population file {path.name!r} cannot be read.", mend=_RESTORE) from None
    # The hash comes first: a file that is not ours is never given to the Arrow reader.
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputRefused(f"population file {path.name!r} has changed since it was accepted.", mend=_RESTORE)
    try:
        with pa.ipc.open_file(pa.py_buffer(content)) as reader:
            batch = reader.get_batch(0)
        batch.validate(full=True)
        return _from_batch(batch)
    except (pa.ArrowException, ValueError, KeyError, TypeError):
        raise InputRefused(f"population file {path.name!r} is not a population.", mend=_RESTORE) from None


def _from_batch(batch: pa.RecordBatch) -> HashedPopulation:
    facts = json.loads(batch.schema.metadata[_FACTS])
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    types = {"hashed_id": HASHED_ID, "index_date": pa.date32(), "birth_date": pa.date32(), "sex": pa.uint8()}
    for name, column in columns.items():
        if column.type != types.get(name, _STRATUM):
            raise TypeError(name)
    return HashedPopulation(
        population=Population(
            hashed_ids=columns["hashed_id"],
            index_date=columns.get("index_date"),
            birth_date=columns.get("birth_date"),
            sex=columns.get("sex"),
            strata={
                name.removeprefix(_STRATUM_PREFIX): column
                for name, column in columns.items()
                if name.startswith(_STRATUM_PREFIX)
            },
        ),
        rows=int(facts["rows"]),
        not_linkable={str(kind): int(rows) for kind, rows in facts["not_linkable"].items()},
        reference_date=date.fromisoformat(facts["reference_date"]),
        pepper_version=int(facts["pepper_version"]),
    )


_RESTORE = "An operator should restore the populations folder from its backup."
