"""The join and its kernels agree with the obvious reference for any register and population."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.events import HASHED_ID, NO_DATE, NumberHistory, Population, join_ids, split_ids
from linkage_core.join import join_events
from linkage_core.kernels.hashed_id_index import build_directory, probe_rows, walk_rows
from linkage_core.kernels.hashed_id_join import merge_by_day
from linkage_core.kernels.hashed_id_sort import sort_order
from tests.reference.join import merged_order, places_of, rows_by_person, slices_of, sorted_order
from tests.support.partitions import ids, partition, person

SCHEMA = pa.schema(
    {
        "day": pa.date32(),
        "atc": pa.dictionary(pa.uint16(), pa.string()),
        "causes": pa.list_(pa.dictionary(pa.uint16(), pa.string())),
        "packages": pa.int32(),
    }
)
NUMBERS = st.integers(0, 12)
CODES = st.sampled_from(["A10BA02", "C10AA05", "-", "BLANKED"])
ROWS = st.fixed_dictionaries(
    {
        "day": st.none() | st.integers(-3, 9).map(lambda day: date(2024, 1, 4) + timedelta(days=day)),
        "atc": st.none() | CODES,
        "causes": st.none() | st.lists(st.none() | CODES, max_size=3),
        "packages": st.none() | st.integers(-200, 200),
    }
)
SEGMENTS = st.lists(st.lists(st.tuples(NUMBERS.map(person), ROWS), max_size=12), max_size=4)
WORDS = st.integers(0, 4) | st.integers(0, 2**64 - 1)
IDS = st.lists(st.tuples(WORDS, WORDS), max_size=60)


@st.composite
def changes(draw: st.DrawFn) -> dict[bytes, bytes]:
    """Changes from lower to higher numbers only, so that none leads round in a circle."""
    pairs = draw(st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda pair: pair[0] < pair[1]), max_size=6))
    return {person(old): person(new) for old, new in pairs}


@settings(max_examples=200, deadline=None)
@given(segments=SEGMENTS, population=st.sets(NUMBERS), history=changes(), threads=st.integers(1, 3))
def test_join_agrees_with_the_reference(
    segments: list[list[tuple[bytes, dict[str, object]]]],
    population: set[int],
    history: dict[bytes, bytes],
    threads: int,
) -> None:
    persons = Population(ids(sorted(population)))
    events = join_events(
        persons,
        [partition(lines, SCHEMA) for lines in segments],
        history=NumberHistory(pa.array(list(history), HASHED_ID), pa.array(list(history.values()), HASHED_ID)),
        threads=threads,
    )
    expected = rows_by_person(persons.hashed_ids.to_pylist(), segments, changes=history)
    rows = events.rows.to_pylist()
    assert [rows[first:last] for first, last in zip(events.offsets, events.offsets[1:], strict=False)] == expected
    assert events.found.tolist() == [bool(mine) for mine in expected]
    assert events.person_of_row.tolist() == [at for at, mine in enumerate(expected) for _ in mine]


@given(keys=IDS, probes=IDS, rows=st.integers(0, 2**32 - 1), stretch=st.integers(0, 60), data=st.data())
@example(keys=[(0, 0), (2**64 - 1, 0)], probes=[(5, 5)], rows=1, stretch=0, data=None)
@example(keys=[(0, low) for low in range(9)], probes=[(0, 7), (0, 7), (0, 8)], rows=9, stretch=7, data=None)
@example(
    keys=[(0, low) for low in range(0, 60, 2)] + [(2**64 - 1, 0)],
    probes=[(0, low) for low in range(60)],
    rows=7,
    stretch=0,
    data=None,
)
def test_directory_and_walk_find_the_rows_that_a_dictionary_finds(
    keys: list[tuple[int, int]], probes: list[tuple[int, int]], rows: int, stretch: int, data: st.DataObject | None
) -> None:
    ordered = sorted(set(keys))
    high, low = (np.array([key[word] for key in ordered], np.uint64) for word in (0, 1))
    offsets = np.linspace(0, rows, len(ordered) + 1).astype(np.uint32)
    hidden = sorted(data.draw(st.sets(st.integers(0, len(ordered) - 1), max_size=3))) if data and ordered else []
    asked = sorted(probes + ordered[:stretch])
    asked_high, asked_low = (np.array([key[word] for key in asked], np.uint64) for word in (0, 1))
    places = [-1 if at in hidden else at for at in places_of(ordered, asked)]
    expected = [(first if count else 0, count) for first, count in slices_of(places, offsets.tolist())]
    persons = (offsets, rows, np.array(hidden, np.int64))
    directory = build_directory(high, low)
    for backwards in (False, True):
        order = slice(None, None, -1 if backwards else 1)
        words = asked_high[order].copy(), asked_low[order].copy()
        assert runs_of(probe_rows(high, low, directory, *persons, *words)) == expected[order]
    assert runs_of(walk_rows(high, low, *persons, asked_high, asked_low)) == expected
    before = sum(key < asked[0] for key in ordered) if asked else 0
    assert runs_of(walk_rows(high, low, *persons, asked_high, asked_low, before)) == expected


def runs_of(found: tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], int]) -> list[tuple[int, int]]:
    """First row and number of rows of each id, where the number of those with any is right."""
    starts, counts, with_rows = found
    assert with_rows == np.count_nonzero(counts)
    return list(zip(np.where(counts, starts, 0).tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("damaged", [[0, 9, 2, 3], [0, 1, 2, 9], [0, 1, 3, 2]])
@pytest.mark.parametrize("persons", [3, 12])
def test_damaged_offsets_and_directories_are_refused(damaged: list[int], persons: int) -> None:
    high, low = np.arange(persons, dtype=np.uint64) << np.uint64(60), np.zeros(persons, np.uint64)
    offsets = np.array([*range(persons - 3), *(persons - 3 + place for place in damaged)], np.uint32)
    directory, nobody = build_directory(high, low), np.empty(0, np.int64)
    with pytest.raises(EventsRejected, match="offsets"):
        probe_rows(high, low, directory, offsets, persons, nobody, high, low)
    with pytest.raises(EventsRejected, match="offsets"):
        walk_rows(high, low, offsets, persons, nobody, high, low)
    with pytest.raises(EventsRejected, match="offsets"):
        walk_rows(high, low, offsets[1:], persons, nobody, high, low)
    whole = np.arange(persons + 1, dtype=np.uint32)
    with pytest.raises(EventsRejected, match="directory"):
        probe_rows(high, low, directory[::-1].copy(), whole, persons, nobody, high, low)
    with pytest.raises(EventsRejected, match="order"):
        walk_rows(high, low, whole, persons, nobody, high[::-1].copy(), low)


@given(lines=st.lists(st.tuples(WORDS, WORDS, st.integers(-(2**31), 2**31 - 1) | st.integers(0, 2)), max_size=80))
def test_sort_agrees_with_pythons(lines: list[tuple[int, int, int]]) -> None:
    high, low = (np.array([line[word] for line in lines], np.uint64) for word in (0, 1))
    days = np.array([line[2] for line in lines], np.int32)
    assert sort_order(high, low, days).tolist() == sorted_order(lines)


@pytest.mark.parametrize("days_span", [2, 1000, 2**31])
def test_many_rows_are_sorted_whatever_room_their_days_leave(days_span: int) -> None:
    random, rows = np.random.default_rng(1), 1 << 17
    high = random.integers(0, 2**64, rows, np.uint64)
    high[: rows // 2] = high[rows // 2 :]
    low, days = random.integers(0, 2, rows, np.uint64), random.integers(-days_span, days_span, rows).astype(np.int32)
    days[::7] = NO_DATE
    assert np.array_equal(sort_order(high, low, days), np.lexsort((days, low, high)))


@given(persons=st.lists(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=4), max_size=5))
def test_merge_is_a_stable_sort_of_each_persons_slices(persons: list[list[list[int]]]) -> None:
    slices = [sorted(days) for one in persons for days in one]
    ends = np.cumsum([len(days) for days in slices], dtype=np.int64)
    starts = ends - np.array([len(days) for days in slices], np.int64)
    days = np.array([day for part in slices for day in part], np.int32)
    of_person = np.cumsum([0, *(len(one) for one in persons)], dtype=np.int64)
    order = merge_by_day(days, starts, ends, of_person)
    assert order.tolist() == merged_order([[sorted(days) for days in one] for one in persons])


@given(words=st.lists(st.binary(min_size=16, max_size=16)), start=st.integers(0, 3))
def test_split_ids_keep_byte_order_and_come_back(words: list[bytes], start: int) -> None:
    column = pa.array(words, HASHED_ID).slice(start)
    high, low = split_ids(column)
    assert np.lexsort((low, high)).tolist() == sorted(range(len(column)), key=column.to_pylist().__getitem__)
    assert join_ids(high, low).equals(column)
