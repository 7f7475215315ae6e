"""Columns that the manual says are found are found."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from linkage_server.lab.plain_files import with_concepts

PAGE = (Path(__file__).parents[2] / "docs" / "manual" / "laboratory.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Columns of registers")[2].partition("\n## ")[0]
_LINES = re.findall(r"^\| (`.+`) \| (\w+) \| (.+) \|$", SECTION, re.MULTILINE)


def _cases() -> list[tuple[str, str, str]]:
    cases = []
    for words, register, columns in _LINES:
        concepts, names = re.findall(r"`(\w+)`", words), columns.split(", ")
        pairs = zip(concepts, names, strict=True) if len(concepts) > 1 else [(concepts[0], name) for name in names]
        cases += [(concept, "lmed" if register in ("every", "any") else register, name) for concept, name in pairs]
    return cases


@pytest.mark.parametrize(("concept", "register", "column"), _cases())
def test_a_column_is_found_by_the_names_that_the_manual_tells(concept, register, column):
    columns = {column.upper(): pa.array([None], pa.string())}
    if concept != "person":
        columns["person"] = pa.array(["p1"])
    found = with_concepts(pa.table(columns), register=register, told={}, file_name="rows.csv")
    assert concept in found.column_names


def test_the_table_has_lines():
    assert len(_cases()) > 20
