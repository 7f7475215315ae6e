"""Writes the registers of a made-up country part as delivery files, and an infarction population to order for.

    lmed_2023-01_2025-11.parquet, lmed_2025-12.csv     prescribed drugs; December brings corrections of November
    par_sv.csv, par_ov.csv                             patient register, inpatient and outpatient
    cancer.csv, dors.csv                               cancer and cause-of-death registers
    number_history.csv                                 coordination numbers that became personnummer
    population.csv                                     persons with an infarction: number, discharge, hospital

Everything is drawn from one seed. Persons are the official test numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from linkage_server.demo.made_up_care import deaths, inpatient_stays, outpatient_visits, tumours
from linkage_server.demo.made_up_dispensings import made_up_dispensings
from linkage_server.demo.made_up_lmed import lmed_deliveries
from linkage_server.demo.made_up_people import HOSPITALS, Infarctions, People, make_infarctions, make_people

__all__ = ["DELIVERED_ON", "MadeUpRegisters", "made_up_dispensings", "make_registers"]

DISPENSINGS_AN_INFARCTION = 105
DELIVERED_ON = date(2026, 1, 15)
"""The day on which all deliveries are made: it resolves ten-digit numbers and is after every row."""


@dataclass(frozen=True, slots=True)
class MadeUpRegisters:
    """Where the files lie.

    Args:
        deliveries: register and files, in the order in which they are to be loaded; one entry a delivery.
        number_history: CSV with the columns old and new.
        population: CSV with the columns personnummer, index_date and hospital.
        persons: in the population.
        dispensings: rows of all deliveries of the prescribed-drug register.
    """

    deliveries: tuple[tuple[str, tuple[Path, ...]], ...]
    number_history: Path
    population: Path
    persons: int
    dispensings: int


def make_registers(folder: Path, *, dispensings: int = 1_000_000, seed: int = 20260101) -> MadeUpRegisters:
    """Make all files in an existing folder.

    Args:
        folder: where they go.
        dispensings: about how many; the infarction population follows it, 9,500 persons for a million.
        seed: the same seed gives the same files.
    """
    random = np.random.default_rng(seed)
    people, infarctions = make_infarctions(
        make_people(random), persons=dispensings // DISPENSINGS_AN_INFARCTION, random=random
    )
    until_november, december = lmed_deliveries(people, infarctions, dispensings=dispensings, random=random)
    lmed = folder / "lmed_2023-01_2025-11.parquet"
    pa.parquet.write_table(_with_plain_texts(until_november), lmed, compression="zstd")
    return MadeUpRegisters(
        deliveries=(
            ("lmed", (lmed,)),
            ("lmed", (_write_csv(december, folder / "lmed_2025-12.csv"),)),
            ("par_sv", (_write_csv(inpatient_stays(people, infarctions, random), folder / "par_sv.csv", ";"),)),
            ("par_ov", (_write_csv(outpatient_visits(people, random), folder / "par_ov.csv", ";"),)),
            ("cancer", (_write_csv(tumours(people, random), folder / "cancer.csv"),)),
            ("dors", (_write_csv(deaths(people, infarctions, random), folder / "dors.csv", ";"),)),
        ),
        number_history=_write_csv(_number_history(people), folder / "number_history.csv"),
        population=_write_csv(_population(people, infarctions), folder / "population.csv"),
        persons=len(infarctions.person),
        dispensings=until_november.num_rows + december.num_rows,
    )


def _population(people: People, infarctions: Infarctions) -> pa.Table:
    numbers = people.numbers[infarctions.person].astype("U12")
    # Quality registers write numbers as they come: with and without a hyphen.
    hyphen = np.char.add(np.char.add(numbers.astype("U8"), "-"), [number[8:] for number in numbers])
    written = np.where(np.arange(len(numbers)) % 3 == 0, hyphen, numbers)
    return pa.table(
        {
            "personnummer": written,
            "index_date": pa.array(infarctions.index_day).cast(pa.date32()),
            "hospital": np.array(HOSPITALS)[infarctions.hospital],
        }
    ).take(pa.array(np.argsort(infarctions.index_day, kind="stable")))


def _number_history(people: People) -> pa.Table:
    changed = np.flatnonzero(people.former_numbers != b"")
    return pa.table({"old": people.former_numbers[changed].astype("U12"), "new": people.numbers[changed].astype("U12")})


def _write_csv(table: pa.Table, path: Path, delimiter: str = ",") -> Path:
    options = pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
    pa.csv.write_csv(_with_plain_texts(table), path, options)
    return path


def _with_plain_texts(table: pa.Table) -> pa.Table:
    texts = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(texts))
