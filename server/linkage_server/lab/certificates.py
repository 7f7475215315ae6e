"""Certificates of `lab protect`: the moves that prove each blank, for whoever checks a release beside its truth.

`certificates.parquet` has one row a move. A move and any of its multiples from `lowest` to `highest` can be added to
the true counts, and every printed number, every total and every bound stays as it is. Changes are bounded by the true
counts, so the file tells about them: it stays with the officer and the auditor, and is never sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage_core.disclosure.lattice_suppression import Witnesses
from linkage_core.disclosure.sum_witnesses import SumWitnesses

CERTIFICATES = "certificates.parquet"
_MOVES_PER_GROUP = 100_000


def certificate_table(measure: str, moves: Witnesses | SumWitnesses) -> pa.Table:
    """One row a move.

    Columns: `measure`; `cells`, rows of the officer's copy from 0; `changes`, one a cell; `lowest` and `highest`
    multiple; `proves`, the cells that this move is kept for.
    """
    return pa.table(
        {
            "measure": pa.DictionaryArray.from_arrays(np.zeros(moves.lowest.size, dtype=np.int32), [measure]),
            "cells": pa.ListArray.from_arrays(moves.starts.astype(np.int32), moves.cells),
            "changes": pa.ListArray.from_arrays(moves.starts.astype(np.int32), moves.changes),
            "lowest": moves.lowest,
            "highest": moves.highest,
            "proves": pa.ListArray.from_arrays(moves.proof_starts.astype(np.int32), moves.proves),
        }
    )


def write_certificates(tables: Sequence[pa.Table], folder: Path) -> None:
    """Write the certificates of all measures of a table, readable by their owner alone."""
    path = folder / CERTIFICATES
    # Changes of sums need more room than those of counts.
    pq.write_table(
        pa.concat_tables(tables, promote_options="permissive").unify_dictionaries(),
        path,
        compression="zstd",
        use_dictionary=["measure"],
        row_group_size=_MOVES_PER_GROUP,
    )
    path.chmod(0o600)
