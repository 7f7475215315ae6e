"""The kernel, the column reader and the reference agree on any bytes, in any Arrow form, slices and nulls included."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.personal_identity_number import birth_date_of, check_numbers, sex_of
from linkage_core.kernels.identity_number import parse_fixed_numbers, parse_integer_numbers, parse_text_numbers
from linkage_server.demo.test_numbers import read_test_numbers
from tests.reference.identity_number import parse

OFFICIAL = st.sampled_from(read_test_numbers())
REFERENCE_DATES = st.dates(date(1890, 1, 1), date(2098, 12, 31))


@st.composite
def written_numbers(draw: st.DrawFn) -> bytes:
    """An official number in some written form, with up to two bytes of it changed."""
    number = draw(OFFICIAL)
    dates = draw(st.sampled_from([number[:8], number[2:8]]))
    sign = draw(st.sampled_from(["", "", "-", "+"]))
    text = bytearray((dates + sign + number[8:]).encode())
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text) - 1))
        change = draw(st.sampled_from(["digit", "any", "letter", "remove", "space"]))
        if change == "digit":
            text[place] = draw(st.integers(48, 57))
        elif change == "letter":
            text[place] = draw(st.sampled_from(list(b"TRSUWXJKLMNABOIoikx@[`{/:")))
        elif change == "any":
            text[place] = draw(st.integers(0, 255))
        elif change == "remove" and len(text) > 1:
            del text[place]
        else:
            text[place:place] = draw(st.sampled_from([b" ", b"\t", b"\xc2\xa0", b"\xc2", b"\xa0"]))
    return bytes(text)


ANY_BYTES = st.one_of(
    st.none(),
    written_numbers(),
    st.binary(max_size=16),
    st.from_regex(rb"[0-9]{10}|[0-9]{12}|99(19[89]|20[0-9])[0-9]{7}|[0-9]{8}[A-Z]{2}[0-9]{2}", fullmatch=True),
)
WHOLE_NUMBERS = st.one_of(
    st.none(),
    OFFICIAL.map(int),
    OFFICIAL.map(lambda number: int(number[2:])),
    st.integers(-5, 10**13),
    st.integers(-(2**63), 2**63 - 1),
)


def as_read_by_columns(numbers: pa.Array, reference_date: date) -> list[tuple[object, ...]]:
    checked = check_numbers(numbers, reference_date=reference_date)
    canonical = [None if one is None else one.decode() for one in checked.canonical.to_pylist()]
    births, sexes = birth_date_of(checked.canonical).to_pylist(), sex_of(checked.canonical).to_pylist()
    return list(zip(checked.kinds.tolist(), checked.problems.tolist(), canonical, births, sexes, strict=True))


def as_read_by_kernel(numbers: pa.Array, reference_date: date) -> list[tuple[object, ...]]:
    kinds, problems, sexes = np.full((3, len(numbers)), 99, np.uint8)
    births, canonical = np.full(len(numbers), -1, np.int32), np.full((len(numbers), 12), 99, np.uint8)
    parsers = {"fixed_size_binary[12]": parse_fixed_numbers, "int64": parse_integer_numbers}
    parsers.get(str(numbers.type), parse_text_numbers)(
        numbers,
        reference_date=reference_date,
        kinds=kinds,
        problems=problems,
        canonical=canonical,
        birth_days=births,
        sexes=sexes,
    )
    found: list[tuple[object, ...]] = []
    for row in range(len(numbers)):
        if kinds[row] <= 1:
            birth = date.fromordinal(date(1970, 1, 1).toordinal() + int(births[row]))
            person = (canonical[row].tobytes().decode(), birth, int(sexes[row]))
        else:
            assert not canonical[row].any(), "nothing of a refused number is left behind"
            person = (None, None, None)
        found.append((int(kinds[row]), int(problems[row]), *person))
    return found


def as_the_reference_reads(written: list[bytes | None] | list[int | None], reference_date: date) -> list[object]:
    return [tuple(parse(one, reference_date=reference_date)) for one in written]


@settings(max_examples=400, deadline=None)
@given(
    written=st.lists(ANY_BYTES, max_size=12),
    reference_date=REFERENCE_DATES,
    arrow_type=st.sampled_from([pa.binary(), pa.large_binary()]),
    start=st.integers(0, 3),
)
def test_any_bytes_are_read_alike(
    written: list[bytes | None], reference_date: date, arrow_type: pa.DataType, start: int
) -> None:
    numbers = pa.array(written, arrow_type).slice(start)
    expected = as_the_reference_reads(written[start:], reference_date)
    assert as_read_by_kernel(numbers, reference_date) == expected
    assert as_read_by_columns(numbers, reference_date) == expected


@settings(max_examples=200, deadline=None)
@given(written=st.lists(WHOLE_NUMBERS, max_size=12), reference_date=REFERENCE_DATES, start=st.integers(0, 3))
def test_whole_numbers_are_read_alike(written: list[int | None], reference_date: date, start: int) -> None:
    numbers = pa.array(written, pa.int64()).slice(start)
    expected = as_the_reference_reads(written[start:], reference_date)
    assert as_read_by_kernel(numbers, reference_date) == expected
    assert as_read_by_columns(numbers, reference_date) == expected


@settings(max_examples=100, deadline=None)
@given(
    written=st.lists(st.one_of(st.none(), OFFICIAL.map(str.encode), st.binary(min_size=12, max_size=12)), max_size=12),
    reference_date=REFERENCE_DATES,
    start=st.integers(0, 3),
)
def test_twelve_bytes_are_read_alike(written: list[bytes | None], reference_date: date, start: int) -> None:
    numbers = pa.array(written, pa.binary(12)).slice(start)
    expected = as_the_reference_reads(written[start:], reference_date)
    assert as_read_by_kernel(numbers, reference_date) == expected
    assert as_read_by_columns(numbers, reference_date) == expected
