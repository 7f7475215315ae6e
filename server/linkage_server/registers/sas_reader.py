"""SAS7BDAT deliveries, as Socialstyrelsen makes them: numbers are doubles, dates are days since 1960."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyreadstat

from linkage_server.registers.delivery_file import RawBatch, refusing_unreadable

ROWS_PER_CHUNK = 250_000
"""Large, because every chunk begins with skipping the rows before it."""

DAYS_1960_TO_1970 = 3_653
SECONDS_PER_DAY = 86_400
DATE_FORMATS = ("DATE", "YYMMDD", "DDMMYY", "MMDDYY", "E8601DA", "B8601DA", "MINGUO", "WEEKDATE", "WORDDATE")
DATETIME_FORMATS = ("DATETIME", "E8601DT", "B8601DT", "DTDATE", "DATEAMPM")


class SasFile:
    """A SAS7BDAT file read by pyreadstat, chunk by chunk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged_rows: list[int] = []
        with refusing_unreadable(path), _sas_errors():
            _, metadata = pyreadstat.read_sas7bdat(str(path), metadataonly=True, output_format="dict")
        self.column_names = tuple(metadata.column_names)
        self._rows = int(metadata.number_rows or 0)
        self._texts = {name for name, kind in metadata.readstat_variable_types.items() if kind == "string"}
        self._formats: dict[str, str] = {
            name: str(kind).upper() for name, kind in metadata.original_variable_types.items()
        }

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """Read the named columns; numbers as float64, dates as date32, text as text."""
        for start in range(0, self._rows, ROWS_PER_CHUNK):
            with refusing_unreadable(self.path), _sas_errors():
                chunk, _ = pyreadstat.read_sas7bdat(
                    str(self.path),
                    usecols=list(columns),
                    row_offset=start,
                    row_limit=ROWS_PER_CHUNK,
                    output_format="dict",
                    disable_datetime_conversion=True,
                )
                arrays = [self._to_arrow(chunk[column], column) for column in columns]
            rows = len(arrays[0])
            numbers = np.arange(start + 1, start + rows + 1, dtype=np.int64)
            yield RawBatch(pa.RecordBatch.from_arrays(arrays, list(columns)), numbers, (start + rows) / self._rows)

    def _to_arrow(self, values: Any, column: str) -> pa.Array:
        if column in self._texts:
            return pa.array([None if _absent(value) else str(value) for value in values], pa.string())
        numbers = np.array([math.nan if value is None else value for value in values], np.float64)
        kind = self._formats.get(column, "")
        if kind.startswith(DATETIME_FORMATS):
            numbers = np.floor(numbers / SECONDS_PER_DAY)
        elif not kind.startswith(DATE_FORMATS):
            return pa.array(numbers, from_pandas=True)
        absent = ~np.isfinite(numbers) | (np.abs(numbers) > 4_000_000)
        days = np.where(absent, 0, numbers - DAYS_1960_TO_1970).astype(np.int32)
        return pa.array(days, pa.int32(), mask=absent).cast(pa.date32())


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


class _sas_errors:  # noqa: N801 - reads as a statement
    """pyreadstat's own exceptions derive from Exception alone, and it trips over damage: a type that callers catch."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None or not issubclass(kind, Exception):
            return
        if kind.__module__.startswith("pyreadstat") or issubclass(kind, TypeError):
            raise ValueError("not readable as SAS7BDAT") from None
