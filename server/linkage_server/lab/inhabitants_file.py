"""Reads a plain table of inhabitants for the laboratory and finds its columns by the names in common use."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from linkage.errors import InputRefused
from linkage_core.rates import Inhabitants, inhabitants_of
from linkage_server.lab.inputs import sex_words
from linkage_server.lab.whole_files import read_table

_NAMES = {
    "year": ("year", "ar", "år"),
    "quarter": ("quarter", "kvartal"),
    "month": ("month", "manad", "månad"),
    "sex": ("sex", "kon", "kön"),
    "age": ("age_group", "age", "aldersgrupp", "åldersgrupp"),
    "persons": ("persons", "population", "inhabitants", "mean_population", "medelfolkmangd", "medelfolkmängd"),
}


def read_inhabitants(path: Path) -> Inhabitants:
    """Read the file: year, quarter or month, persons, and as wished sex, age group and other strata.

    Raises:
        InputRefused: it is not as needed; names the column.
    """
    return inhabitants_of(inhabitants_table(path))


def inhabitants_table(path: Path) -> pa.Table:
    """The file as a table with the columns that `inhabitants_of` reads.

    Raises:
        InputRefused: it cannot be read, or a sex is neither of the two.
    """
    table = read_table(path)
    by_lower = {name.lower(): name for name in table.column_names}
    for concept, names in _NAMES.items():
        found = next((by_lower[name] for name in names if name in by_lower), None)
        if found is not None:
            place = table.column_names.index(found)
            table = table.rename_columns(
                [concept if at == place else name for at, name in enumerate(table.column_names)]
            )
    if "sex" in table.column_names:
        words = sex_words(table["sex"])
        if any(word is None for word in words):
            raise InputRefused(f"{path.name}: column 'sex' holds neither man nor woman.", mend="Write M and F.")
        table = table.set_column(table.column_names.index("sex"), "sex", pa.array(words, pa.string()))
    return table
