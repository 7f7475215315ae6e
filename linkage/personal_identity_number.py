"""Personal identity numbers: every written form, checked and made canonical, a column at a time.

The canonical form is twelve digits, YYYYMMDDNNNC. Read as one person's number are

    YYYYMMDDNNNC   YYYYMMDD-NNNC   YYMMDD-NNNC   YYMMDD+NNNC   YYMMDDNNNC

with spaces anywhere, and whole numbers from numeric columns, whose leading zeros are lost. Ten digits are resolved by
the reference date of the file: a minus means younger than 100 that year, a plus 100 or older (folkbokföringslagen
1991:481, 18 §), no sign the latest birth that is not after the reference date.

Coordination numbers (samordningsnummer) carry the day plus 60. Their date may be unknown: month 00, day 60, and days
their month does not have (a 31 April) are assigned, and stand in Skatteverket's official test numbers.

Reserve numbers (regions' and the national ones) and interim "T" numbers are recognised and counted; nobody can link
them. What a form must look like and where other libraries differ: docs/decisions/identity-numbers.md. The core has the
same rules as a kernel (linkage_core.kernels.identity_number); a generative test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
import pyarrow as pa

from linkage.iso_dates import days_in_month, days_since_1970
from linkage.written_columns import (
    Bytes,
    Flags,
    Whole,
    fixed_binary,
    fixed_bytes,
    null_rows,
    number_column,
    text_buffers,
    without_spaces,
)

MASK = "************"
"""What is printed wherever an identity number stood."""
LAST_DAY_OF_BIRTH = date(2099, 12, 31)
"""Resolves ten digits where it only matters whether they are a number: none is of somebody born later."""

_BLOCK_ROWS = 1 << 16
_INTERIM_LETTERS = b"TRSUWXJKLMN"


class NumberKind(IntEnum):
    """What a written number is. Only the first two can be linked."""

    PERSONNUMMER = 0
    COORDINATION = 1
    RESERVE = 2
    INTERIM = 3
    ORGANISATION = 4
    INVALID = 5


class NumberProblem(IntEnum):
    """Why a written number is refused; OK also for reserve and interim numbers, which are counted and not linked."""

    OK = 0
    EMPTY = 1
    WRONG_LENGTH = 2
    WRONG_CHARACTER = 3
    NO_SUCH_DATE = 4
    CHECK_DIGIT = 5
    ORGANISATION_NUMBER = 6
    BORN_AFTER_REFERENCE = 7
    NO_SUCH_BIRTH_NUMBER = 8

    @property
    def rule(self) -> str:
        """What is wrong, in words, without the value."""
        return _TEXTS[self][0]

    @property
    def mend(self) -> str:
        """What to do about it."""
        return _TEXTS[self][1]


_TEXTS = {
    NumberProblem.OK: ("is well formed", ""),
    NumberProblem.EMPTY: ("is empty", "Fill in the number or remove the row."),
    NumberProblem.WRONG_LENGTH: (
        "has neither 10 nor 12 digits",
        "Write YYYYMMDDNNNC. If leading zeros were lost in a spreadsheet, format the column as text and export again.",
    ),
    NumberProblem.WRONG_CHARACTER: (
        "has a character that does not belong there",
        "Write digits only, with at most one - or + before the last four; mind the letters O and I.",
    ),
    NumberProblem.NO_SUCH_DATE: (
        "begins with a date that does not exist",
        "Check the number against its source: year, month, day in that order.",
    ),
    NumberProblem.CHECK_DIGIT: (
        "has a wrong check digit",
        "A digit is mistyped or two are swapped: check the number against its source.",
    ),
    NumberProblem.ORGANISATION_NUMBER: (
        "is the number of an organisation, not of a person",
        "Remove the row or fill in the person's own number.",
    ),
    NumberProblem.BORN_AFTER_REFERENCE: (
        "belongs to someone born after the file's reference date",
        "Write the number with its century, or give the date on which the file was made as reference date.",
    ),
    NumberProblem.NO_SUCH_BIRTH_NUMBER: (
        "has the birth number 000, which is never assigned",
        "Replace the placeholder with the person's own number or remove the row.",
    ),
}


@dataclass(frozen=True, slots=True)
class CheckedNumbers:
    """A column of numbers, judged row by row.

    Args:
        kinds: uint8, a `NumberKind` a row.
        problems: uint8, a `NumberProblem` a row.
        canonical: the twelve digits; null where the number cannot be linked.
    """

    kinds: Bytes
    problems: Bytes
    canonical: pa.FixedSizeBinaryArray

    @property
    def linkable(self) -> Flags:
        """Rows that hold a personnummer or a coordination number."""
        return self.kinds <= NumberKind.COORDINATION


def check_numbers(column: pa.Array | pa.ChunkedArray, *, reference_date: date) -> CheckedNumbers:
    """Judge every number of a column.

    Args:
        column: text, bytes, whole numbers, or floats that are whole numbers; nulls count as empty.
        reference_date: resolves ten digits, and nobody is born after it.

    Raises:
        InputRefused: the column's type cannot hold identity numbers.
    """
    numbers = number_column(column)
    rows = len(numbers)
    kinds = np.full(rows, NumberKind.INVALID, np.uint8)
    problems = np.full(rows, NumberProblem.EMPTY, np.uint8)
    digits = np.zeros((rows, 12), np.uint8)
    blocks = _integer_forms(numbers) if pa.types.is_int64(numbers.type) else _text_forms(numbers, problems)
    for forms in blocks:
        kinds[forms.rows], problems[forms.rows], canonical = _judge(forms, reference_date)
        digits[forms.rows] = canonical
    linkable = kinds <= NumberKind.COORDINATION
    digits[~linkable] = 0  # A null slot's bytes travel with the buffer: nothing may lie in them.
    return CheckedNumbers(kinds, problems, fixed_binary(digits, linkable))


def birth_date_of(canonical: pa.FixedSizeBinaryArray) -> pa.Date32Array:
    """Date of birth of every canonical number; null where it is null.

    An unknown month or day of a coordination number counts as the first there is; a day its month does not have counts
    as the month's last.
    """
    digits = fixed_bytes(canonical) - np.uint8(48)
    year = digits[:, 0] * np.int64(1000) + digits[:, 1] * np.int64(100) + _two(digits[:, 2], digits[:, 3])
    month, day = _two(digits[:, 4], digits[:, 5]), _two(digits[:, 6], digits[:, 7])
    month = np.clip(month, 1, 12)
    day = np.where(day >= 60, day - 60, day)
    day = np.clip(day, 1, days_in_month(year, month))
    days = days_since_1970(year, month, day).astype(np.int32)
    return pa.array(days, mask=null_rows(canonical)).cast(pa.date32())


def sex_of(canonical: pa.FixedSizeBinaryArray) -> pa.UInt8Array:
    """1 for a man, 2 for a woman, by the last digit but one; null where the number is null."""
    odd = fixed_bytes(canonical)[:, 10] & np.uint8(1)
    return pa.array(np.where(odd == 1, np.uint8(1), np.uint8(2)), mask=null_rows(canonical))


# The written forms -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Forms:
    """Numbers of one written form.

    Args:
        rows: where they stand in the column.
        characters: uint8, shape (12, numbers); the first two rows are not set in the short form.
        short: ten digits, the century left out.
        sign: the separator of each, or None where the form has none.
    """

    rows: Whole
    characters: Bytes
    short: bool
    sign: Bytes | None


def _integer_forms(numbers: pa.Array) -> Iterator[_Forms]:
    values = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    present = ~null_rows(numbers)
    short = present & (values >= 0) & (values < 10**10)
    long = present & (values >= 10**11) & (values < 10**12)
    for is_short, chosen in ((True, short), (False, long)):
        rows = np.flatnonzero(chosen)
        if len(rows):
            yield _Forms(rows, _decimal_digits(values[rows]), is_short, None)
    rows = np.flatnonzero(present & ~short & ~long)
    if len(rows):  # Judged as thirteen characters without a sign: digits, or minus signs where the number has one.
        characters = np.where(values[rows] < 0, np.uint8(ord("-")), np.uint8(ord("0")))
        yield _Forms(rows, np.tile(characters, (12, 1)), False, np.full(len(rows), ord("0"), np.uint8))


def _decimal_digits(values: Whole) -> Bytes:
    characters = np.empty((12, len(values)), np.uint8)
    for place in range(11, -1, -1):
        rest = values // 10
        characters[place] = values - rest * 10 + 48
        values = rest
    return characters


def _text_forms(numbers: pa.Array, problems: Bytes) -> Iterator[_Forms]:
    offsets, flat = text_buffers(numbers)
    present = ~null_rows(numbers)
    for start in range(0, len(numbers), _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, len(numbers))
        positions, text = without_spaces(offsets[start : stop + 1], flat)
        lengths = np.where(present[start:stop], np.diff(positions), 0)
        block_problems = problems[start:stop]
        block_problems[lengths > 0] = NumberProblem.WRONG_LENGTH
        for length, sign_at in ((12, None), (13, 8), (11, 6), (10, None)):
            chosen = np.flatnonzero(lengths == length)
            if not len(chosen):
                continue
            written = text[positions[chosen] + np.arange(length)[:, None]]
            sign = None
            if sign_at is not None:
                sign = written[sign_at]
                written = np.delete(written, sign_at, axis=0)
            if length < 12:
                written = np.concatenate([np.full((2, len(chosen)), 48, np.uint8), written])
            yield _Forms(chosen + start, written, length < 12, sign)


# The rules ---------------------------------------------------------------------------------------------------------


def _judge(forms: _Forms, reference_date: date) -> tuple[Bytes, Bytes, Bytes]:
    """Kinds, problems and canonical characters (numbers, 12) of one written form."""
    characters = forms.characters
    digit = characters - np.uint8(48)
    is_digit = digit <= 9
    if is_digit.all() and (forms.sign is None or _is_sign(forms.sign).all()):
        kinds, problems, year = _judge_digits(digit, forms, reference_date)
    else:
        kinds, problems, year = _judge_characters(digit, is_digit, forms, reference_date)
    if forms.short:
        characters = characters.copy()
        characters[0] = year // 1000 + 48
        characters[1] = year // 100 % 10 + 48
    return kinds, problems, characters.T


def _judge_digits(digit: Bytes, forms: _Forms, reference_date: date) -> tuple[Bytes, Bytes, Whole]:
    month, day = _two(digit[4], digit[5]), _two(digit[6], digit[7])
    year = _year(digit, month, day, forms, reference_date)
    year_known = (year >= 1800) & (year <= 2099)
    coordination = year_known & (month <= 12) & (day >= 60) & (day <= 91)
    date_exists = coordination | _date_exists(year, month, day)
    check_fits = _luhn(digit[2:]) == 0
    organisation = (month >= 20) & check_fits & (forms.short | (_two(digit[0], digit[1]) == 16))
    reserve = check_fits & year_known & (month >= 1) & (month <= 12) & (day >= 32) & (day <= 59)
    if not forms.short:
        reserve |= _stockholm_reserve(digit)
    first = _ordinal(year, np.maximum(month, 1), np.maximum(np.where(day >= 60, day - 60, day), 1))
    problems = np.select(
        [
            reserve,
            organisation,
            ~date_exists,
            (digit[8] | digit[9] | digit[10]) == 0,
            ~check_fits,
            first > _reference_ordinal(reference_date),
        ],
        [
            np.uint8(NumberProblem.OK),
            np.uint8(NumberProblem.ORGANISATION_NUMBER),
            np.uint8(NumberProblem.NO_SUCH_DATE),
            np.uint8(NumberProblem.NO_SUCH_BIRTH_NUMBER),
            np.uint8(NumberProblem.CHECK_DIGIT),
            np.uint8(NumberProblem.BORN_AFTER_REFERENCE),
        ],
        np.uint8(NumberProblem.OK),
    )
    kinds = np.where(coordination, np.uint8(NumberKind.COORDINATION), np.uint8(NumberKind.PERSONNUMMER))
    kinds[problems != NumberProblem.OK] = NumberKind.INVALID
    kinds[problems == NumberProblem.ORGANISATION_NUMBER] = NumberKind.ORGANISATION
    kinds[reserve] = NumberKind.RESERVE
    return kinds, problems, year


def _judge_characters(digit: Bytes, is_digit: Flags, forms: _Forms, reference_date: date) -> tuple[Bytes, Bytes, Whole]:
    """As `_judge_digits`, for a form in which some numbers hold something else than digits."""
    count = digit.shape[1]
    kinds = np.full(count, NumberKind.INVALID, np.uint8)
    problems = np.full(count, NumberProblem.WRONG_CHARACTER, np.uint8)
    year = np.zeros(count, np.int64)
    upper = forms.characters & np.uint8(0xDF)
    letter = (upper >= 65) & (upper <= 90) & (forms.characters >= 65)
    ends = is_digit[8:].all(axis=0)
    dates = is_digit[:8].all(axis=0)
    sound = (is_digit | letter).all(axis=0)
    signed = np.ones(count, np.bool_)
    if forms.sign is not None:
        signed = _is_sign(forms.sign)
        alike = forms.sign - np.uint8(48) <= 9
        sign_letter = forms.sign & np.uint8(0xDF)
        alike |= (sign_letter >= 65) & (sign_letter <= 90) & (forms.sign >= 65)
        problems[sound & alike] = NumberProblem.WRONG_LENGTH

    plain = np.flatnonzero(dates & ends & signed)
    if len(plain):
        some = _Forms(plain, forms.characters[:, plain], forms.short, None if forms.sign is None else forms.sign[plain])
        kinds[plain], problems[plain], year[plain] = _judge_digits(digit[:, plain], some, reference_date)

    lettered = np.flatnonzero(dates & ~ends & sound & signed)
    if len(lettered):
        last = upper[8:, lettered]
        mistaken = (is_digit[8:, lettered] | (last == ord("O")) | (last == ord("I"))).all(axis=0)
        kinds[lettered] = np.where(mistaken, np.uint8(NumberKind.INVALID), np.uint8(NumberKind.RESERVE))
        problems[lettered] = np.where(mistaken, np.uint8(NumberProblem.WRONG_CHARACTER), np.uint8(NumberProblem.OK))
        interim = np.isin(last[0], np.frombuffer(_INTERIM_LETTERS, np.uint8)) & is_digit[9:, lettered].all(axis=0)
        numbers = digit[:, lettered]
        numbers[8, interim] = 1  # Any of the letters counts as 1 in the check digit.
        month, day = _two(numbers[4], numbers[5]), _two(numbers[6], numbers[7])
        some = _Forms(lettered, numbers, forms.short, None if forms.sign is None else forms.sign[lettered])
        interim &= _date_exists(_year(numbers, month, day, some, reference_date), month, day)
        interim &= _luhn(np.where(interim, numbers[2:], 0)) == 0
        kinds[lettered[interim]] = NumberKind.INTERIM
    return kinds, problems, year


def _year(digit: Bytes, month: Whole, day: Whole, forms: _Forms, reference_date: date) -> Whole:
    """The four-digit year: as written, or resolved by sign and reference date."""
    in_century = _two(digit[2], digit[3])
    if not forms.short:
        return _two(digit[0], digit[1]) * 100 + in_century
    latest: Whole | np.int64 = np.int64(reference_date.year)
    if forms.sign is not None:
        latest = latest - np.where(forms.sign == ord("+"), 100, 0)
        return latest - (latest - in_century) % 100
    year = latest - (latest - in_century) % 100
    first = _ordinal(year, np.maximum(month, 1), np.maximum(np.where(day >= 60, day - 60, day), 1))
    return np.where(first > _reference_ordinal(reference_date), year - 100, year)


def _stockholm_reserve(digit: Bytes) -> Flags:
    """99yyyyNNNNNC with yyyy from 1980 to 2299; the check digit covers places 5 to 11 (Inera, Lokala reservidn 1.2)."""
    year = _two(digit[2], digit[3]) * 100 + _two(digit[4], digit[5])
    prefixed = (digit[0] == 9) & (digit[1] == 9) & (year >= 1980) & (year <= 2299)
    result: Flags = prefixed & (_luhn(digit[4:]) == 0)
    return result


def _luhn(digit: Bytes) -> Bytes:
    """Luhn sum modulo ten of rows of digits, an even number of them, the last one being the check digit."""
    total = np.zeros(digit.shape[1], np.uint8)
    for place in range(0, digit.shape[0], 2):
        doubled = digit[place] << np.uint8(1)
        total += doubled - np.uint8(9) * (doubled > 9).view(np.uint8) + digit[place + 1]
    remainder: Bytes = total % np.uint8(10)
    return remainder


def _date_exists(year: Whole, month: Whole, day: Whole) -> Flags:
    known = (year >= 1800) & (year <= 2099) & (month >= 1) & (month <= 12)
    exists: Flags = known & (day >= 1) & (day <= days_in_month(year, np.clip(month, 1, 12)))
    return exists


def _ordinal(year: Whole, month: Whole, day: Whole) -> Whole:
    ordinal: Whole = (year * 100 + month) * 100 + day
    return ordinal


def _reference_ordinal(reference_date: date) -> int:
    return (reference_date.year * 100 + reference_date.month) * 100 + reference_date.day


def _two(tens: Bytes, ones: Bytes) -> Whole:
    pair: Whole = tens * np.int64(10) + ones
    return pair


def _is_sign(character: Bytes) -> Flags:
    signs: Flags = (character == ord("-")) | (character == ord("+"))
    return signs
