"""The table as a workbook for people: a sheet that explains, the long table, and the definitions.

No text can become a formula or a link, and the file holds no time, author or path: the same table gives the same bytes.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from linkage.released_table import NUMBER_COLUMNS, LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery_file import DeliveryFile
from linkage_server.release.wording import MEASURES, PROTECTED_SYMBOL, STATISTICS, STATUSES

_NEVER = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
_MOST_ROWS = 1_048_575  # of a sheet, less the header


def xlsx_files(released: ReleasedTable, context: ReleaseContext) -> list[DeliveryFile]:
    """`table.xlsx`; nothing if the table has more lines than a sheet can hold."""
    if released.table.num_rows > _MOST_ROWS:
        return []
    file = io.BytesIO()
    workbook = xlsxwriter.Workbook(file, _SAFE)
    workbook.set_properties({"title": context.title, "created": _NEVER})
    _explain(workbook, context)
    _long_table(workbook, released, context)
    _definitions(workbook, context)
    workbook.close()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return [DeliveryFile("table.xlsx", kind, file.getvalue(), released.table.num_rows)]


def _explain(workbook: Any, context: ReleaseContext) -> None:
    sheet = workbook.add_worksheet("Read me")
    title, bold, plain = _formats(workbook)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 100)
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, context.title, title)
    lines = [
        ("Purpose", context.purpose),
        ("Order", context.order),
        *((r.title.en, f"snapshot {r.entry.snapshot}, complete until {r.entry.data_until}") for r in context.registers),
        *(("Indicator set", f"{one.id} {one.version}, SHA-256 {one.sha256}") for one in context.indicator_sets),
        ("Disclosure policy", f"{context.policy.id} {context.policy.version}. {context.policy_text.en}"),
        *([("Inhabitants", f"table {context.inhabitants}")] if context.inhabitants else []),
        ("Found in the registers", context.match_rate_band),
        *context.population,
        ("Software", f"register-linkage {context.software_version}"),
        ("", ""),
        (PROTECTED_SYMBOL, STATUSES[LineStatus.SUPPRESSED]),
        *((f"status {status.value}", words) for status, words in STATUSES.items()),
        *((f"statistic {code}", words) for code, words in STATISTICS.items()),
        *((name, words) for name, words in MEASURES.items()),
    ]
    for row, (name, words) in enumerate(lines, 2):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, words, plain)


def _long_table(workbook: Any, released: ReleasedTable, context: ReleaseContext) -> None:
    sheet = workbook.add_worksheet("Table")
    names = released.table.column_names
    header = workbook.add_format({"bold": True, "bottom": 1, "quote_prefix": True})
    text = workbook.add_format({"quote_prefix": True})
    hidden = workbook.add_format({"align": "right", "font_color": "#6b7785"})
    numbers = {
        "whole": workbook.add_format({"num_format": "#,##0"}),
        "share": workbook.add_format({"num_format": "0.0%"}),
    }
    other = workbook.add_format({"num_format": "#,##0.0###"})
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, header)
        if name in {dimension.name for dimension in released.dimensions}:
            sheet.write_comment(0, column, context.stratum_title(name), {"visible": False, "author": ""})
    for row, line in enumerate(released.table.to_pylist(), 1):
        is_share = line["statistic"] == "share"
        for column, name in enumerate(names):
            value = line[name]
            if name not in NUMBER_COLUMNS:
                sheet.write_string(row, column, value, text)
            elif value is None:
                # A blank cell counts as 0 in a formula; these two marks do not.
                mark = PROTECTED_SYMBOL if line["status"] == LineStatus.SUPPRESSED else "–"
                sheet.write_string(row, column, mark, hidden)
            else:
                in_per_cent = is_share and name in {"value", "lower", "upper"}
                kind = numbers["share"] if in_per_cent else numbers["whole"] if float(value).is_integer() else other
                sheet.write_number(row, column, value, kind)
    sheet.autofilter(0, 0, max(1, released.table.num_rows), len(names) - 1)
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, 2, 22)
    sheet.set_column(3, len(names) - 1, 14)


def _definitions(workbook: Any, context: ReleaseContext) -> None:
    sheet = workbook.add_worksheet("Definitions")
    _, bold, plain = _formats(workbook)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 4, 48)
    for column, name in enumerate(("indicator", "title", "definition", "titel", "definition (sv)", "fixed", "source")):
        sheet.write_string(0, column, name, bold)
    for row, one in enumerate(context.indicators, 1):
        fixed = "; ".join(f"{name}: {words}" for name, words in one.facts)
        cells = (one.id, one.title.en, one.definition.en, one.title.sv, one.definition.sv, fixed, one.source)
        for column, words in enumerate(cells):
            sheet.write_string(row, column, words, plain)


def _formats(workbook: Any) -> tuple[Any, Any, Any]:
    """Title, bold and plain; each keeps a text a text when the sheet is edited."""
    return (
        workbook.add_format({"bold": True, "font_size": 16}),
        workbook.add_format({"bold": True, "valign": "top", "quote_prefix": True}),
        workbook.add_format({"text_wrap": True, "valign": "top", "quote_prefix": True}),
    )
