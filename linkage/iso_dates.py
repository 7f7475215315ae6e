"""ISO dates as they stand in files, read a column at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from linkage.written_columns import Flags, Whole, null_rows, text_buffers, without_spaces

_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


def read_iso_dates(column: pa.Array) -> tuple[pa.Date32Array, Flags, Flags]:
    """Read YYYY-MM-DD or YYYYMMDD, spaces apart; dates and times of typed columns count by their day.

    Returns:
        The dates, null where there is none; where the field is empty; where it holds something else than a date.
    """
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        dates = column.cast(pa.date32(), safe=False)
        return dates, null_rows(dates), np.zeros(len(dates), np.bool_)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return pa.nulls(len(column), pa.date32()), null_rows(column), ~null_rows(column)
    offsets, flat = text_buffers(column)
    positions, text = without_spaces(offsets, flat)
    lengths = np.where(null_rows(column), 0, np.diff(positions))
    days = np.zeros(len(column), np.int32)
    read = np.zeros(len(column), np.bool_)
    for length, places in ((10, (0, 1, 2, 3, 5, 6, 8, 9)), (8, range(8))):
        rows = np.flatnonzero(lengths == length)
        if not len(rows):
            continue
        digits = np.stack([text[positions[rows] + place] for place in places]).astype(np.int64) - 48
        sound = ((digits >= 0) & (digits <= 9)).all(axis=0)
        if length == 10:
            sound &= (text[positions[rows] + 4] == ord("-")) & (text[positions[rows] + 7] == ord("-"))
        year = ((digits[0] * 10 + digits[1]) * 10 + digits[2]) * 10 + digits[3]
        month, day = digits[4] * 10 + digits[5], digits[6] * 10 + digits[7]
        sound &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
        known_month = np.clip(month, 1, 12)
        sound &= day <= days_in_month(year, known_month)
        days[rows] = np.where(sound, days_since_1970(year, known_month, day), 0)
        read[rows] = sound
    return pa.array(days, mask=~read).cast(pa.date32()), lengths == 0, (lengths > 0) & ~read


def days_in_month(year: Whole, month: Whole) -> Whole:
    """Days of each month of the Gregorian calendar; months from 1 to 12."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days: Whole = _MONTH_DAYS[month - 1] + (leap & (month == 2))
    return days


def days_since_1970(year: Whole, month: Whole, day: Whole) -> Whole:
    """Days since 1970-01-01, negative before; months from 1 to 12."""
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days: Whole = first + day - 1
    return days
