"""What every kind of delivered file is read as: batches of raw rows, and one refusal for all that cannot be read.

No exception of a foreign library gets out: a file that cannot be read is a `DeliveryRejected` that names the file and
the mend, and none of its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zlib import error as zlib_error

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import DeliveryRejected

ROWS_PER_BATCH = 131_072


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


def _not_utf8(path: Path) -> DeliveryRejected:
    return DeliveryRejected(
        f"{path.name} is not UTF-8 text.",
        mend="Save it as UTF-8; for CSV, encoding = 'latin-1' can be declared in the register's [delivery] table.",
    )
