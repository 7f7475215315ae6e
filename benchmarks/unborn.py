"""Persons who are not born yet, for benchmarks that need more persons than there are official test numbers.

Tests and the demo use official test numbers only, of which there are 43,391. Nobody can have a number with a birth date
in the years 2030 to 2069, written with its century; such numbers are made here, in memory, and are written to nothing
but a temporary folder that is removed when the benchmark ends. Their registers are of the years 2098 to 2100, and are
loaded as of 2101.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

REFERENCE_DATE = date(2101, 1, 1)
HOSPITALS = tuple(f"Hospital {letter}" for letter in "ABCDEFGHIJKL")
FIRST_DAY, LAST_DAY = np.datetime64("2098-07-01"), np.datetime64("2100-12-31")
FIRST_INDEX_DAY, LAST_INDEX_DAY = np.datetime64("2099-01-01"), np.datetime64("2099-12-31")
FIRST_BIRTH, LAST_BIRTH = np.datetime64("2030-01-01"), np.datetime64("2069-12-31")
SERIALS = 999
ROWS_PER_BATCH = 1 << 20
# Codes that secondary prevention asks for, among two thousand that it does not.
PREVENTION = ("C10AA05", "C10AA07", "B01AC04", "B01AC24", "C07AB02", "C07AB07", "C09AA05", "C09CA06")
DAYS_OF_SUPPLY = (28, 30, 56, 90, 98, 100)

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dispensings:
    """Some rows of a made-up drug register.

    Attributes:
        person: int64, position of the person.
        columns: dispensing_date (date32), atc (dictionary), packages and ddd_per_package (int32, hundredths).
    """

    person: Whole
    columns: pa.RecordBatch


def unborn_numbers(persons: int, *, seed: int) -> pa.StringArray:
    """Different personnummer of twelve digits, with right check digits and birth dates from 2030 to 2069."""
    first = FIRST_BIRTH.astype(int)
    days = LAST_BIRTH.astype(int) - first + 1
    drawn = np.random.default_rng(seed).choice(days * SERIALS, persons, replace=False)
    birth = (first + drawn // SERIALS).astype("datetime64[D]")
    month = birth.astype("datetime64[M]")
    year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    written = (year * 100 + month.astype(np.int64) % 12 + 1) * 100 + (birth - month).astype(np.int64) + 1
    without_check = written * 1_000 + drawn % SERIALS + 1
    digits = without_check[:, None] // 10 ** np.arange(8, -1, -1) % 10
    doubled = digits * np.array([2, 1, 2, 1, 2, 1, 2, 1, 2])
    check = -(doubled // 10 + doubled % 10).sum(axis=1) % 10
    return pa.array(without_check * 10 + check).cast(pa.string())


def dispensings(rows: int, persons: int, *, seed: int) -> Iterator[Dispensings]:
    """Rows in random order: lognormal over persons, Zipf over codes; in 50 rows one is a correction."""
    random = np.random.default_rng(seed)
    weight = np.cumsum(random.lognormal(0, 1, persons))
    codes = pa.array([*PREVENTION, *(f"{letter}05BA{place:02}" for letter in "ADGHJLMNPRSV" for place in range(100))])
    zipf = np.cumsum(1 / np.arange(1, len(codes) + 1))
    ddd = random.choice(np.array(DAYS_OF_SUPPLY, np.int32), len(codes)) * 100
    packages = np.array([100] * 44 + [200] * 5 + [-100], np.int32)
    days = int((LAST_DAY - FIRST_DAY).astype(int)) + 1
    for start in range(0, rows, ROWS_PER_BATCH):
        size = min(ROWS_PER_BATCH, rows - start)
        code = np.searchsorted(zipf, random.random(size) * zipf[-1]).astype(np.int32)
        day = (FIRST_DAY.astype(int) + random.integers(0, days, size)).astype(np.int32)
        columns = {
            "dispensing_date": pa.array(day).cast(pa.date32()),
            "atc": pa.DictionaryArray.from_arrays(pa.array(code), codes),
            "packages": pa.array(packages[random.integers(0, len(packages), size)]),
            "ddd_per_package": pa.array(ddd[code]),
        }
        yield Dispensings(np.searchsorted(weight, random.random(size) * weight[-1]), pa.record_batch(columns))


def write_delivery(path: Path, numbers: pa.StringArray, rows: Iterator[Dispensings]) -> None:
    """The rows as a register delivers them: a Parquet file with identity numbers."""
    schema = pa.schema(
        {
            "personnummer": pa.string(),
            "EDATUM": pa.date32(),
            "ATC": pa.string(),
            "ANTAL": pa.float64(),
            "forpddd": pa.float64(),
        }
    )
    with pa.parquet.ParquetWriter(path, schema, use_dictionary=["ATC", "ANTAL", "forpddd", "EDATUM"]) as writer:
        for part in rows:
            columns = [
                numbers.take(pa.array(part.person)),
                part.columns["dispensing_date"],
                part.columns["atc"].cast(pa.string()),
                pa.array(part.columns["packages"].to_numpy() / 100),
                pa.array(part.columns["ddd_per_package"].to_numpy() / 100),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def draw_population(numbers: pa.StringArray, *, persons: int, seed: int) -> pa.Table:
    """A population file's columns for persons drawn at random: number, index date and hospital."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(numbers), persons, replace=False)
    span = int((LAST_INDEX_DAY - FIRST_INDEX_DAY).astype(int)) + 1
    day = (FIRST_INDEX_DAY.astype(int) + random.integers(0, span, persons)).astype(np.int32)
    sizes = 0.8 ** np.arange(len(HOSPITALS))
    hospital = random.choice(len(HOSPITALS), persons, p=sizes / sizes.sum())
    return pa.table(
        {
            "personnummer": numbers.take(pa.array(chosen)),
            "index_date": pa.array(day).cast(pa.date32()),
            "hospital": pa.array(HOSPITALS).take(pa.array(hospital)),
        }
    )


def write_population(path: Path, population: pa.Table) -> None:
    """The population as a CSV file."""
    pa.csv.write_csv(population, path, pa.csv.WriteOptions(quoting_style="needed"))
