"""The population file: what an orderer hands in, checked row by row before anything leaves the house.

A file has a column `personnummer`, an `index_date` where the order asks for one, and the order's strata.
`check_population` finds every bad row at once, each with its row, column, rule and mend, and never repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import PopulationRejected
from linkage.free_text import find_identity_number
from linkage.iso_dates import read_iso_dates
from linkage.personal_identity_number import (
    CheckedNumbers,
    NumberKind,
    NumberProblem,
    birth_date_of,
    check_numbers,
)
from linkage.population_problems import Fault, PopulationProblem, PopulationProblems
from linkage.population_readers import MAXIMUM_ROWS, read_columns
from linkage.written_columns import Flags, Whole, fixed_bytes, null_rows

__all__ = [
    "CheckedPopulation",
    "PopulationCheck",
    "PopulationFile",
    "PopulationLayout",
    "PopulationProblem",
    "PopulationProblems",
    "check_population",
    "check_rows",
    "layout_of",
    "read_population",
]

IDENTITY_COLUMN = "personnummer"
INDEX_DATE_COLUMN = "index_date"
MAXIMUM_LEVEL_CHARACTERS = 100

_PLAIN_NAME = re.compile(r"[^\W\d][\w .-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class CheckedPopulation:
    """A population without a fault: what is sealed and sent.

    Args:
        identity: binary; twelve digits, or the text of a reserve or interim number that nobody can link.
        index_date: date32 without nulls, or None where the order has none.
        strata: one dictionary of strings each; null where the field was empty.
        reference_date: the day that resolved ten-digit numbers.
    """

    identity: pa.BinaryArray
    index_date: pa.Date32Array | None
    strata: dict[str, pa.DictionaryArray]
    reference_date: date


@dataclass(frozen=True, slots=True)
class PopulationFile:
    """A population file as it was written; names in lower case.

    Args:
        columns: one array each, all of one length.
        row_numbers: where each row stands in the file; the header of a CSV file or a sheet is row 1.
        misshapen: row numbers with too few or too many fields, and how many they have.
        fields: how many fields a row should have.
        reference_date: resolves ten-digit numbers.
    """

    columns: dict[str, pa.Array]
    row_numbers: npt.NDArray[np.int64]
    misshapen: tuple[tuple[int, int], ...]
    fields: int
    reference_date: date

    def __len__(self) -> int:
        return len(self.row_numbers)


@dataclass(frozen=True, slots=True)
class PopulationLayout:
    """What an order asks of its population file.

    Args:
        index_date_required: every row must have an index date; without it the column is not sent.
        strata: columns that tables are broken down by.
        reference_date: resolves ten-digit numbers; nobody is born after it.
        index_date_range: first and last index date allowed; up to the reference date where None.
        max_levels: most values a stratum may have.
        max_rows: most rows a file may have.
    """

    index_date_required: bool
    strata: tuple[str, ...]
    reference_date: date
    index_date_range: tuple[date, date] | None = None
    max_levels: int = 1000
    max_rows: int = MAXIMUM_ROWS


@dataclass(frozen=True, slots=True)
class PopulationCheck:
    """What a check found.

    Args:
        rows: rows that were read, misshapen ones included.
        problems: every fault, by row.
        kinds: rows by kind of number.
        merged: rows that repeat another row exactly and are sent once.
        ignored_columns: columns of the file that the order does not name; they are not sent.
        population: what can be sealed; None unless the file is clean.
    """

    rows: int
    problems: PopulationProblems
    kinds: dict[NumberKind, int]
    merged: int
    ignored_columns: tuple[str, ...]
    population: CheckedPopulation | None = field(repr=False)

    @property
    def clean(self) -> bool:
        """Whether the file can be sent as it is."""
        return not self.problems


def check_population(path: Path, *, layout: PopulationLayout) -> PopulationCheck:
    """Read a population file and find every fault in it.

    Raises:
        PopulationRejected: the file as a whole cannot be read as a population: its format, its columns or its size.
    """
    file = read_population(path, reference_date=layout.reference_date, max_rows=layout.max_rows)
    return check_rows(file, layout=layout)


def read_population(path: Path, *, reference_date: date | None = None, max_rows: int = MAXIMUM_ROWS) -> PopulationFile:
    """Read a CSV, Parquet, Arrow or XLSX file with a `personnummer` column.

    Args:
        path: the file; its format is told by its content.
        reference_date: resolves ten-digit numbers; the day the file was last changed where None.
        max_rows: most rows it may have.

    Raises:
        PopulationRejected: it cannot be read, a column stands twice, or there is no `personnummer` or no row.
    """
    path = Path(path)
    raw = read_columns(path, identity_name=IDENTITY_COLUMN, max_rows=max_rows)
    names = [name.strip().casefold() for name in raw.names]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise PopulationRejected(
                f"{_shown(name, place)} stands twice, as column {names.index(name) + 1} and column {place + 1}.",
                mend="Keep one of them, or give the other another name.",
            )
    if IDENTITY_COLUMN not in names:
        raise PopulationRejected(
            f"the file has no column {IDENTITY_COLUMN!r}; it has {_all_shown(names)}.",
            mend=f"The first row must name the columns; call that of the identity numbers {IDENTITY_COLUMN!r}.",
        )
    if not len(raw.row_numbers) and not raw.misshapen:
        raise PopulationRejected("the file has a header but no row.", mend="Export it again with its rows.")
    if reference_date is None:
        reference_date = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    columns = dict(zip(names, raw.columns, strict=True))
    return PopulationFile(columns, raw.row_numbers, raw.misshapen, raw.fields, reference_date)


def layout_of(file: PopulationFile) -> PopulationLayout:
    """The layout a file has by itself: its index dates, if any, and every other column a stratum."""
    return PopulationLayout(
        index_date_required=INDEX_DATE_COLUMN in file.columns,
        strata=tuple(name for name in file.columns if name not in (IDENTITY_COLUMN, INDEX_DATE_COLUMN)),
        reference_date=file.reference_date,
    )


def check_rows(file: PopulationFile, *, layout: PopulationLayout) -> PopulationCheck:
    """Find every fault of a file that was read.

    Raises:
        PopulationRejected: a column that the layout names is missing.
    """
    wanted = [IDENTITY_COLUMN, *([INDEX_DATE_COLUMN] if layout.index_date_required else []), *layout.strata]
    missing = [name for name in wanted if name not in file.columns]
    if missing:
        raise PopulationRejected(
            f"the file has no column {', '.join(repr(name) for name in missing)}; it has {_all_shown(file.columns)}.",
            mend="Add it, or change the order; names are compared without regard to upper and lower case.",
        )
    numbers = check_numbers(file.columns[IDENTITY_COLUMN], reference_date=layout.reference_date)
    faults = [*_misshapen_rows(file), *_number_faults(file, numbers)]
    index_date = None
    if layout.index_date_required:
        index_date, found = _check_index_dates(file, numbers, layout)
        faults += found
    strata = {}
    for name in layout.strata:
        strata[name], found = _check_stratum(file, name, layout)
        faults += found
    kept, found = _check_duplicates(file, numbers, index_date, strata)
    problems = PopulationProblems([*faults, *found])
    population = None
    if not problems:
        population = CheckedPopulation(
            identity=_identity(file.columns[IDENTITY_COLUMN], numbers).take(kept),
            index_date=None if index_date is None else index_date.take(kept),
            strata={name: column.take(kept) for name, column in strata.items()},
            reference_date=layout.reference_date,
        )
    by_kind = np.bincount(numbers.kinds, minlength=len(NumberKind))
    return PopulationCheck(
        rows=len(file) + len(file.misshapen),
        problems=problems,
        kinds={kind: int(by_kind[kind]) for kind in NumberKind},
        merged=len(file) - len(kept) if population is not None else 0,
        ignored_columns=tuple(_shown(name, place) for place, name in enumerate(file.columns) if name not in wanted),
        population=population,
    )


def _misshapen_rows(file: PopulationFile) -> Iterator[Fault]:
    for fields in sorted({fields for _, fields in file.misshapen}):
        yield Fault(
            np.array([row for row, had in file.misshapen if had == fields], np.int64),
            "",
            f"has {fields} fields where the header has {file.fields}",
            "Put a field that holds the delimiter in quotation marks, or remove what is too much.",
        )


def _number_faults(file: PopulationFile, numbers: CheckedNumbers) -> Iterator[Fault]:
    for problem in NumberProblem:
        if problem is not NumberProblem.OK:
            rows = file.row_numbers[numbers.problems == problem]
            yield Fault(rows, IDENTITY_COLUMN, problem.rule, problem.mend)
    if not numbers.linkable.any():
        yield _of_whole_column(
            IDENTITY_COLUMN, "holds no number that can be linked", "Check that it holds identity numbers."
        )


def _of_whole_column(column: str, rule: str, mend: str) -> Fault:
    return Fault(np.zeros(1, np.int64), column, rule, mend)


def _check_index_dates(
    file: PopulationFile, numbers: CheckedNumbers, layout: PopulationLayout
) -> tuple[pa.Date32Array, list[Fault]]:
    dates, empty, unreadable = read_iso_dates(file.columns[INDEX_DATE_COLUMN])
    days = dates.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
    birth = birth_date_of(numbers.canonical).cast(pa.int32())
    born = birth.fill_null(np.iinfo(np.int32).min).to_numpy(zero_copy_only=False)
    first, last = layout.index_date_range or (date.min, layout.reference_date)
    present = ~empty & ~unreadable
    before, after = (days < (first - _EPOCH).days) & present, (days > (last - _EPOCH).days) & present
    rules = (
        (empty, "is empty", "Fill in the date, as YYYY-MM-DD, or remove the row."),
        (unreadable, "is not an ISO date", "Write YYYY-MM-DD, for instance 2024-03-31."),
        (before, f"lies before {first}, the first date allowed", "Correct the date, or remove the row."),
        (after, f"lies after {last}, the last date allowed", "Correct the date, or remove the row."),
        (present & ~before & ~after & (days < born), "lies before the person's birth", "Correct date or number."),
    )
    return dates, [Fault(file.row_numbers[broken], INDEX_DATE_COLUMN, rule, mend) for broken, rule, mend in rules]


def _check_stratum(file: PopulationFile, name: str, layout: PopulationLayout) -> tuple[pa.DictionaryArray, list[Fault]]:
    column = file.columns[name]
    try:
        text = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
    except pa.ArrowException:
        raise PopulationRejected(
            f"column {name!r} is of a type that cannot be a stratum.", mend="Give it as text or whole numbers."
        ) from None
    text = pc.utf8_trim_whitespace(text)
    text = pc.if_else(pc.equal(text, ""), None, text)
    encoded: pa.DictionaryArray = text.dictionary_encode()
    levels = encoded.dictionary
    if len(levels) > layout.max_levels:
        rule = f"has {len(levels):,} different values; at most {layout.max_levels:,} are allowed"
        return encoded, [_of_whole_column(name, rule, "Group the values, or leave the column out of the order.")]
    identities = check_numbers(levels, reference_date=layout.reference_date).linkable
    # Also within other text: the service refuses such a level as well.
    identities = identities | np.array(
        [find_identity_number(level) is not None for level in levels.to_pylist()], np.bool_
    )
    unprintable = np.array([bool(_CONTROL.search(level)) for level in levels.to_pylist()], np.bool_)
    too_long = pc.greater(pc.utf8_length(levels), MAXIMUM_LEVEL_CHARACTERS).to_numpy(zero_copy_only=False)
    rules = (
        (
            identities,
            "holds what looks like an identity number",
            "Remove it: values of a stratum are printed in tables.",
        ),
        (unprintable, "holds a control character", "Write the value in plain text."),
        (too_long, f"is longer than {MAXIMUM_LEVEL_CHARACTERS} characters", "Shorten the value."),
    )
    indices = encoded.indices.fill_null(len(levels)).to_numpy(zero_copy_only=False)
    return encoded, [
        Fault(file.row_numbers[np.append(broken, False)[indices]], name, rule, mend) for broken, rule, mend in rules
    ]


def _check_duplicates(
    file: PopulationFile,
    numbers: CheckedNumbers,
    index_date: pa.Date32Array | None,
    strata: dict[str, pa.DictionaryArray],
) -> tuple[pa.Array, list[Fault]]:
    """Rows to send (the first of each person), and the rows of a person that do not agree."""
    linkable = np.flatnonzero(numbers.linkable)
    values = _as_numbers(numbers.canonical)[linkable]
    order = np.argsort(values, kind="stable")
    again = np.flatnonzero(values[order][1:] == values[order][:-1]) + 1
    if not len(again):
        return pa.array(np.arange(len(file))), []
    starts = np.ones(len(order), np.bool_)
    starts[again] = False
    group = np.cumsum(starts) - 1
    first = linkable[order[np.flatnonzero(starts)[group[again]]]]
    later = linkable[order[again]]
    compared = {} if index_date is None else {INDEX_DATE_COLUMN: index_date.cast(pa.int32())}
    compared |= {name: column.indices for name, column in strata.items()}
    differing = np.zeros((len(compared), len(again)), np.bool_)
    for place, column in enumerate(compared.values()):
        codes = column.fill_null(np.iinfo(np.int32).min).to_numpy(zero_copy_only=False)
        differing[place] = codes[first] != codes[later]
    faults = []
    patterns = (np.int64(1) << np.arange(len(compared))) @ differing.astype(np.int64)
    for pattern in np.unique(patterns).tolist():  # At most one for each choice of columns.
        if pattern:
            rows = np.flatnonzero(patterns == pattern)
            faults.append(
                Fault(
                    file.row_numbers[later[rows]],
                    " and ".join(name for place, name in enumerate(compared) if pattern >> place & 1),
                    "differs from that of row {other}, which has the same number",
                    "Keep one row a person, or make the rows alike.",
                    file.row_numbers[first[rows]],
                )
            )
    return pa.array(np.delete(np.arange(len(file)), later)), faults


def _as_numbers(canonical: pa.FixedSizeBinaryArray) -> Whole:
    digits = fixed_bytes(canonical)
    values = np.zeros(len(canonical), np.int64)
    for place in range(12):
        values = values * 10 + digits[:, place]
    return values


def _identity(column: pa.Array, numbers: CheckedNumbers) -> pa.BinaryArray:
    linkable: Flags = ~null_rows(numbers.canonical)
    canonical = numbers.canonical.cast(pa.binary())
    if linkable.all():
        return canonical
    return pc.if_else(pa.array(linkable), canonical, column.cast(pa.string()).cast(pa.binary()))


def _shown(name: str, place: int) -> str:
    """A column's name if it is surely one: a file without a header has identity numbers where names should be."""
    if _PLAIN_NAME.fullmatch(name) and sum(character.isdigit() for character in name) < 6:
        return repr(name)
    return f"column {place + 1}"


def _all_shown(names: list[str] | dict[str, pa.Array]) -> str:
    shown = [_shown(name, place) for place, name in enumerate(names)]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
