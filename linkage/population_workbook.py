"""Reads the first sheet of an Excel workbook into columns of text and dates.

A workbook is a zip of XML: what it claims to unpack to is held against a limit before anything is unpacked, XML that
defines entities is refused, and the size a sheet says it has is not believed.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path

import pyarrow as pa

from linkage.errors import PopulationRejected

MAXIMUM_UNPACKED_BYTES = 1 << 30
MAXIMUM_PARTS = 2_000
MAXIMUM_COLUMNS = 256
_BROKEN = "the workbook is broken, or no Excel file."


def read_workbook(path: Path, *, identity_name: str, max_rows: int) -> tuple[tuple[str, ...], tuple[pa.Array, ...]]:
    """Names and columns of the first sheet; each column is text, or date32 where every filled cell is a date.

    Whole numbers in the identity column get their leading zeros back.

    Raises:
        PopulationRejected: it is broken, too large, or a cell holds a formula's error.
    """
    _check_container(path)
    import openpyxl

    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # Given a path, openpyxl judges by its ending.
            warnings.simplefilter("ignore")  # openpyxl warns of styles and validations it leaves out.
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            rows = sheet.iter_rows(max_col=MAXIMUM_COLUMNS, max_row=max_rows + 2, values_only=True)
            names = _header(next(rows, ()))
            if not names:
                raise PopulationRejected(
                    "the first row of the first sheet is empty.",
                    mend="Put the table on the first sheet, with the names of its columns in the first row.",
                )
            columns = _columns(rows, width=len(names), max_rows=max_rows)
            book.close()
    except PopulationRejected:
        raise
    except Exception:  # openpyxl lets errors of zip, XML, numbers and dates through, with the cell's text in them.
        raise PopulationRejected(_BROKEN, mend="Open it in Excel and save it again.") from None
    return names, tuple(
        _column(cells, is_identity=name.strip().casefold() == identity_name)
        for name, cells in zip(names, columns, strict=True)
    )


def _check_container(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as container:
            parts = container.infolist()
            if len(parts) > MAXIMUM_PARTS or sum(part.file_size for part in parts) > MAXIMUM_UNPACKED_BYTES:
                raise PopulationRejected(
                    f"the workbook would unpack to more than {MAXIMUM_UNPACKED_BYTES:,} bytes.",
                    mend="Copy the columns that the order names to a new workbook, or save them as CSV.",
                )
            if "xl/workbook.xml" not in container.namelist():
                raise PopulationRejected(
                    "the file is a zip, but no Excel workbook.", mend="Unpack it and give the file itself."
                )
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with container.open(part) as opened:
                        if b"<!" in opened.read(4096).replace(b"<!--", b""):
                            raise PopulationRejected(_BROKEN, mend="Open it in Excel and save it again.")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError):
        raise PopulationRejected(_BROKEN, mend="Open it in Excel and save it again.") from None


def _header(cells: tuple[object, ...]) -> tuple[str, ...]:
    names = ["" if cell is None else str(cell) for cell in cells]
    while names and not names[-1].strip():
        names.pop()
    return tuple(names)


def _columns(rows: Iterator[tuple[object, ...]], *, width: int, max_rows: int) -> list[list[object]]:
    columns: list[list[object]] = [[] for _ in range(width)]
    for count, row in enumerate(rows):
        if count >= max_rows:
            raise PopulationRejected(
                f"the sheet has more than {max_rows:,} rows.", mend="Divide the population over several orders."
            )
        if any(cell is not None for cell in row[width:]):
            raise PopulationRejected(
                f"row {count + 2} has a cell to the right of the last named column.",
                mend="Name the column in the first row, or clear the cell.",
            )
        for place in range(width):
            columns[place].append(row[place] if place < len(row) else None)
    return columns


def _column(cells: list[object], *, is_identity: bool) -> pa.Array:
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, datetime) and cell.time() == time(0) for cell in filled):
        return pa.array([cell.date() if isinstance(cell, datetime) else None for cell in cells], pa.date32())
    return pa.array([_text(cell, is_identity=is_identity) for cell in cells], pa.string())


def _text(cell: object, *, is_identity: bool) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if is_identity and isinstance(cell, int) and 0 <= cell < 10**10:
        return f"{cell:010d}"
    if isinstance(cell, datetime) and cell.time() == time(0):
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, date) else str(cell)
