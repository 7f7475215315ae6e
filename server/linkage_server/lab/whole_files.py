"""Reads a plain file of the laboratory whole, or says what keeps it from being read.

No text of a reader's exception gets out: pyarrow's messages carry cell values.
"""

from __future__ import annotations

import gzip
from io import BufferedIOBase
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from linkage.errors import InputRefused

_HEAD_BYTES = 1 << 16
_OTHER_DELIMITERS = (b";", b"\t", b"|")


def read_table(path: Path) -> pa.Table:
    """Read a whole file: CSV with commas in UTF-8 (also .gz), Parquet or Arrow.

    Raises:
        InputRefused: it is not there, is of another format, or is broken; says which.
    """
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            return pq.read_table(path)
        if name.endswith((".arrow", ".feather", ".ipc")):
            return pyarrow.feather.read_table(path)
        if name.endswith((".csv", ".csv.gz")):
            return _read_csv(path)
    except FileNotFoundError:
        raise InputRefused(f"{path}: there is no such file.", mend="Check the path.") from None
    except (OSError, EOFError, pa.ArrowException):
        raise InputRefused(
            f"{path}: cannot be read, or is damaged.", mend="Check that you may read it, or make it again."
        ) from None
    raise InputRefused(f"{path}: unknown kind of file.", mend="Use .csv, .csv.gz, .parquet or .arrow.")


def _read_csv(path: Path) -> pa.Table:
    with _opened(path) as file:
        _refuse_head(file.read(_HEAD_BYTES), path)
    try:
        table = pyarrow.csv.read_csv(path)
    except pa.ArrowException:
        raise InputRefused(
            f"{path}: cannot be read as CSV: a row has more or fewer fields than the first line, or a quotation mark "
            "is not closed.",
            mend="Put a field that holds a comma in quotation marks, or export the file again.",
        ) from None
    # What is not UTF-8 becomes bytes, which no later step takes for text.
    if any(pa.types.is_binary(field.type) for field in table.schema):
        raise _not_utf8(path, _first_foreign_line(path))
    return table


def _opened(path: Path) -> BufferedIOBase:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _refuse_head(head: bytes, path: Path) -> None:
    if not head.strip():
        raise InputRefused(f"{path}: is empty.", mend="Export it again; the first line names the columns.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:2]:
        raise InputRefused(f"{path}: is written in UTF-16.", mend="Save it as CSV UTF-8.")
    names = head.split(b"\n", 1)[0]
    try:
        names.decode()
    except UnicodeDecodeError:
        raise _not_utf8(path, 1) from None
    if b"," not in names and (other := next((one for one in _OTHER_DELIMITERS if one in names), b"")):
        raise InputRefused(
            f"{path}: the columns are divided by {other.decode()!r}.",
            mend="Divide them by comma, and write numbers with a point for decimals.",
        )


def _first_foreign_line(path: Path) -> int:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    raise AssertionError("a column of bytes has some that are no UTF-8")


def _not_utf8(path: Path, line: int) -> InputRefused:
    return InputRefused(
        f"{path}, line {line}: is not written in UTF-8; most likely the file is in Windows-1252 (ANSI).",
        mend="Save it as CSV UTF-8.",
    )
