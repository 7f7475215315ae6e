"""Generated tables of manufacturers in NPL's layout: companies by ATC code, nobody's real product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

HEADER = "month,nplid,nplpackid,varunr,atc,manufacturer,company_group"


def table_text(companies: Mapping[str, Sequence[str]], *, month: str = "2024-12") -> str:
    """A table in which each company of a code has one package; "Company/Group" puts it into a group."""
    rows = [(code, *name.partition("/")[::2]) for code, names in companies.items() for name in names]
    lines = [
        f"{month},{20000101000000 + i},{20000101100000 + i},{100000 + i},{code},{company},{group}"
        for i, (code, company, group) in enumerate(rows)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def write_table(path: Path, companies: Mapping[str, Sequence[str]], *, month: str = "2024-12") -> Path:
    """The table as a file."""
    path.write_text(table_text(companies, month=month), encoding="utf-8")
    return path
