"""The long table as CSV, described by a CSVW metadata file beside it.

A number that is not there is written `NA`: R, pandas and Arrow read it as missing, and a spreadsheet shows two letters
where an empty cell would count as 0. CSVW's `null` says the same to other readers.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from linkage.released_table import AS_OF, NUMBER_COLUMNS, TOTAL, ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery_file import DeliveryFile
from linkage_server.release.wording import MEASURES, STATISTICS, STATUSES

NOT_THERE = "NA"
# A spreadsheet runs a cell that begins so. An apostrophe in front makes it text; one that stands there already is
# doubled, so that a reader takes away exactly one. See tests/security/test_formula_injection.py.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def csv_files(released: ReleasedTable, context: ReleaseContext) -> list[DeliveryFile]:
    """`table.csv` with its metadata, `missing.csv` for persons without a value, and `rows.csv`: what rows were."""
    metadata = json.dumps(_metadata(released, context), ensure_ascii=False, indent=2) + "\n"
    files = [
        DeliveryFile(
            "table.csv", "text/csv; charset=utf-8; header=present", csv_text(released).encode(), _rows(released)
        ),
        DeliveryFile("table.csv-metadata.json", "application/csvm+json", metadata.encode()),
    ]
    return [*files, *_missing_values(released), *_row_shares(released)]


def csv_text(released: ReleasedTable, *, rows: int | None = None) -> str:
    """The table as CSV text (RFC 4180), of at most `rows` lines."""
    names = released.table.column_names
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    for line in released.table.slice(0, rows).to_pylist():
        writer.writerow([_number(line[name]) if name in NUMBER_COLUMNS else as_text(line[name]) for name in names])
    return text.getvalue()


def as_text(word: str) -> str:
    """A word that no spreadsheet takes for a formula."""
    return f"'{word}" if word.startswith(_DANGEROUS) else word


def _missing_values(released: ReleasedTable) -> list[DeliveryFile]:
    if not released.missing:
        return []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["indicator", "parameters", "reason", "persons"])
    for one in released.missing:
        writer.writerow(
            [*(as_text(word) for word in (one.indicator, one.parameters, one.reason)), _number(one.persons)]
        )
    kind = "text/csv; charset=utf-8; header=present"
    return [DeliveryFile("missing.csv", kind, text.getvalue().encode(), len(released.missing))]


def _row_shares(released: ReleasedTable) -> list[DeliveryFile]:
    if not released.row_shares:
        return []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["indicator", "parameters", "question", "part", "per_cent"])
    for one in released.row_shares:
        words = (one.indicator, one.parameters, one.question, one.part)
        writer.writerow([*(as_text(word) for word in words), _number(one.per_cent)])
    kind = "text/csv; charset=utf-8; header=present"
    return [DeliveryFile("rows.csv", kind, text.getvalue().encode(), len(released.row_shares))]


def _number(value: float | None) -> str:
    if value is None:
        return NOT_THERE
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _rows(released: ReleasedTable) -> int:
    return int(released.table.num_rows)


def _metadata(released: ReleasedTable, context: ReleaseContext) -> dict[str, Any]:
    described = {
        "indicator": ("Indicator", "Identifier of the indicator in its set."),
        "parameters": ("Parameters", "Point of a parameter grid, for instance within_days=90; empty without a grid."),
        "period": ("Period", f"Month, quarter or year the line is about; {TOTAL} for all."),
        "statistic": ("Statistic", "; ".join(f"{code}: {words}" for code, words in STATISTICS.items())),
        "status": ("Status", "; ".join(f"{code.value}: {words}" for code, words in STATUSES.items())),
        "reason": ("Reason", "Why a line is not complete, in one word; empty for complete lines."),
        AS_OF: ("As of", "The release whose persons the line counts; empty where it is kept back."),
        **{name: (words, "") for name, words in MEASURES.items()},
        **{
            one.name: (context.stratum_title(one.name), f"Stratum; {TOTAL} where the line is not broken down by it.")
            for one in released.dimensions
        },
    }
    columns = [_column(name, *described[name]) for name in released.table.column_names]
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": "table.csv",
        "dc:title": context.title,
        "dc:identifier": context.order,
        "dialect": {
            "delimiter": ",",
            "quoteChar": '"',
            "header": True,
            "encoding": "utf-8",
            "lineTerminators": ["\r\n"],
        },
        "tableSchema": {"columns": columns, "primaryKey": released.keys},
    }


def _column(name: str, title: str, description: str) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "titles": [name, title] if title != name else name}
    if description:
        column["dc:description"] = description
    if name in NUMBER_COLUMNS:
        return column | {"datatype": "integer" if name == "denominator" else "double", "null": NOT_THERE}
    # An empty word is a word here, not a missing one.
    return column | {"datatype": "string", "null": []}
