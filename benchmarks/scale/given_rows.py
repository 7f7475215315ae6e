"""Dispensings from a folder of Parquet files that somebody names: checked, and brought to the benchmark's columns.

Wanted are `dispensing_date`, `atc`, `packages`, `ddd_per_package`, and the person as `id` (fixed-size binary of 16
bytes) or as `hi` and `lo` (uint64). Rows without one of them are left out. Packages and DDD are rounded to whole
numbers, so that every side's answer is a whole number and equal to the last digit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from linkage.errors import InputRefused
from linkage_core.events import HASHED_ID, join_ids
from linkage_server.benchmark.made_up_rows import SCHEMA, Rows

_SCALE = 100
_BATCH = 1 << 20


@dataclass(frozen=True, slots=True)
class GivenRows:
    """A folder that was looked at: it has files, and they have the columns.

    Args:
        folder: of Parquet files, in subfolders or not.
    """

    folder: Path

    def __post_init__(self) -> None:
        schema = self._dataset().schema
        missing = [name for name in SCHEMA.names if name not in schema.names]
        if not {"hi", "lo"} <= set(schema.names) and "id" not in schema.names:
            missing.append("id (or hi and lo)")
        if missing:
            raise InputRefused(
                f"the Parquet files lack: {', '.join(missing)}.",
                mend="Name the columns dispensing_date, atc, packages, ddd_per_package, and id or hi and lo.",
            )
        for name, kind, is_right in (
            ("id", "binary of 16 bytes", lambda found: found == HASHED_ID),
            ("hi", "uint64", lambda found: found == pa.uint64()),
            ("lo", "uint64", lambda found: found == pa.uint64()),
            ("dispensing_date", "a date", lambda found: pa.types.is_date(found) or pa.types.is_timestamp(found)),
            ("packages", "a number", _is_number),
            ("ddd_per_package", "a number", _is_number),
        ):
            if name in schema.names and not is_right(schema.field(name).type):
                raise InputRefused(
                    f"column {name!r} is {schema.field(name).type}, not {kind}.", mend="Cast the column."
                )

    @property
    def key(self) -> str:
        """Names the rows: files of another size or time are other rows."""
        files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in self._files()]
        return hashlib.sha256(json.dumps([1, str(self.folder.resolve()), files]).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.rows:,} rows of {len(self._files())} Parquet files"

    @property
    def rows(self) -> int:
        """In the files."""
        return int(self._dataset().count_rows())

    def batches(self) -> Rows:
        """Ids and rows, in the order of the files."""
        dataset = self._dataset()
        by_id = "id" in dataset.schema.names
        names = [*SCHEMA.names, *(["id"] if by_id else ["hi", "lo"])]
        for batch in dataset.to_batches(columns=names, batch_size=_BATCH):
            whole = pa.Table.from_batches([batch]).drop_null().combine_chunks()
            if whole.num_rows == 0:
                continue
            ids = _one(whole["id"]) if by_id else join_ids(whole["hi"].to_numpy(), whole["lo"].to_numpy())
            columns = [
                _one(whole["dispensing_date"]).cast(pa.date32()),
                _one(whole["atc"]).cast(pa.string()).dictionary_encode(),
                _whole_hundredths(_one(whole["packages"])),
                _whole_hundredths(_one(whole["ddd_per_package"])),
            ]
            yield ids, pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

    def _files(self) -> list[Path]:
        files = sorted(self.folder.rglob("*.parquet"))
        if not files:
            raise InputRefused(f"{self.folder.name}: holds no Parquet file.", mend="Name a folder of *.parquet.")
        return files

    def _dataset(self) -> ds.Dataset:
        try:
            return ds.dataset([str(path) for path in self._files()], format="parquet")
        except (pa.ArrowInvalid, OSError):
            raise InputRefused(
                f"{self.folder.name}: the files are not Parquet, or differ in their columns.",
                mend="Look at each with `pyarrow.parquet.read_schema`.",
            ) from None


def _is_number(found: pa.DataType) -> bool:
    return bool(pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _whole_hundredths(column: pa.Array) -> pa.Array:
    return pc.multiply(pc.round(column.cast(pa.float64())), float(_SCALE)).cast(pa.int32())
