"""The list of rows that were not stored: file, row number, variable, rule and mend. Never a value."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.csv as pa_csv

from linkage_server.registers.validate import RowProblems
from linkage_server.storage.files import disk_refusals, fsync_folder

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("variable", pa.string()),
        ("rule", pa.string()),
        ("mend", pa.string()),
    ]
)


class QuarantineFile:
    """Written beside its final name and put in place by `keep`; without it nothing remains.

    Raises:
        StorageFull: no room, at any call.
    """

    def __init__(self, folder: Path, *, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self._partial = folder / f".{name}.csv.partial"
        with disk_refusals():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in folder.glob(".*.partial"):
                left.unlink(missing_ok=True)
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "wb")
            self._writer = pa_csv.CSVWriter(self._file, SCHEMA)
        self.entries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def write(self, file_name: str, problems: RowProblems) -> None:
        """Add the rows that broke one rule."""
        rows = len(problems.row_numbers)
        texts = (problems.column, problems.rule, problems.mend)
        columns = [
            pa.repeat(file_name, rows),
            pa.array(problems.row_numbers),
            *(pa.repeat(text, rows) for text in texts),
        ]
        with disk_refusals():
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
        self.entries += rows

    def keep(self) -> Path | None:
        """Put the list in place; an empty one is not kept."""
        with disk_refusals():
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self.entries == 0:
                return None
            self._partial.replace(self.path)
            fsync_folder(self.path.parent)
        return self.path
