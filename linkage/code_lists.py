"""Lists of codes with their titles: the few that may be shipped, and those the register holder adds."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import pyarrow as pa

from linkage.code_systems import code_system_names
from linkage.errors import DefinitionRejected

COLUMNS = ("code", "title_sv", "title_en")


@dataclass(frozen=True, slots=True)
class ListedCode:
    """One code of a list."""

    code: str
    title_sv: str
    title_en: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """The codes of one system, by code."""

    code_system: str
    codes: Mapping[str, ListedCode]

    def as_arrow(self) -> pa.StringArray:
        """The codes alone."""
        return pa.array(list(self.codes), pa.string())


def load_code_lists(folder: Path | None = None) -> dict[str, CodeList]:
    """The shipped lists and the holder's own by code system; a list of the holder replaces a shipped one.

    Raises:
        DefinitionRejected: a file's name is no code system, or its columns or rows are wrong; names file and row.
    """
    lists = dict(_shipped())
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.csv")):
            try:
                text = path.read_text(encoding="utf-8-sig")
            except (UnicodeDecodeError, OSError):
                raise DefinitionRejected(f"{path.name} cannot be read as UTF-8.", mend="Save it as UTF-8.") from None
            lists[path.stem] = _parse(text, code_system=path.stem, file_name=path.name)
    return lists


@cache
def _shipped() -> Mapping[str, CodeList]:
    folder = resources.files("linkage") / "definitions" / "codes"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".csv")), key=lambda file: file.name)
    return {
        (system := file.name.removesuffix(".csv")): _parse(
            file.read_text(encoding="utf-8"), code_system=system, file_name=file.name
        )
        for file in files
    }


def _parse(text: str, *, code_system: str, file_name: str) -> CodeList:
    if code_system not in code_system_names():
        raise DefinitionRejected(
            f"{file_name}: {code_system!r} is not a code system.", mend=f"Known: {', '.join(code_system_names())}."
        )
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error:
        raise DefinitionRejected(
            f"{file_name}: is not CSV.", mend="Line ends are LF or CRLF, quotes in pairs."
        ) from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DefinitionRejected(f"{file_name}: wrong columns.", mend=f"Write {', '.join(COLUMNS)} on the first line.")
    codes: dict[str, ListedCode] = {}
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(COLUMNS) or not row[0] or row[0] in codes:
            raise DefinitionRejected(
                f"{file_name}, row {number}: not three fields, or a code that is empty or there twice.",
                mend="Mend the row.",
            )
        codes[row[0]] = ListedCode(*row)
    return CodeList(code_system, codes)
