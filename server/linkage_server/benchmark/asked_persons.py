"""The persons that a benchmark asks about, drawn from a register, with attributes made up from their hashed ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.events import Int64s, Population, UInt64s, join_ids
from linkage_core.indicators.follow_up import day_number
from linkage_server.benchmark.benchmark_store import StoredRegister
from linkage_server.registers.store import RegisterStore

HOSPITALS = tuple(f"H{number:02}" for number in range(1, 71))
COUNTIES = tuple(f"{number:02}" for number in range(1, 22))
SEXES = ("man", "woman")
AGE_BANDS = ("<18", "18-44", "45-64", "65-74", "75-84", "85+")
OLDEST, DAYS_A_YEAR = 95, 365

_FROM_AGE = np.array([18, 45, 65, 75, 85])
UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class AskedPersons:
    """Persons in ascending order of their ids; levels are positions in the lists above.

    Nothing is read from a register but who is in it: index date, hospital, county, sex and date of birth follow from
    the id, so that a benchmark needs no other file and tells nothing about anybody.

    Args:
        high, low: the two halves of the ids.
        index_day, birth_day: days since 1970-01-01.
        hospital, county, sex: levels.
    """

    high: UInt64s
    low: UInt64s
    index_day: Int32s
    birth_day: Int32s
    hospital: UInt8s
    county: UInt8s
    sex: UInt8s

    def __len__(self) -> int:
        return len(self.high)

    def age_band(self) -> UInt8s:
        """Band of the age in completed years on the index day."""
        born_month, born_on = _months_and_days(self.birth_day)
        month, on = _months_and_days(self.index_day)
        years = (month - born_month - (on < born_on)) // 12
        return np.searchsorted(_FROM_AGE, years, side="right").astype(np.uint8)

    def population(self) -> Population:
        """The same as an order's population."""
        return Population(
            hashed_ids=join_ids(self.high, self.low),
            index_date=pa.array(self.index_day).cast(pa.date32()),
            birth_date=pa.array(self.birth_day).cast(pa.date32()),
            sex=pa.array(self.sex + np.uint8(1)),
            strata={"hospital": _levels(self.hospital, HOSPITALS), "county": _levels(self.county, COUNTIES)},
        )


def draw_persons(register: StoredRegister, *, persons: int | None, seed: int = 2) -> AskedPersons:
    """Persons of a register, drawn at random; everybody where `persons` is None or more than there are."""
    manifest = register.manifest()
    partitions = RegisterStore(register.folder).partitions(manifest, columns=[])
    high = np.concatenate([np.empty(0, np.uint64), *(partition.keys_hi for partition in partitions)])
    low = np.concatenate([np.empty(0, np.uint64), *(partition.keys_lo for partition in partitions)])
    high, low = _ascending(high, low)
    if persons is not None and persons < len(high):
        chosen = np.sort(np.random.default_rng(seed).choice(len(high), persons, replace=False))
        high, low = high[chosen], low[chosen]
    return _with_attributes(high, low, index_year=first_year(manifest.last_day))


def first_year(last_day: date | None) -> int:
    """The first of the two calendar years that a benchmark asks about; the last row lies in the second."""
    return (last_day.year if last_day else 2024) - 1


def _months_and_days(days: Int32s) -> tuple[Int64s, Int64s]:
    """Months since 1970-01, and days since the first of the month."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return months.astype(np.int64), (dates - months).astype(np.int64)


def _ascending(high: UInt64s, low: UInt64s) -> tuple[UInt64s, UInt64s]:
    """Ids of several segments in order, each once; those of one load are so already."""
    if ((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))).all():
        return high, low
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    is_new = np.ones(len(high), np.bool_)
    is_new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return high[is_new], low[is_new]


def _with_attributes(high: UInt64s, low: UInt64s, *, index_year: int) -> AskedPersons:
    def drawn(salt: int, levels: int) -> npt.NDArray[np.uint64]:
        # Fibonacci hashing: the top half of a product with an odd constant is spread evenly.
        return ((low ^ np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) % np.uint64(levels)

    first_day = day_number(date(index_year, 1, 1))
    index_day = (first_day + drawn(1, DAYS_A_YEAR).astype(np.int32)).astype(np.int32)
    return AskedPersons(
        high=high,
        low=low,
        index_day=index_day,
        birth_day=(first_day - drawn(2 << 40, OLDEST * DAYS_A_YEAR).astype(np.int32)).astype(np.int32),
        hospital=drawn(3 << 44, len(HOSPITALS)).astype(np.uint8),
        county=drawn(5 << 48, len(COUNTIES)).astype(np.uint8),
        sex=drawn(7 << 52, len(SEXES)).astype(np.uint8),
    )


def _levels(codes: UInt8s, levels: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(levels))
