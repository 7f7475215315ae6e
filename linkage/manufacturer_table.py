"""Which company supplies which article in a month: the table that company secrecy is decided by.

A CSV file in the layout of the national product register (NPL): UTF-8, comma, one row a package, columns

    month          2026-10, the same in every row
    nplid          14 digits: the product
    nplpackid      14 digits: the package, each once
    varunr         6 digits: Nordic article number; may be empty
    atc            the product's ATC code; may be empty
    manufacturer   the company
    company_group  the group that it belongs to; empty for none. The column may be left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from linkage.errors import InputRefused
from linkage.free_text import refuse_identity_number

COLUMNS = ("month", "nplid", "nplpackid", "varunr", "atc", "manufacturer")
GROUP = "company_group"
LARGEST_BYTES = 256 << 20

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_FORMS = {
    "month": MONTH,
    "nplid": re.compile(r"\d{14}"),
    "nplpackid": re.compile(r"\d{14}"),
    "varunr": re.compile(r"(\d{6})?"),
    "atc": re.compile(r"([A-Z]\d\d[A-Z]{2}\d\d|[A-Z]\d\d[A-Z]{1,2}|[XYZ][0-9A-Z]{0,6})?"),
    "manufacturer": re.compile(r"[^\x00-\x1f\x7f]{1,200}"),
    GROUP: re.compile(r"[^\x00-\x1f\x7f]{0,200}"),
}
_MEND = "See the layout in docs/manual/disclosure.md."


@dataclass(frozen=True)
class ManufacturerTable:
    """The companies of one month.

    Attributes:
        month: such as "2026-10".
        sha256: of the file.
        companies: by ATC code, keys of the companies or company groups that supply an article of that code.
    """

    month: str
    sha256: str
    companies: Mapping[str, frozenset[str]]

    def of_codes(self, codes: Iterable[str]) -> frozenset[str]:
        """All companies that supply an article of one of these codes; none for codes that the table does not have."""
        return frozenset().union(*(self.companies.get(code, frozenset()) for code in codes))

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The ATC codes, in order."""
        return tuple(sorted(self.companies))


def company_key(name: str) -> str:
    """A name by which a company is compared: two spellings of one company must not count as two."""
    return " ".join(name.casefold().split())


def read_manufacturers(content: bytes, *, source: str, month: str = "") -> ManufacturerTable:
    """Read a table.

    Args:
        content: the file.
        source: its name, for refusals.
        month: the month that it must be of; any if empty.

    Raises:
        InputRefused: not in the layout, or of another month; names row and column.
    """
    if len(content) > LARGEST_BYTES:
        raise InputRefused(f"{source}: larger than a table of manufacturers can be.", mend=_MEND)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputRefused(f"{source}: not UTF-8 text.", mend="Save the file as UTF-8.") from None
    found: dict[str, set[str]] = defaultdict(set)
    months: set[str] = set()
    packages: set[str] = set()
    written: set[str] = set()
    for number, row in _rows(text, source):
        if row["nplpackid"] in packages:
            raise _wrong(source, number, "nplpackid", "the package stands in the table already")
        packages.add(row["nplpackid"])
        written |= {row["manufacturer"], row[GROUP]}
        months.add(row["month"])
        if len(months) > 1:
            raise _wrong(source, number, "month", "the table holds two months; a file is of one")
        if row["atc"]:
            found[row["atc"]].add(company_key(row[GROUP] or row["manufacturer"]))
    if not packages:
        raise InputRefused(f"{source}: the table has no rows.", mend=_MEND)
    own = months.pop()
    if month and own != month:
        raise InputRefused(
            f"{source}: the table is of {own}, and {month} was asked for.", mend=f"Load the table of {month}."
        )
    refuse_identity_number("\n".join(sorted(written)), what=f"{source}: a name of a company")
    companies = {code: frozenset(names) for code, names in found.items()}
    return ManufacturerTable(own, hashlib.sha256(content).hexdigest(), companies)


def _rows(text: str, source: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = tuple(reader.fieldnames or ())
        if header not in (COLUMNS, (*COLUMNS, GROUP)):
            raise InputRefused(
                f"{source}: wrong columns.", mend=f"Write on the first line: {','.join(COLUMNS)},{GROUP}."
            )
        for number, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise InputRefused(
                    f"{source}: row {number} has another number of fields than the first line.", mend=_MEND
                )
            row.setdefault(GROUP, "")
            for column, form in _FORMS.items():
                row[column] = row[column].strip()
                if not form.fullmatch(row[column]):
                    raise _wrong(source, number, column, "is not written as the layout says")
            yield number, row
    except csv.Error:
        raise InputRefused(f"{source}: is not CSV.", mend="Line ends are LF or CRLF, quotes in pairs.") from None


def _wrong(source: str, row: int, column: str, rule: str) -> InputRefused:
    return InputRefused(f"{source}: row {row}, column {column!r}: {rule}.", mend=_MEND)
