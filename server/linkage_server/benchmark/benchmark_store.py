"""A register store of a benchmark's rows, made once and kept under a name that tells what is in it."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linkage_core import narrow_columns
from linkage_server.benchmark.made_up_rows import REGISTER, Rows
from linkage_server.registers import segment_writer, segments
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.store import RegisterStore


@dataclass(frozen=True, slots=True)
class StoredRegister:
    """A register in a store: what our side reads.

    Args:
        folder: the store.
        register: its name there.
    """

    folder: Path
    register: str

    def manifest(self) -> Manifest:
        """The snapshot that is served."""
        return RegisterStore(self.folder).current(self.register)

    def files(self) -> list[Path]:
        """Every file of the store."""
        return sorted(path for path in (self.folder / self.register).rglob("*") if path.is_file())


def stored_register(folder: Path, batches: Callable[[], Rows], *, memory_bytes: int = 2 << 30) -> StoredRegister:
    """Load the rows into a store below `folder`, unless it is there; stores of an older layout are removed.

    Args:
        folder: where everything of one set of rows is kept.
        batches: gives the rows.
        memory_bytes: how much the load may hold.
    """
    found = folder / f"store-{_layout()}"
    if not (found / REGISTER / "published.json").exists():
        for stale in folder.glob("store-*"):
            shutil.rmtree(stale)
        loading = RegisterStore(found, memory_bytes=memory_bytes).begin_load(
            REGISTER,
            definition_sha256="benchmark",
            date_column="dispensing_date",
            pepper_version=1,
            delivery_name="benchmark",
            content_sha256="benchmark",
        )
        with loading as load:
            for ids, rows in batches():
                load.add(ids, rows)
            load.publish()
    return StoredRegister(found, REGISTER)


def _layout() -> str:
    """Names the code that writes a store; another layout on disk comes with other code."""
    sources = "".join(inspect.getsource(module) for module in (narrow_columns, segment_writer, segments))
    return hashlib.sha256(sources.encode()).hexdigest()[:12]
