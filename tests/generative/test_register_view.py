"""A view of a register gives, for any filter, what the plain reference gives and then filters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.events import HASHED_ID, NumberHistory, Population, RegisterPartition
from linkage_core.narrow_columns import logical_schema, narrow_rows, widen_rows
from linkage_core.register_view import RegisterView
from linkage_core.row_filter import RowFilter
from tests.reference.join import Row, rows_by_person
from tests.support.partitions import ids, partition, person

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("atc", pa.dictionary(pa.uint16(), pa.string())),
        pa.field("causes", pa.list_(pa.dictionary(pa.uint16(), pa.string()))),
        pa.field("reason", pa.string()),
        pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
        pa.field("cost", pa.int64()),
        pa.field("share", pa.float64()),
        pa.field("is_dose", pa.bool_()),
    ]
)
NUMBERS = st.integers(0, 12)
CODES = st.sampled_from(["A10BA02", "C10AA05", "-", "BLANKED"])
ROWS = st.fixed_dictionaries(
    {
        "day": st.none() | st.integers(-3, 9).map(lambda day: date(2024, 1, 4) + timedelta(days=day)),
        "atc": st.none() | CODES,
        "causes": st.none() | st.lists(st.none() | CODES, max_size=3),
        "reason": st.none() | CODES,
        "packages": st.none() | st.integers(-200, 200) | st.integers(-(2**31), 2**31 - 1),
        "cost": st.none() | st.integers(0, 300) | st.integers(-(2**62), 2**62),
        "share": st.none() | st.floats(0, 1),
        "is_dose": st.none() | st.booleans(),
    }
)
LINES = st.lists(st.tuples(NUMBERS.map(person), ROWS), max_size=12)
SEGMENTS = st.lists(st.tuples(LINES, st.booleans()), max_size=9)
Lines = list[tuple[bytes, Row]]


@st.composite
def changes(draw: st.DrawFn) -> dict[bytes, bytes]:
    """Changes from lower to higher numbers only, so that none leads round in a circle."""
    pairs = draw(st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda pair: pair[0] < pair[1]), max_size=4))
    return {person(old): person(new) for old, new in pairs}


def as_stored(lines: Lines, *, hidden: set[bytes], narrow: bool) -> RegisterPartition:
    """A segment of these lines, narrowed or as older stores wrote it, which hides some persons."""
    plain = partition(lines, SCHEMA)
    erased = np.array([at for at, who in enumerate(sorted({who for who, _ in lines})) if who in hidden], np.int64)
    return replace(plain, rows=narrow_rows(plain.rows) if narrow else plain.rows, hidden=erased)


def passes(row: Row, column: str | None, wanted: set[str]) -> bool:
    if column is None:
        return True
    value: Any = row[column]
    return bool(wanted.intersection(value if isinstance(value, list) else [value]))


@dataclass(frozen=True)
class Case:
    """A register, who is erased, whose numbers changed, who is asked for, and which rows matter."""

    segments: list[tuple[Lines, bool]]
    hidden: set[bytes]
    history: dict[bytes, bytes]
    population: set[int]
    column: str | None
    wanted: set[str]


CASES = st.builds(
    Case,
    segments=SEGMENTS,
    hidden=st.sets(NUMBERS.map(person), max_size=3),
    history=changes(),
    population=st.sets(NUMBERS),
    column=st.none() | st.sampled_from(["atc", "causes", "reason"]),
    wanted=st.sets(CODES),
)


@settings(max_examples=200, deadline=None)
@given(case=CASES, cut=st.integers(0, 13), threads=st.integers(1, 3))
def test_a_filtered_view_of_any_block_agrees_with_filtering_the_reference(case: Case, cut: int, threads: int) -> None:
    view = RegisterView(
        [as_stored(lines, hidden=case.hidden, narrow=narrow) for lines, narrow in case.segments],
        history=NumberHistory(
            pa.array(list(case.history), HASHED_ID), pa.array(list(case.history.values()), HASHED_ID)
        ),
        keep=None if case.column is None else RowFilter(case.column, case.wanted.__contains__),
    )
    visible = [[(who, row) for who, row in lines if who not in case.hidden] for lines, _ in case.segments]
    asked = sorted(case.population)
    for block in (asked[:cut], asked[cut:]):
        persons = Population(ids(block))
        events = view.events(persons, threads=threads)
        every = rows_by_person(persons.hashed_ids.to_pylist(), visible, changes=case.history)
        kept = [[row for row in mine if passes(row, case.column, case.wanted)] for mine in every]
        events.rows.validate(full=True)
        rows = events.rows.to_pylist()
        assert [rows[first:last] for first, last in itertools.pairwise(events.offsets)] == kept
        assert events.found.tolist() == [bool(mine) for mine in every]
        assert events.with_rows.tolist() == [person for person, mine in enumerate(kept) if mine]
        assert events.touched.rows == sum(map(len, every))
        if case.column != "atc":
            assert events.kept_codes is None
        elif case.segments:
            assert events.kept_codes is not None
            name, one_a_text = events.kept_codes
            texts = events.rows.column(name).dictionary.to_pylist()
            assert {row[name] for row in rows} <= {
                text for text, is_kept in zip(texts, one_a_text, strict=True) if is_kept
            }
            assert one_a_text.tolist() == [text in case.wanted for text in texts]
        if case.segments:
            assert {field.name: field.type for field in events.rows.schema} == TYPES
            assert events.rows.schema.field("packages").metadata == {b"scale": b"100"}


TYPES = {
    "day": pa.date32(),
    "atc": pa.dictionary(pa.int32(), pa.string()),
    "causes": pa.list_(pa.dictionary(pa.int32(), pa.string())),
    "reason": pa.string(),
    "packages": pa.int32(),
    "cost": pa.int64(),
    "share": pa.float64(),
    "is_dose": pa.bool_(),
}


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(ROWS, max_size=20), start=st.integers(0, 4), taken=st.lists(st.integers(0, 19)))
def test_narrowed_columns_come_back_as_they_were(rows: list[Row], start: int, taken: list[int]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(min(start, len(rows)))
    narrowed = narrow_rows(batch)
    narrowed.validate(full=True)
    assert logical_schema(narrowed.schema) == logical_schema(SCHEMA)
    assert widen_rows(narrowed).to_pylist() == batch.to_pylist()
    assert widen_rows(narrowed).schema == logical_schema(SCHEMA)
    places = pa.array([place for place in taken if place < len(batch)], pa.int64())
    assert widen_rows(narrowed.take(places)).to_pylist() == batch.take(places).to_pylist()


@given(rows=st.lists(ROWS, max_size=20), before=st.lists(ROWS, max_size=3))
def test_equal_rows_are_narrowed_to_equal_bytes(rows: list[Row], before: list[Row]) -> None:
    alone = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).select(["day", "packages", "cost"])
    within = pa.RecordBatch.from_pylist(before + rows, schema=SCHEMA).select(["day", "packages", "cost"])
    assert file_of(narrow_rows(alone)) == file_of(narrow_rows(within.slice(len(before))))


def file_of(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
