"""Tables of inhabitants on disk: each version under its hash, and the one that is served.

    inhabitants/lock, current.json        one writer; the version served, replaced in one step
    inhabitants/versions/SHA256.arrow     one line a period and cell; immutable

An order pins the version it was run with, as it pins snapshots. Nothing in a table is about one person.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from linkage.errors import NotFound, ServiceUnavailable
from linkage_core.indicators.follow_up import EPOCH
from linkage_core.rates import Inhabitants, inhabitants_of
from linkage_server.registers.register_lock import register_lock
from linkage_server.storage.files import disk_refusals, write_atomically


class InhabitantsVersion(BaseModel):
    """The table that is served: the hash of its file, its first and last day, and its strata."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str
    first_day: date
    last_day: date
    strata: tuple[str, ...]


class InhabitantsStore:
    """Tables of inhabitants of one home folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> InhabitantsVersion | None:
        """The version that is served; None where none was ever loaded."""
        try:
            return InhabitantsVersion.model_validate_json((self.folder / "current.json").read_bytes())
        except FileNotFoundError:
            return None

    def read(self, version: str) -> Inhabitants:
        """The table of a version.

        Raises:
            NotFound: no such version.
            ServiceUnavailable: its file is damaged.
        """
        path = self.folder / "versions" / f"{version}.arrow"
        if not version.isalnum() or not path.exists():
            raise NotFound("there is no such version of the table of inhabitants.")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != version:
            raise ServiceUnavailable(
                "the table of inhabitants is damaged: its content does not match its hash.",
                mend="Restore the store from the latest backup.",
            )
        return inhabitants_of(pa.ipc.open_file(pa.py_buffer(content)).read_all())

    def add(self, table: pa.Table) -> InhabitantsVersion:
        """Store a table and serve it; the same lines in another order are the same version.

        Args:
            table: as `inhabitants_of` reads it.

        Raises:
            InputRefused: it is not as needed.
            StateConflict: the store is being written.
        """
        read = inhabitants_of(table)
        content = _as_file(table)
        version = hashlib.sha256(content).hexdigest()
        with disk_refusals():
            (self.folder / "versions").mkdir(parents=True, exist_ok=True)
        with register_lock(self.folder):
            write_atomically(self.folder / "versions" / f"{version}.arrow", content)
            first, last = (EPOCH + timedelta(days=int(day)) for day in (read.first.min(), read.after.max() - 1))
            served = InhabitantsVersion(version=version, first_day=first, last_day=last, strata=tuple(read.strata))
            write_atomically(self.folder / "current.json", served.model_dump_json(indent=1).encode())
        return served


def _as_file(table: pa.Table) -> bytes:
    texts = [name for name in table.column_names if name != "persons"]
    columns = {name: table[name].cast(pa.string()) for name in texts} | {"persons": table["persons"].cast(pa.float64())}
    ordered = pa.table(columns).sort_by([(name, "ascending") for name in texts]).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, ordered.schema) as writer:
        writer.write_table(ordered)
    return bytes(sink.getvalue().to_pybytes())
