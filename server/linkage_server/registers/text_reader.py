"""CSV deliveries, plain or gzipped: every column read as text, so that no leading zero or decimal is lost."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from linkage.errors import DeliveryRejected
from linkage_server.registers.delivery_file import RawBatch, refusing_unreadable, row_too_long

BLOCK_BYTES = 4 << 20
MAXIMUM_HEADER_BYTES = 1 << 20
MAXIMUM_LINES_OF_A_ROW = 20
MAXIMUM_VALUE_BYTES = 65_536
MAXIMUM_ROW_CHARACTERS = 1 << 20
DELIMITERS = (";", ",", "\t", "|")


class TextFile:
    """A CSV file; the delimiter is the one that splits its header into most columns."""

    def __init__(
        self, path: Path, *, gzipped: bool, encoding: Literal["utf-8", "latin-1"], delimiter: str | None
    ) -> None:
        self.path = path
        self.damaged_rows: list[int] = []
        self._runaway = False
        self._gzipped = gzipped
        self._encoding = encoding
        header = self._header_line()
        self._delimiter = delimiter or max(DELIMITERS, key=header.count)
        try:
            names = next(csv.reader([header], delimiter=self._delimiter), [])
        except csv.Error:
            raise DeliveryRejected(
                f"{self.path.name}: the first line cannot be read as column names.",
                mend="Write one header line; line ends are LF or CRLF, quotes come in pairs.",
            ) from None
        self.column_names = tuple(name.strip() for name in names)

    def _header_line(self) -> str:
        with self.path.open("rb") as raw:
            start = (gzip.GzipFile(fileobj=raw) if self._gzipped else raw).read(MAXIMUM_HEADER_BYTES)
        if b"\x00" in start[:65_536]:
            raise DeliveryRejected(
                f"{self.path.name} is neither text nor Parquet, Arrow or SAS7BDAT.", mend="Deliver one of those."
            )
        line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].rstrip(b"\r")
        if not line.strip():
            raise DeliveryRejected(f"{self.path.name} has no header.", mend="Write the column names on the first line.")
        return line.decode(self._encoding)

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """Read the named columns as text; rows with too few or too many fields become `damaged_rows`."""
        # Arrow reads columns by name, and a file may carry two of one name among those nobody asked for.
        names = [f"{position}" for position in range(len(self.column_names))]
        wanted = [names[self.column_names.index(column)] for column in columns]
        size = max(1, self.path.stat().st_size)
        rows_seen = 0
        with refusing_unreadable(self.path), self.path.open("rb") as raw:
            source = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "gzip") if self._gzipped else raw
            reader = pa_csv.open_csv(
                source,
                # One thread: only then does the parser tell which row is damaged.
                read_options=pa_csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    column_names=names,
                    skip_rows=1,
                    # Any other name than utf8 makes Arrow decode before it splits rows, so that bytes which are no text
                    # are refused in every column; otherwise its callback for damaged rows prints them to stderr.
                    encoding="utf-8-sig" if self._encoding == "utf-8" else "latin1",
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=self._note_damaged
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=False
                ),
            )
            for batch in reader:
                self._refuse_swallowed_rows(batch)
                renamed = pa.RecordBatch.from_arrays(batch.columns, names=list(columns))
                numbers = self._row_numbers(rows_seen, batch.num_rows)
                rows_seen += batch.num_rows
                yield RawBatch(renamed, numbers, min(1.0, raw.tell() / size))
            self._refuse_swallowed_rows(None)

    def _note_damaged(self, row: pa_csv.InvalidRow) -> str:
        # The header is row 1 to the parser.
        self.damaged_rows.append(row.number - 1)
        self._runaway |= row.text.count("\n") > MAXIMUM_LINES_OF_A_ROW or len(row.text) > MAXIMUM_ROW_CHARACTERS
        return "skip"

    def _refuse_swallowed_rows(self, batch: pa.RecordBatch | None) -> None:
        """A quotation mark that is never closed makes one value of many rows; they must not vanish into it."""
        longest = max((pc.max(pc.binary_length(column)).as_py() or 0 for column in batch or ()), default=0)
        if self._runaway or longest > MAXIMUM_VALUE_BYTES:
            raise row_too_long(self.path)

    def _row_numbers(self, rows_seen: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Numbers of the next `rows` sound rows, stepping over damaged ones."""
        numbers = np.arange(rows_seen + 1, rows_seen + rows + 1, dtype=np.int64)
        damaged = np.array(self.damaged_rows, dtype=np.int64)
        if len(damaged):
            # The k-th damaged row has damaged[k] - k - 1 sound rows before it.
            sound_before = damaged - np.arange(1, len(damaged) + 1)
            numbers += np.searchsorted(sound_before, numbers - 1, side="right")
        return numbers
