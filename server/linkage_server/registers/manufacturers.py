"""Tables of manufacturers on disk: one served for each month, every one that was ever loaded kept under its hash.

    definitions/manufacturers/lock, served.json    one writer; hash of the table that is served, by month
    definitions/manufacturers/SHA256.csv           the file as it was loaded; immutable

A run pins month and hash, and reads that file also when another was loaded for the month since.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from linkage.errors import InputRefused, NotFound, ServiceUnavailable
from linkage.manufacturer_table import LARGEST_BYTES, MONTH, ManufacturerTable, read_manufacturers
from linkage_server.registers.register_lock import register_lock
from linkage_server.storage.files import disk_refusals, write_atomically

MANUFACTURERS = "definitions/manufacturers"
"""Where the tables lie in a home folder."""


class _Served(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    months: dict[str, str] = {}


class ManufacturerStore:
    """The tables of one home folder.

    Args:
        folder: made when the first table is loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def served(self) -> dict[str, str]:
        """Hash of the table that is served, by month, in the order of the months."""
        try:
            content = (self._folder / "served.json").read_bytes()
        except FileNotFoundError:
            return {}
        return dict(sorted(_Served.model_validate_json(content).months.items()))

    def load(self, file: Path, *, month: str) -> ManufacturerTable:
        """Take a table in and serve it for its month, in place of one loaded before.

        Args:
            month: the month that the file must be of, such as "2026-10".

        Raises:
            InputRefused: not a month, or the file cannot be read, is not in the layout or is of another month.
            StateConflict: another program loads a table.
        """
        if not MONTH.fullmatch(month):
            raise InputRefused("the month is not written as 2026-10.", mend="Write year and month with a dash.")
        try:
            if file.stat().st_size > LARGEST_BYTES:
                raise InputRefused(f"{file}: larger than a table of manufacturers can be.", mend="Check the file.")
            content = file.read_bytes()
        except OSError:
            raise InputRefused(f"{file}: cannot be read.", mend="Check the path and its permissions.") from None
        table = read_manufacturers(content, source=file.name, month=month)
        with disk_refusals():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with register_lock(self._folder):
            write_atomically(self._folder / f"{table.sha256}.csv", content)
            served = _Served(months=self.served() | {month: table.sha256})
            write_atomically(self._folder / "served.json", served.model_dump_json(indent=1).encode() + b"\n")
        return table

    def read(self, sha256: str) -> ManufacturerTable:
        """A table by its hash.

        Raises:
            NotFound: none of that hash was loaded.
            ServiceUnavailable: its file is damaged.
        """
        path = self._folder / f"{sha256}.csv"
        if not sha256.isalnum() or not path.is_file():
            raise NotFound("there is no such table of manufacturers.", mend="Restore it from the latest backup.")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ServiceUnavailable(
                "a table of manufacturers is damaged: its content does not match its hash.",
                mend="Restore it from the latest backup.",
            )
        return read_manufacturers(content, source=path.name)
