"""Open a delivered file of any accepted kind and read it as record batches, a bounded piece at a time.

What a file is follows from its first bytes, not from its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from linkage.errors import DeliveryRejected
from linkage_server.registers.columnar_reader import ArrowFile, ParquetFile
from linkage_server.registers.delivery_file import DeliveryFile, refusing_unreadable
from linkage_server.registers.sas_reader import SasFile
from linkage_server.registers.text_reader import TextFile

SAS_MAGIC = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")


def open_delivery_file(
    path: Path, *, encoding: Literal["utf-8", "latin-1"] = "utf-8", delimiter: str | None = None
) -> DeliveryFile:
    """Find out what kind of file it is and read its header.

    Raises:
        DeliveryRejected: missing, empty, of no accepted kind, or damaged.
    """
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


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        raise DeliveryRejected(f"{path.name} cannot be opened.", mend="Check the path and its permissions.") from None
    if not start:
        raise DeliveryRejected(f"{path.name} is empty.", mend="Transfer the file again.")
    return start
