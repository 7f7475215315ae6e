"""Open a delivered file of any accepted kind and read it as record batches, a bounded piece at a time.

What a file is follows from its first bytes, not from its name. No exception of a foreign library gets out: a file that
cannot be read is a `DeliveryRejected` that names the file and the mend, and none of its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from zlib import error as zlib_error

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import DeliveryRejected

ROWS_PER_BATCH = 131_072

SAS_MAGIC = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Some rows of a delivered file, as delivered.

    Attributes:
        rows: the columns asked for, under the names the file gives them.
        row_numbers: int64, ascending: 1 is the first row after the header; blank lines do not count.
        share_read: how much of the file has been read, 0 to 1.
    """

    rows: pa.RecordBatch
    row_numbers: npt.NDArray[np.int64]
    share_read: float


class DeliveryFile(Protocol):
    """One delivered file, opened.

    Attributes:
        path: where it lies.
        column_names: as the file writes them, in its order.
        damaged_rows: numbers of rows that could not be parsed, known up to the batch read last.
    """

    path: Path
    column_names: tuple[str, ...]
    damaged_rows: list[int]

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """Read `columns` from the first row to the last."""
        ...


def open_delivery_file(
    path: Path, *, encoding: Literal["utf-8", "latin-1"] = "utf-8", delimiter: str | None = None
) -> DeliveryFile:
    """Find out what kind of file it is and read its header.

    Raises:
        DeliveryRejected: missing, empty, of no accepted kind, or damaged.
    """
    from linkage_server.registers.columnar_reader import ArrowFile, ParquetFile
    from linkage_server.registers.sas_reader import SasFile
    from linkage_server.registers.text_reader import TextFile

    start = _first_bytes(path)
    with refusing_unreadable(path):
        if start.startswith(b"PAR1"):
            return ParquetFile(path)
        if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            return ArrowFile(path, streamed=not start.startswith(b"ARROW1"))
        if start[12:32] == SAS_MAGIC:
            return SasFile(path)
        if start.startswith(b"PK\x03\x04"):
            raise DeliveryRejected(
                f"{path.name} is a zip archive or a spreadsheet.", mend="Unpack it, or save it as CSV or Parquet."
            )
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DeliveryRejected(f"{path.name} is UTF-16 text.", mend="Save it as UTF-8.")
        return TextFile(path, gzipped=start.startswith(b"\x1f\x8b"), encoding=encoding, delimiter=delimiter)


@contextmanager
def refusing_unreadable(path: Path) -> Iterator[None]:
    """Turn whatever a foreign reader raises into one refusal; its text may hold values and stays inside."""
    try:
        yield
    except DeliveryRejected:
        raise
    except UnicodeError:
        raise _not_utf8(path) from None
    except (pa.ArrowException, OSError, EOFError, ValueError, OverflowError, zlib_error) as error:
        text = str(error)
        if "utf8" in text.lower().replace("-", ""):
            raise _not_utf8(path) from None
        if "straddling" in text:
            raise row_too_long(path) from None
        raise DeliveryRejected(
            f"{path.name} is damaged, cut short or not of the kind it claims to be.",
            mend="Transfer the file again and compare checksums with the sender.",
        ) from None


def row_too_long(path: Path) -> DeliveryRejected:
    """The refusal of a text file whose rows run into each other."""
    return DeliveryRejected(
        f"{path.name} holds a row that is too long to be one, or a quotation mark that is never closed.",
        mend="Check the quoting and the line ends.",
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        raise DeliveryRejected(f"{path.name} cannot be opened.", mend="Check the path and its permissions.") from None
    if not start:
        raise DeliveryRejected(f"{path.name} is empty.", mend="Transfer the file again.")
    return start


def _not_utf8(path: Path) -> DeliveryRejected:
    return DeliveryRejected(
        f"{path.name} is not UTF-8 text.",
        mend="Save it as UTF-8; for CSV, encoding = 'latin-1' can be declared in the register's [delivery] table.",
    )
