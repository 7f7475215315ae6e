"""The table that leaves: long, one line a statistic and cell, nothing in it that has to be kept back.

    indicator  parameters  period  <one column a stratum>  statistic
    value  lower  upper  numerator  denominator  person_time  status  reason  [as_of]

`as_of` is there where earlier releases of the same table were looked at: the release whose persons the line counts.
A stratum a line is not broken down by holds `TOTAL`. In a line that is kept back every number is null, never 0.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from linkage.errors import DisclosureRefused, InputRefused
from linkage.parquet_bytes import read_parquet
from linkage.release_manifest import FileEntry, Manifest, verify_release

__all__ = [
    "AS_OF",
    "NOT_RECORDED",
    "NUMBER_COLUMNS",
    "RELEASED_COLUMNS",
    "TIME_STRATA",
    "TOTAL",
    "FileEntry",
    "LineStatus",
    "Manifest",
    "MissingValue",
    "ReleasedDimension",
    "ReleasedTable",
    "RowShare",
    "verify_release",
]

TOTAL = "total"
"""Code of a stratum's total."""

TIME_STRATA = ("index_month", "index_quarter", "index_year", "month", "quarter", "year")
"""Strata whose levels are periods, in the order in which the `period` column looks for them."""

NOT_RECORDED = "not_recorded"
"""Code of rows that hold no value of the variable a line is split by."""

_WORDS_BEFORE = ("indicator", "parameters", "period")
NUMBER_COLUMNS = {
    "value": pa.float64(),
    "lower": pa.float64(),
    "upper": pa.float64(),
    "numerator": pa.float64(),
    "denominator": pa.int64(),
    "person_time": pa.float64(),
}
"""Columns that hold numbers. Numerators may be sums such as DDD, hence float; person_time is in person-years."""

RELEASED_COLUMNS = (*_WORDS_BEFORE, "statistic", *NUMBER_COLUMNS, "status", "reason")
"""Columns of every released table; the strata stand between `period` and `statistic`."""

AS_OF = "as_of"
"""Column of the release whose persons a line counts; empty where it is kept back."""

_METADATA_KEY = b"linkage_dimensions"


class LineStatus(StrEnum):
    """What may be read out of a line."""

    OK = "ok"
    # Kept back to protect persons. Cells too small and cells kept back for their sake look alike.
    SUPPRESSED = "suppressed"
    # The observation window reaches past the last complete month: the number will still change.
    INCOMPLETE = "incomplete"
    # There is no such number: nobody to count over, or a quantile in a bin without an end or below all of the curve.
    UNDEFINED = "undefined"


_HIDDEN = {
    LineStatus.SUPPRESSED: tuple(NUMBER_COLUMNS),
    LineStatus.UNDEFINED: ("value", "lower", "upper"),
}
QUANTILE = "quantile"
"""The statistic whose limits are the ends of a bin; one without a value has the only end of a bin without the other."""


@dataclass(frozen=True, slots=True)
class ReleasedDimension:
    """One stratum.

    Args:
        name: its column.
        levels: codes in display order, without the total.
        multi_response: one person may stand under several levels, so levels do not add up to the total.
    """

    name: str
    levels: tuple[str, ...]
    multi_response: bool = False


@dataclass(frozen=True, slots=True)
class MissingValue:
    """How many persons had no value in an indicator, for one reason; `persons` is None where that is kept back."""

    indicator: str
    parameters: str
    reason: str
    persons: int | None


@dataclass(frozen=True, slots=True)
class RowShare:
    """Which share of the rows behind an indicator one part has; `per_cent` is None where that is kept back.

    Args:
        parameters: the points that it is told of; "" for all.
        question: `supply`, by the step that told the days of supply; `cap`, whether these were cut; `reversed_rows`,
            whether a reversed row finds what it cancels; `drug_use`, whether a row is part of a drug use period;
            `ddd`, whether the number of DDD is known.
    """

    indicator: str
    parameters: str
    question: str
    part: str
    per_cent: int | None


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """What a delivery holds.

    Args:
        table: columns and types as `schema_of(dimensions)` says.
        dimensions: the strata.
        notes: remarks for the reader, in words.
        missing: why persons had no value.
        row_shares: what the rows behind each indicator were.

    Raises:
        InputRefused: a column is missing or of another type, or a line stands twice.
        DisclosureRefused: a line that should be kept back carries a number.
    """

    table: pa.Table
    dimensions: tuple[ReleasedDimension, ...]
    notes: tuple[str, ...] = ()
    missing: tuple[MissingValue, ...] = ()
    row_shares: tuple[RowShare, ...] = ()

    def __post_init__(self) -> None:
        _check(self.table, self.dimensions)

    @property
    def keys(self) -> list[str]:
        """Columns that together name one line."""
        return [*_WORDS_BEFORE, *(dimension.name for dimension in self.dimensions), "statistic"]

    def crossings(self) -> list[tuple[str, ...]]:
        """The largest sets of strata that some line is broken down by, in the order of `dimensions`."""
        names = [dimension.name for dimension in self.dimensions]
        used = {tuple(n for n in names if line[n] != TOTAL) for line in self.table.select(names).to_pylist()}
        largest = [one for one in used if not any(set(one) < set(other) for other in used)]
        return sorted(largest, key=lambda crossing: [names.index(name) for name in crossing])

    def to_parquet(self, *, metadata: dict[str, str] | None = None) -> bytes:
        """The same bytes for the same table, dimensions, notes and `metadata`."""
        own = {
            "dimensions": [asdict(one) for one in self.dimensions],
            "notes": list(self.notes),
            "missing": [asdict(one) for one in self.missing],
            "row_shares": [asdict(one) for one in self.row_shares],
        }
        texts = {_METADATA_KEY.decode(): json.dumps(own, ensure_ascii=False, sort_keys=True), **(metadata or {})}
        file = io.BytesIO()
        pq.write_table(
            self.table.combine_chunks().replace_schema_metadata(dict(sorted(texts.items()))), file, compression="zstd"
        )
        return file.getvalue()

    @classmethod
    def from_parquet(cls, source: Path | bytes) -> ReleasedTable:
        """Read what `to_parquet` gave; `InputRefused` if it is not that."""
        try:
            table = read_parquet(source if isinstance(source, bytes) else source.read_bytes())
            own = json.loads((table.schema.metadata or {})[_METADATA_KEY])
            dimensions = tuple(
                ReleasedDimension(d["name"], tuple(d["levels"]), d["multi_response"]) for d in own["dimensions"]
            )
            missing = tuple(MissingValue(**one) for one in own["missing"])
            # Tables that were released before rows were told have none.
            row_shares = tuple(RowShare(**one) for one in own.get("row_shares", ()))
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException):
            raise InputRefused("this is not a released table.", mend="Name the table.parquet of a delivery.") from None
        return cls(table.replace_schema_metadata(None), dimensions, tuple(own["notes"]), missing, row_shares)


def schema_of(dimensions: Sequence[ReleasedDimension], *, as_of: bool = False) -> pa.Schema:
    """The Arrow schema of a released table with these strata; `as_of` where earlier releases were looked at."""
    words = [*_WORDS_BEFORE, *(dimension.name for dimension in dimensions), "statistic"]
    fields = [(name, pa.string()) for name in words] + list(NUMBER_COLUMNS.items())
    beside_earlier = [(AS_OF, pa.string())] if as_of else []
    return pa.schema([*fields, ("status", pa.string()), ("reason", pa.string()), *beside_earlier])


def _check(table: pa.Table, dimensions: Sequence[ReleasedDimension]) -> None:
    expected = schema_of(dimensions, as_of=AS_OF in table.column_names)
    if not table.schema.equals(expected):
        raise InputRefused(
            f"a released table has the columns {expected.names} and no others, each of its own type.",
            mend="Build it from a protected table with release().",
        )
    for name in expected.names:
        if name not in NUMBER_COLUMNS and table[name].null_count:
            raise InputRefused(f"column {name!r} of a released table has no value in some line.")
    unknown = set(table["status"].unique().to_pylist()) - set(LineStatus)
    if unknown:
        raise InputRefused("a released table has a status that is not agreed.", mend=f"Use one of {list(LineStatus)}.")
    for status, hidden in _HIDDEN.items():
        lines = table.filter(pc.equal(table["status"], status.value))
        for name in hidden:
            told = pc.is_valid(lines[name])
            if status is LineStatus.UNDEFINED and name != "value":
                told = pc.and_(told, pc.not_equal(lines["statistic"], QUANTILE))
            if pc.any(told).as_py():
                raise DisclosureRefused(f"a line with status {status.value!r} carries a number in column {name!r}.")
    words = [*_WORDS_BEFORE, *(dimension.name for dimension in dimensions), "statistic"]
    if table.group_by(words).aggregate([]).num_rows != table.num_rows:
        raise InputRefused("two lines of a released table state the same thing.")
