"""Texts to whole numbers, exact decimals, dates and partial dates; a value that does not fit is named by its fault.

Every function takes distinct texts (no nulls) and returns arrays and masks over the same texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_catalogue import DatePrecision
from linkage_server.registers.distinct_texts import Mask
from linkage_server.registers.faults import Fault

Int64s = npt.NDArray[np.int64]

WHOLE = r"^[+-]?[0-9]{1,18}(?:[.,]0*)?$"
DECIMAL = r"^(?P<sign>[+-]?)(?P<whole>[0-9]{0,14})(?:[.,](?P<part>[0-9]{0,18}))?$"
EXPONENT = r"^[+-]?[0-9]{1,15}(?:[.,][0-9]{0,15})?[eE][+-]?[0-9]{1,2}$"
ISO_DATE = r"^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9:.]*Z?)?$"


@dataclass(frozen=True, slots=True)
class Converted:
    """Values of distinct texts.

    Attributes:
        values: int64; 0 where a text has a fault.
        faults: masks over the texts, by fault.
        rounded: texts with more decimals than are kept.
        precision: of partial dates.
        absent: texts that stand for no value.
    """

    values: Int64s
    faults: dict[Fault, Mask] = field(default_factory=dict)
    rounded: Mask | None = None
    precision: npt.NDArray[np.uint8] | None = None
    absent: Mask | None = None


def to_whole_numbers(texts: pa.StringArray) -> Converted:
    """Whole numbers; "12.0" and "12," of spreadsheet exports are 12."""
    texts = _without_exponents(texts)
    fits = _mask(pc.match_substring_regex(texts, WHOLE))
    number = _mask(pc.match_substring_regex(texts, DECIMAL)) & _mask(pc.match_substring_regex(texts, "[0-9]"))
    digits = pc.replace_substring_regex(pc.replace_substring_regex(texts, r"[.,]0*$", ""), r"^\+", "")
    values = pc.if_else(pa.array(fits), digits, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return Converted(values, {Fault.NOT_A_NUMBER: ~fits & ~number, Fault.NOT_WHOLE: ~fits & number})


def to_scaled_decimals(texts: pa.StringArray, *, scale: int) -> Converted:
    """Decimals in units of 1 / `scale`, exactly; digits beyond are rounded half away from zero and marked."""
    texts = _without_exponents(texts)
    digits = len(str(scale)) - 1
    number = _mask(pc.match_substring_regex(texts, DECIMAL)) & _mask(pc.match_substring_regex(texts, "[0-9]"))
    parts = pc.extract_regex(pc.if_else(pa.array(number), texts, "0"), DECIMAL)
    part = parts.field("part")
    whole = _number(parts.field("whole"))
    kept = _number(pc.utf8_rpad(pc.utf8_slice_codeunits(part, 0, digits), digits, "0")) if digits else 0
    beyond = pc.utf8_rtrim(pc.utf8_slice_codeunits(part, digits, None), "0")
    rounded = _mask(pc.not_equal(beyond, ""))
    up = _mask(pc.match_substring_regex(beyond, "^[5-9]")).astype(np.int64)
    sign = np.where(_mask(pc.equal(parts.field("sign"), "-")), -1, 1)
    return Converted(sign * (whole * scale + kept + up), {Fault.NOT_A_NUMBER: ~number}, rounded=rounded)


def to_dates(texts: pa.StringArray) -> Converted:
    """Days since 1970-01-01 of YYYY-MM-DD (a time of day is cut off) and YYYYMMDD."""
    plain = pc.replace_substring_regex(texts, ISO_DATE, r"\1\2\3")
    fits = _mask(pc.match_substring_regex(plain, "^[0-9]{8}$"))
    year, month, day = _split_date(pc.if_else(pa.array(fits), plain, "19700101"))
    days, exists = _days(year, month, day)
    return Converted(days, {Fault.NOT_A_DATE: ~fits, Fault.NO_SUCH_DATE: fits & ~exists})


def to_partial_dates(texts: pa.StringArray, *, unknown_parts: str) -> Converted:
    """Days since 1970-01-01 with unknown parts imputed, and how much was known.

    Forms: YYYYMMDD and YYYY-MM-DD with 00 or 99 for an unknown month or day; YYYYMM; YYMMDD of the 1900s; YYYY.
    """
    plain = pc.replace_substring_regex(
        pc.replace_substring_regex(texts, ISO_DATE, r"\1\2\3"), r"^(\d{4})-(\d{2})$", r"\1\2"
    )
    plain = pc.replace_substring_regex(plain, r"^((?:18|19|20)\d{2}(?:0\d|1[0-2]|99))$", r"\100")
    plain = pc.replace_substring_regex(plain, r"^(\d{6})$", r"19\1")
    plain = pc.replace_substring_regex(plain, r"^(\d{4})$", r"\10000")
    fits = _mask(pc.match_substring_regex(plain, "^[0-9]{8}$"))
    year, month, day = _split_date(pc.if_else(pa.array(fits), plain, "19700101"))
    no_year = year == 0
    no_month = (month == 0) | (month == 99)
    no_day = no_month | (day == 0) | (day == 99)
    middle = unknown_parts == "middle"
    imputed_month = np.where(no_month, 7 if middle else 1, month)
    imputed_day = np.where(no_day, np.where(no_month, 1, 15 if middle else 1), day)
    days, exists = _days(np.where(no_year, 1970, year), imputed_month, imputed_day)
    known = np.select(
        [no_year, no_month, no_day], [DatePrecision.UNKNOWN, DatePrecision.YEAR, DatePrecision.MONTH], DatePrecision.DAY
    )
    return Converted(
        days,
        {Fault.NOT_A_DATE: ~fits, Fault.NO_SUCH_DATE: fits & ~exists},
        precision=known.astype(np.uint8),
        absent=no_year,
    )


def to_truth_values(texts: pa.StringArray) -> Converted:
    """0 or 1 of 0/1, true/false, ja/nej and yes/no in any case."""
    lower = pc.utf8_lower(texts)
    true = _mask(pc.is_in(lower, value_set=pa.array(["1", "true", "ja", "yes", "j"])))
    false = _mask(pc.is_in(lower, value_set=pa.array(["0", "false", "nej", "no", "n"])))
    return Converted(true.astype(np.int64), {Fault.NOT_A_TRUTH_VALUE: ~true & ~false})


def _without_exponents(texts: pa.StringArray) -> pa.StringArray:
    """Numbers such as 1e+05, which R and spreadsheets write for 100000, with all their digits."""
    written = _mask(pc.match_substring_regex(texts, EXPONENT))
    if not written.any():
        return texts
    plain = texts.to_pylist()
    for place in np.flatnonzero(written):
        plain[place] = f"{Decimal(plain[place].replace(',', '.')):f}"
    return pa.array(plain, pa.string())


def _split_date(texts: pa.StringArray) -> tuple[Int64s, Int64s, Int64s]:
    number = texts.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return number // 10_000, number // 100 % 100, number % 100


def _days(year: Int64s, month: Int64s, day: Int64s) -> tuple[Int64s, Mask]:
    """Days since 1970-01-01, and which of the dates the calendar has (years 1800 to 2199)."""
    plausible = (year >= 1800) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (np.where(plausible, (year - 1970) * 12 + month - 1, 0)).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - first
    exists = plausible & (day <= length)
    return np.where(exists, first + day - 1, 0), exists


def _number(texts: pa.StringArray) -> Int64s:
    values: Int64s = pc.if_else(pc.equal(texts, ""), "0", texts).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values


def _mask(of: pa.BooleanArray) -> Mask:
    mask: Mask = of.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask
