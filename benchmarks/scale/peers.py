"""Every peer by the name that tables show, with what it needs to be installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scale.peer import Asked, Peer
from benchmarks.scale.peer_files import PeerFiles

SIDES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "DuckDB, own file, sorted": ("duckdb", "DuckDB", "sorted", {"native": True}),
    "DuckDB, own file, as delivered": ("duckdb", "DuckDB", "unsorted", {"native": True}),
    "DuckDB, Parquet, sorted": ("duckdb", "DuckDB", "sorted", {"native": False}),
    "DuckDB, Parquet, as delivered": ("duckdb", "DuckDB", "unsorted", {"native": False}),
    "Polars, Parquet, sorted": ("polars", "Polars", "sorted", {}),
    "Polars, Parquet, as delivered": ("polars", "Polars", "unsorted", {}),
    "DataFusion, Parquet, sorted": ("datafusion", "DataFusion", "sorted", {}),
    "DataFusion, Parquet, as delivered": ("datafusion", "DataFusion", "unsorted", {}),
    "pyarrow and numpy, Parquet, sorted": ("pyarrow", "PyArrow", "sorted", {}),
    "pyarrow and numpy, Parquet, as delivered": ("pyarrow", "PyArrow", "unsorted", {}),
}
PACKAGES = ("duckdb", "polars", "datafusion", "pyarrow")


def installed(side: str) -> bool:
    """Whether the peer's package is there."""
    return importlib.util.find_spec(SIDES[side][0]) is not None


def opened(*, side: str, folder: str, question: str, persons: str, first_year: int) -> Peer:
    """The peer, ready to be asked."""
    package, name, form, options = SIDES[side]
    make: Callable[..., Peer] = getattr(importlib.import_module(f"benchmarks.scale.{package}_peer"), name)
    return make(Asked(PeerFiles(Path(folder)), form, question, persons, first_year), **options)
