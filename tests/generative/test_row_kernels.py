"""Finding, testing and fetching rows of a segment agree with the reference, and lead nowhere outside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.gather_rows import gather_listed, gather_runs, gather_validity, renumber
from linkage_core.kernels.hashed_id_join import list_rows, select_rows
from tests.reference.join import fetched, kept_rows, slices_of

COUNTS = st.lists(st.integers(0, 9), max_size=60)
WIDTHS = st.sampled_from([np.uint8, np.uint16, np.uint32])


def found_in(persons: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-1, persons - 1), max_size=90)


@given(counts=COUNTS, data=st.data())
def test_rows_of_the_persons_found_are_listed(counts: list[int], data: st.DataObject) -> None:
    slices = slices_of(data.draw(found_in(len(counts))), np.cumsum([0, *counts]).tolist())
    starts, lengths = (np.array([part[at] for part in slices], np.uint32) for at in (0, 1))
    assert list_rows(starts, lengths).tolist() == [row for first, rows in slices for row in range(first, first + rows)]


@given(
    counts=COUNTS | st.lists(st.integers(0, 90), max_size=20),
    width=WIDTHS,
    texts=st.integers(1, 300),
    start=st.integers(0, 9),
    data=st.data(),
)
def test_rows_with_a_wanted_code_are_kept(
    counts: list[int], width: type, texts: int, start: int, data: st.DataObject
) -> None:
    texts = min(texts, np.iinfo(width).max)
    offsets = np.cumsum([0, *counts])
    some = st.none() | st.integers(0, texts - 1)
    codes = data.draw(st.lists(some, min_size=int(offsets[-1]), max_size=int(offsets[-1])))
    wanted = data.draw(st.sets(st.integers(0, texts - 1)))
    column = pa.array([None] * start + codes, pa.from_numpy_dtype(width)).slice(start)
    everybody = st.just(list(range(len(counts))))
    slices = slices_of(data.draw(everybody | found_in(len(counts))), offsets.tolist())
    starts, lengths = (np.array([part[at] for part in slices], np.uint32) for at in (0, 1))
    table = np.array([code in wanted for code in range(texts)] + [False], np.uint8)
    values: npt.NDArray[Any] = np.array([code or 0 for code in codes], width)
    bits = np.frombuffer(column.buffers()[0], np.uint8) if column.null_count else None
    rows, kept, kept_codes = select_rows(values, bits, column.offset, table, starts, lengths)
    assert kept_codes.tolist() == values[rows].tolist()
    expected = kept_rows(slices, codes, wanted)
    assert rows.tolist() == [row for part in expected for row in part]
    assert kept.tolist() == [len(part) for part in expected]


@given(
    counts=COUNTS,
    source=st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32]),
    target=st.sampled_from([np.int32, np.int64]),
    base=st.integers(-30_000, 30_000),
    data=st.data(),
)
def test_runs_and_lists_of_rows_are_fetched_and_widened(
    counts: list[int], source: type, target: type, base: int, data: st.DataObject
) -> None:
    offsets = np.cumsum([0, *counts])
    bounds = np.iinfo(np.int16) if np.iinfo(source).bits == 32 else np.iinfo(source)
    least = max(0, bounds.min) if np.issubdtype(source, np.unsignedinteger) else bounds.min
    length = int(offsets[-1])
    values = data.draw(st.lists(st.integers(least, bounds.max), min_size=length, max_size=length))
    slices = slices_of(data.draw(found_in(len(counts))), offsets.tolist())
    starts, lengths = (np.array([part[at] for part in slices], np.uint32) for at in (0, 1))
    rows = list_rows(starts, lengths)
    expected = fetched(rows.tolist(), values, base)
    by_run: npt.NDArray[Any] = np.empty(len(rows), target)
    by_row: npt.NDArray[Any] = np.empty(len(rows), target)
    most = gather_runs(np.array(values, source), base, starts, lengths, by_run)
    largest = gather_listed(np.array(values, source), base, rows, by_row)
    fetched_values = [values[row] for row in rows.tolist()]
    assert max([0, *values]) >= most >= largest == max([0, *fetched_values])
    assert by_run.tolist() == expected
    assert by_row.tolist() == expected


@given(filled=st.lists(st.booleans()), start=st.integers(0, 9), rows=st.lists(st.integers(0, 99)))
def test_validity_is_read_bit_by_bit(filled: list[bool], start: int, rows: list[int]) -> None:
    bits = np.packbits(np.array([True] * start + filled, np.bool_), bitorder="little")
    chosen = [row for row in rows if row < len(filled)]
    out = np.empty(len(chosen), np.uint8)
    gather_validity(bits, start, np.array(chosen, np.uint32), out)
    assert out.tolist() == [filled[row] for row in chosen]


@given(codes=st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(0, 6)), texts=st.integers(0, 5))
def test_impossible_codes_read_as_the_tables_end_and_are_reported(codes: list[int], texts: int) -> None:
    table = np.array([*range(100, 100 + texts), -1], np.int32)
    column = np.array(codes, np.int32)
    wanted = [100 + code if 0 <= code < texts else -1 for code in codes]
    for out in (np.empty_like(column), column):
        assert renumber(column, table, out) == all(0 <= code < texts for code in codes)
        assert out.tolist() == wanted


def test_what_leads_outside_is_refused() -> None:
    one, two = np.array([0], np.uint32), np.array([2], np.uint32)
    codes, out = np.array([0, 9], np.uint8), np.empty(2, np.int32)
    with pytest.raises(EventsRejected, match="code"):
        select_rows(codes, None, 0, np.array([1, 0], np.uint8), one, two)
    for starts, counts in ((one, np.array([3], np.uint32)), (two, two)):
        with pytest.raises(ValueError, match="outside"):
            select_rows(codes, None, 0, np.array([1, 0], np.uint8), starts, counts)
        with pytest.raises(ValueError, match="inside"):
            gather_runs(codes, 0, starts, counts, out)
    with pytest.raises(ValueError, match="inside"):
        gather_listed(codes, 0, np.array([0, 2], np.uint32), out)
    with pytest.raises(ValueError, match="as long"):
        renumber(out[:1], out, out)
    with pytest.raises(ValueError, match="unwanted"):
        select_rows(codes, None, 0, np.array([1], np.uint8), one, two)


@pytest.mark.parametrize("rows", [3, 200])
def test_a_wanted_text_that_no_code_of_the_width_reaches_wants_no_row(rows: int) -> None:
    codes = np.resize(np.array([0, 44, 255], np.uint8), rows)
    table = np.zeros(302, np.uint8)
    table[[44, 256, 300]] = 1
    kept, counts, kept_codes = select_rows(codes, None, 0, table, np.zeros(1, np.uint32), np.array([rows], np.uint32))
    assert kept.tolist() == np.flatnonzero(codes == 44).tolist()
    assert counts.tolist() == [len(kept)]
    assert kept_codes.tolist() == [44] * len(kept)


def test_runs_of_thousands_of_rows_are_kept_as_the_reference_keeps_them() -> None:
    random = np.random.default_rng(1)
    counts = np.concatenate((random.poisson(9, 1500), [0, 4096, 0, 4100, 31, 32, 33, 0])).astype(np.uint32)
    ends = np.cumsum(counts, dtype=np.uint32)
    codes = random.integers(0, 70, int(ends[-1]), np.uint16)
    for ranges in (0, 1, 5, 16, 17, 35):
        table = np.zeros(71, np.uint8)
        table[: 2 * ranges : 2] = 1
        for chosen in (slice(None), random.random(len(counts)) < 0.7):
            starts, lengths = (ends - counts)[chosen], counts[chosen]
            rows, kept, kept_codes = select_rows(codes, None, 0, table, starts, lengths)
            assert kept_codes.tolist() == codes[rows].tolist()
            slices = list(zip(starts.tolist(), lengths.tolist(), strict=True))
            expected = kept_rows(slices, codes.tolist(), set(np.flatnonzero(table).tolist()))
            assert rows.tolist() == [row for part in expected for row in part]
            assert kept.tolist() == [len(part) for part in expected]


@pytest.mark.parametrize("place", [0, 31, 32, 63, 64, 4095, 4096, 4999])
def test_a_code_without_a_text_is_refused_wherever_it_stands(place: int) -> None:
    codes, counts = np.zeros(5000, np.uint16), np.full(500, 10, np.uint32)
    starts, wanted = np.arange(0, 5000, 10, dtype=np.uint32), np.array([1, 0, 0, 0], np.uint8)
    assert len(select_rows(codes, None, 0, wanted, starts, counts)[0]) == 5000
    codes[place] = 3
    with pytest.raises(EventsRejected, match="code"):
        select_rows(codes, None, 0, wanted, starts, counts)
