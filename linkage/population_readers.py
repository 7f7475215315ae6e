"""Reads a population file into plain columns, whoever wrote it: CSV, Parquet, Arrow or Excel.

The format is told by the first bytes, never by the name. Before anything is unpacked, what it claims to unpack to is
held against a limit, so that a small file cannot take the machine's memory. No text of a reader's exception gets out:
pyarrow's and openpyxl's messages carry cell values.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as arrow_csv
from pyarrow import parquet

from linkage.arrow_stream_bounds import read_bounded_stream
from linkage.errors import PopulationRejected

MAXIMUM_FILE_BYTES = 1 << 30
MAXIMUM_UNPACKED_BYTES = 1 << 31
MAXIMUM_COLUMNS = 256
MAXIMUM_ROWS = 10_000_000

_DELIMITERS = (",", ";", "\t")
_AGREED_FORMATS = "Save the file as CSV (UTF-8), Parquet, Arrow or XLSX."
_FOREIGN_FORMATS = {
    b"\x1f\x8b": "is compressed with gzip",
    b"BZh": "is compressed with bzip2",
    b"\xfd7zXZ": "is compressed with xz",
    b"(\xb5/\xfd": "is compressed with zstd",
    b"\xd0\xcf\x11\xe0": "is an old Excel file (.xls) or a workbook with a password",
    b"%PDF": "is a PDF",
    b"SQLite format 3": "is a database",
}


@dataclass(frozen=True, slots=True)
class RawColumns:
    """A file's columns as they were written, wholly empty rows left out.

    Args:
        names: of the columns, as written.
        columns: one array each; text, or the file's own type.
        row_numbers: where each row stands in the file, as an editor or spreadsheet counts; from 1 where there is none.
        misshapen: row numbers with too few or too many fields, and how many they have.
        fields: how many fields a row should have.
    """

    names: tuple[str, ...]
    columns: tuple[pa.Array, ...]
    row_numbers: npt.NDArray[np.int64]
    misshapen: tuple[tuple[int, int], ...] = ()
    fields: int = 0

    def __post_init__(self) -> None:
        assert len(self.names) == len(self.columns), "each column has a name"


def read_columns(path: Path, *, identity_name: str, max_rows: int = MAXIMUM_ROWS) -> RawColumns:
    """Read every column of a population file.

    Raises:
        PopulationRejected: it is empty, too large, of another format, or broken.
    """
    head = _head_of(path)
    if head[:4] == b"PAR1":
        raw = _read_parquet(path, max_rows=max_rows)
    elif head[:6] == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff":
        raw = _read_arrow(path, at=8 if head[:6] == b"ARROW1" else 0, max_rows=max_rows)
    elif head[:4] == b"PK\x03\x04":
        from linkage.population_workbook import read_workbook

        names, columns = read_workbook(path, identity_name=identity_name, max_rows=max_rows)
        raw = RawColumns(names, columns, np.arange(2, len(columns[0]) + 2 if columns else 2, dtype=np.int64))
    else:
        _refuse_foreign(head)
        raw = _read_csv(path, identity_name=identity_name)
    if len(raw.names) > MAXIMUM_COLUMNS:
        raise PopulationRejected(
            f"the file has {len(raw.names)} columns; at most {MAXIMUM_COLUMNS} are read.",
            mend="Keep the columns that the order names.",
        )
    raw = _without_empty_rows(raw)
    _check_row_count(len(raw.row_numbers), max_rows)
    return raw


def _head_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        raise PopulationRejected("the file cannot be opened.", mend="Check its path and your access to it.") from None
    if not head:
        raise PopulationRejected("the file is empty.", mend="Export it again; it needs a header and rows.")
    if size > MAXIMUM_FILE_BYTES:
        raise PopulationRejected(
            f"the file has {size:,} bytes; at most {MAXIMUM_FILE_BYTES:,} are read.",
            mend="Keep the columns that the order names, or divide the population over several orders.",
        )
    return head


def _check_row_count(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        raise PopulationRejected(
            f"the file has {rows:,} rows; at most {max_rows:,} are allowed.",
            mend="Divide the population over several orders.",
        )


def _refuse_foreign(head: bytes) -> None:
    for magic, what in _FOREIGN_FORMATS.items():
        if head.startswith(magic):
            raise PopulationRejected(f"the file {what}.", mend=_AGREED_FORMATS)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00\x00" in (head[0:3:2], head[1:4:2]):
        raise PopulationRejected("the file is written in UTF-16.", mend="Save it as CSV UTF-8.")
    if b"\x00" in head:
        raise PopulationRejected("the file is binary, of no format that is read here.", mend=_AGREED_FORMATS)


# CSV ---------------------------------------------------------------------------------------------------------------


def _read_csv(path: Path, *, identity_name: str) -> RawColumns:
    content = path.read_bytes()
    _check_text(content)
    if b"\n" not in content and b"\r" in content:
        content = content.replace(b"\r", b"\n")
    start = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    header = content[start:].split(b"\n", 1)[0].rstrip(b"\r").decode()
    delimiter, names = _split_header(header, identity_name)
    misshapen: list[tuple[int, int]] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        misshapen.append((row.number, row.actual_columns))
        return "skip"

    labels = [str(place) for place in range(len(names))]
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            # Row numbers are told to one thread only.
            read_options=arrow_csv.ReadOptions(use_threads=False, skip_rows=1, column_names=labels, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(labels, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except (pa.ArrowException, ValueError, OSError):
        raise PopulationRejected(
            "the file cannot be read as CSV: a quotation mark is not closed, or a line is far too long.",
            mend="Export it again from the program it came from.",
        ) from None
    numbers = np.arange(2, table.num_rows + len(misshapen) + 2, dtype=np.int64)
    if misshapen:
        numbers = np.setdiff1d(numbers, np.array([number for number, _ in misshapen]), assume_unique=True)
    return RawColumns(names, _whole_columns(table), numbers, tuple(misshapen), len(names))


def _check_text(content: bytes) -> None:
    at = content.find(b"\x00")
    if at >= 0:
        line = content.count(b"\n", 0, at) + 1
        raise PopulationRejected(f"line {line} holds binary data.", mend=_AGREED_FORMATS)
    if content.count(b'"') % 2:  # pyarrow takes everything after an open quotation mark for one field.
        raise PopulationRejected("a quotation mark is not closed.", mend="Export the file again, or close it.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise PopulationRejected(
            f"line {line} is not written in UTF-8; most likely the file is in Windows-1252 (ANSI).",
            mend="Save it as CSV UTF-8.",
        ) from None


def _split_header(header: str, identity_name: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter, comma, semicolon or tab, under which the header has most columns, the identity column first."""
    ways = {delimiter: _fields(header, delimiter) for delimiter in _DELIMITERS}

    def merit(delimiter: str) -> tuple[bool, int]:
        return identity_name in (name.casefold() for name in ways[delimiter]), len(ways[delimiter])

    best = max(_DELIMITERS, key=merit)
    if not merit(best)[0]:
        for other in ("|", ":", "^", " "):
            if identity_name in (name.casefold() for name in _fields(header, other)):
                raise PopulationRejected(
                    f"the columns are divided by {other!r}.", mend="Divide them by comma, semicolon or tab."
                )
    return best, ways[best]


def _fields(header: str, delimiter: str) -> tuple[str, ...]:
    pattern = re.compile(rf'\s*"((?:[^"]|"")*)"\s*(?:{re.escape(delimiter)}|$)|([^{re.escape(delimiter)}]*)')
    fields, at = [], 0
    while at <= len(header):
        found = pattern.match(header, at)
        assert found is not None, "the second alternative matches anything"
        quoted, plain = found.groups()
        fields.append((quoted.replace('""', '"') if quoted is not None else plain).strip())
        at = found.end() + (quoted is None)
        if quoted is not None and not header[found.start() : found.end()].endswith(delimiter):
            break
    return tuple(fields)


# Parquet and Arrow -------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, *, max_rows: int) -> RawColumns:
    try:
        with parquet.ParquetFile(path, thrift_string_size_limit=1 << 24, thrift_container_size_limit=1 << 20) as file:
            _check_row_count(file.metadata.num_rows, max_rows)
            flat = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
            if len(flat) > MAXIMUM_COLUMNS or file.metadata.num_columns > MAXIMUM_COLUMNS:
                raise _too_much("columns")
            claimed = sum(
                file.metadata.row_group(group).column(column).total_uncompressed_size
                for group in range(file.metadata.num_row_groups)
                for column in range(file.metadata.num_columns)
            )
            if claimed > MAXIMUM_UNPACKED_BYTES:
                raise _too_much("bytes")
        # Text stays a dictionary until its longest value is known: a value of 1 MB may stand a million times.
        text = [name for name in flat if _is_text(file.schema_arrow.field(name).type)]
        with parquet.ParquetFile(path, read_dictionary=text) as file:
            table = file.read(columns=flat)
    except (pa.ArrowException, ValueError, OSError, KeyError):
        raise PopulationRejected("the file is broken, or no Parquet file.", mend="Export it again.") from None
    return _typed_columns(table)


def _read_arrow(path: Path, *, at: int, max_rows: int) -> RawColumns:
    table = read_bounded_stream(
        path, at=at, max_rows=max_rows, max_bytes=MAXIMUM_UNPACKED_BYTES, max_columns=MAXIMUM_COLUMNS
    )
    return _typed_columns(table)


def _typed_columns(table: pa.Table) -> RawColumns:
    numbers = np.arange(1, table.num_rows + 1, dtype=np.int64)
    try:
        columns = tuple(_decoded(column) for column in _whole_columns(table))
        return RawColumns(tuple(str(name) for name in table.column_names), columns, numbers, (), table.num_columns)
    except (pa.ArrowException, UnicodeDecodeError):
        raise PopulationRejected("a column's text is broken.", mend="Export the file again, in UTF-8.") from None


def _decoded(column: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    values = column.dictionary
    longest = pa.compute.max(pa.compute.binary_length(values)).as_py() if _is_text(values.type) else 0
    if (longest or 0) * len(column) > MAXIMUM_UNPACKED_BYTES:
        raise _too_much("bytes")
    return column.dictionary_decode()


def _whole_columns(table: pa.Table) -> tuple[pa.Array, ...]:
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()  # noqa: PLW2901
        columns.append(pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type))
    return tuple(columns)


def _without_empty_rows(raw: RawColumns) -> RawColumns:
    """Spreadsheets leave lines of nothing but separators behind; they are no one's rows."""
    filled = np.zeros(len(raw.row_numbers), np.bool_)
    for column in raw.columns:
        if filled.all():
            return raw
        here = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        if _is_text(column.type):
            here &= pa.compute.fill_null(pa.compute.binary_length(column), 0).to_numpy(zero_copy_only=False) > 0
        filled |= here
    if filled.all():
        return raw
    kept = pa.array(filled)
    columns = tuple(column.filter(kept) for column in raw.columns)
    return RawColumns(raw.names, columns, raw.row_numbers[filled], raw.misshapen, raw.fields)


def _is_text(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_binary(arrow_type)
        or pa.types.is_large_binary(arrow_type)
    )


def _too_much(what: str) -> PopulationRejected:
    return PopulationRejected(
        f"the file would unpack to more {what} than are allowed.",
        mend="Keep the columns that the order names, or divide the population over several orders.",
    )
