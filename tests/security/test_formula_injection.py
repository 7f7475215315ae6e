"""A name in a table must not become a formula in anybody's spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from linkage.released_table import ReleasedDimension, ReleasedTable
from linkage_server.release.csv_file import as_text, csv_files
from linkage_server.release.px import px_files
from linkage_server.release.report import report_files
from linkage_server.release.xlsx import xlsx_files
from tests.support.released_example import DIMENSIONS, HOSPITALS, example_context, example_table

ATTACKS = (
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "'=1+1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "$x^2$",
)


def attacked(name: str) -> ReleasedTable:
    """The example with one hospital renamed."""
    table = example_table().table
    renamed = pc.if_else(pc.equal(table["hospital"], HOSPITALS[0]), name, table["hospital"])
    table = table.set_column(table.column_names.index("hospital"), "hospital", renamed.cast(pa.string()))
    hospitals = ReleasedDimension("hospital", (name, *HOSPITALS[1:]))
    return ReleasedTable(table, (hospitals, *DIMENSIONS[1:]))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_the_csv_starts_like_a_formula(attack: str) -> None:
    text = csv_files(attacked(attack), example_context())[0].content.decode()
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    for line in lines:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line.values())
    names = {line["hospital"] for line in lines}
    assert as_text(attack) in names
    # A reader takes exactly one apostrophe away, and has the name again.
    assert attack in {name.removeprefix("'") for name in names}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_workbook_holds_no_formula_and_no_link(attack: str) -> None:
    content = xlsx_files(attacked(attack), example_context(title=attack.strip()))[0].content
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) >= 3
        assert not any("<f>" in sheet or "<hyperlink" in sheet for sheet in sheets)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_report_shows_a_name_and_does_not_run_it(attack: str) -> None:
    html = report_files(attacked(attack), example_context(title=attack))[0].content.decode()
    assert "<script" not in html
    assert "<img" not in html
    assert "onerror=alert(1)>" not in html.replace("&gt;", "")


def test_a_name_cannot_end_a_keyword_of_a_px_file() -> None:
    text = px_files(attacked('x";DATA=1 2 3;\r\nNOTE="y'), example_context())[0].content.decode()
    unquoted = re.sub(r'"[^"]*"', "", text)
    assert unquoted.count("DATA=") == 1
    assert unquoted.count("NOTE=") == 1
    assert unquoted.count('"') == 0
