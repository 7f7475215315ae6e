"""What every line of an order says that goes on with a series: counted anew, what it said before, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.orders.evidence import Evidence
from linkage_client.certificate_check.orders.lines import (
    NUMBERS,
    REASONS,
    WORDS,
    ExpectedLine,
    Key,
    ReadLines,
    check_line,
    expected_lines,
)
from linkage_client.certificate_check.orders.series import BLANK, Series
from linkage_client.certificate_check.said import Said

_AS_OF = "as_of"
_SUPPRESSED = "suppressed"


def check_lines_again(evidence: Evidence, series: Series, before: pa.Table, now: Said) -> ReadLines:
    """Check every line of the table as it leaves.

    A line is counted anew if each of its cells is known of this release and somebody moved in one of them, blank if one
    of them is; every other line says what it said before, number for number.

    Args:
        evidence: of the newest release, its blanks what this does not tell.
        series: the releases.
        before: the lines of the one that is said again.
        now: what the newest says of each cell.

    Raises:
        CheckFailed: names the line.
    """
    strata, own = list(evidence.plan["columns"]), series.releases[-1]
    words = [*WORDS, *strata, "statistic"]
    names = [*words, *NUMBERS, "status", "reason", _AS_OF]
    if evidence.table.column_names != names:
        raise CheckFailed(f"table.parquet: has not the columns {names}")
    said = {_key(row, words): row for row in _before(before, series, names)}
    expected: dict[Key, ExpectedLine] = {}
    for words_of, one in expected_lines(evidence, strata):
        expected.setdefault(words_of, one)
    rows = evidence.table.to_pylist()
    seen, anew = set[Key](), 0
    apart: dict[str, int] = {}
    for number, row in enumerate(rows):
        key, where = _key(row, words), f"table.parquet, row {number}"
        if key in seen:
            raise CheckFailed(f"{where}: stands twice")
        seen.add(key)
        if row["reason"] not in REASONS.get(row["status"], ()):
            raise CheckFailed(f"{where}: status and reason do not fit together")
        line = expected.get(key)
        if line is not None and _is_anew(line, now, series, said.get(key)):
            if row[_AS_OF] != own:
                raise CheckFailed(f"{where}: is not of this release, though all that it needs is known of it")
            check_line(where, row, line)
            anew += 1
        elif key not in said:
            raise CheckFailed(f"{where}: is a line that the order does not have, or must not tell of yet")
        elif line is not None and line.closed and any(now.as_of[cell] == BLANK for cell in line.persons):
            if row["status"] != _SUPPRESSED or row[_AS_OF] or any(row[name] is not None for name in NUMBERS):
                raise CheckFailed(f"{where}: tells something though a cell of it is blank")
        elif row != said[key]:
            raise CheckFailed(f"{where}: does not say again what it said before")
        elif line is None and row["status"] != _SUPPRESSED:
            apart[row["statistic"]] = apart.get(row["statistic"], 0) + 1
    lacking = said.keys() - seen
    lacking |= {key for key, line in expected.items() if key not in seen and not line.closed}
    if lacking:
        raise CheckFailed(f"table.parquet: the line {min(lacking)} is missing")
    unnamed = {row[_AS_OF] for row in rows} - {*series.releases, ""}
    blank = sum(row["status"] == _SUPPRESSED for row in rows)
    return ReadLines(len(rows), blank, apart, anew, tuple(sorted(unnamed)))


def check_remarks_again(series: Series, remarks: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Check that who had no value, and what rows were, is told as before.

    Raises:
        CheckFailed: it is not.
    """
    for name in ("missing", "row_shares"):
        if remarks.get(name, []) != before.get(name, []):
            raise CheckFailed(f"table.parquet: {name!r} is not told as in {series.releases[-2]}")


def _is_anew(line: ExpectedLine, now: Said, series: Series, before: Mapping[str, Any] | None) -> bool:
    """Whether a line has to be counted anew: all it needs is known, and it is not what was told already."""
    if line.closed:
        return False
    still = all(now.as_of[cell] < len(series.releases) - 1 for cell in line.persons)
    return not (still and before is not None and before["status"] != _SUPPRESSED)


def _before(table: pa.Table, series: Series, names: Sequence[str]) -> list[dict[str, Any]]:
    """The lines of the release that is said again, each with the release that it is of."""
    if table.column_names not in (list(names), [name for name in names if name != _AS_OF]):
        raise CheckFailed("before.parquet: has other columns than the table")
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row.setdefault(_AS_OF, "" if row["status"] == _SUPPRESSED else series.releases[-2])
    return rows


def _key(row: Mapping[str, Any], words: Sequence[str]) -> Key:
    return tuple(row[word] for word in words)
