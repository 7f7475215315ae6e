"""Random persons by the hundred thousand: tables of columns from which the rows of every register are made at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from linkage_core.events import PersonEvents, Population

EPOCH_DAY_0 = 18_262
"""1 January 2020, from which days are counted here."""
FAR = 1_000_000
"""What never happens happens on this day."""
VISITS, MOST_ROWS = 6, 16
ATC = np.array(["C10AA05", "C10AA01", "C10AA07", "B01AC06", "B01AC34", "B01AC04", "N05BA01", "N05CF01", "N06AB10"])
STRENGTH = np.array(["40 mg", "20 mg", "10 mg", "75 mg", "90 mg", "75 mg", "5 mg", "7,5 mg", "20 mg"])
REASONS = np.array(["22298006", "38341003", "49436004"])
DIAGNOSES = np.array(["I214", "K922", "I509", "J45"])
SUBSTITUTION = np.array(["utbytt", "ej utbytt", "utan utbyte"])
DOSAGES = np.array(["1 tablett dagligen", "2 tabletter dagligen", "vid behov"])
DOSES = np.array([10, 20, 40])

SCALES = {
    "packages": 100,
    "daily_dose": 10_000,
    "ddd_per_package": 10_000,
    "cost_total": 100,
    "cost_benefit": 100,
    "cost_patient": 100,
}
_DICTIONARIES = {"atc": ATC, "strength_text": STRENGTH, "substitution": SUBSTITUTION, "dosage_text": DOSAGES}
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Persons:
    """Random persons with what is known of them.

    Args:
        index: int64, one a person: days from day 0; `no_index`: bool, who has none.
        death, emigration: int64, one a person; a day beyond everything for none.
        sex, hospital: int64, one a person.
        rows: columns of dispensings, each an array of integers: `person`, `day`, `atc` (position in `ATC`), and
            measures in whole units.
        nulls: for some of the columns, bool, one a row: the cell is empty.
        stays: columns of stays: `person`, `day`, `days`, `diagnosis`.
        prescriptions: columns of prescriptions: `person`, `day`, `atc`, `cancelled`.
    """

    index: np.ndarray
    no_index: np.ndarray
    death: np.ndarray
    emigration: np.ndarray
    sex: np.ndarray
    hospital: np.ndarray
    rows: Columns
    nulls: Columns
    stays: Columns
    prescriptions: Columns

    @property
    def persons(self) -> int:
        """How many there are."""
        return len(self.index)

    def with_rows(self, rows: Columns) -> Persons:
        """The same persons with other dispensings, none of whose cells is empty."""
        return replace(self, rows=rows, nulls={})

    def shifted(self, days: int) -> Persons:
        """All dates later by so many days."""
        return replace(
            self,
            index=self.index + days,
            death=np.where(self.death < FAR, self.death + days, FAR),
            emigration=np.where(self.emigration < FAR, self.emigration + days, FAR),
            rows={**self.rows, "day": self.rows["day"] + days},
            stays={**self.stays, "day": self.stays["day"] + days},
            prescriptions={**self.prescriptions, "day": self.prescriptions["day"] + days},
        )

    def population(self) -> Population:
        """The persons for the core."""
        ids = np.zeros((self.persons, 16), np.uint8)
        ids[:, 8:] = np.arange(self.persons, dtype=">u8").view(np.uint8).reshape(-1, 8)
        return Population(
            hashed_ids=pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(16), self.persons, [None, pa.py_buffer(ids.tobytes())]
            ),
            index_date=_dates(self.index, self.no_index),
            birth_date=_dates(self.index - 365 * (50 + 7 * self.hospital)),
            sex=pa.array(self.sex, pa.uint8()),
            strata={"hospital": pa.DictionaryArray.from_arrays(pa.array(self.hospital, pa.int32()), ["A", "B", "C"])},
        )

    def events(self) -> dict[str, PersonEvents]:
        """The rows of each register."""
        told = self.stays
        main = pa.DictionaryArray.from_arrays(pa.array(told["diagnosis"], pa.int32()), pa.array(DIAGNOSES))
        stays = {
            "admission_date": _dates(told["day"]),
            "discharge_date": _dates(told["day"] + told["days"]),
            "main_diagnosis": main,
        }
        return {
            "lmed": _events(self.persons, self.rows["person"], self._sorted_by(), self._dispensings()),
            "eprescriptions": self._prescribed(),
            "par_sv": _events(self.persons, told["person"], told["day"], (stays, {})),
            "dors": self._exits(self.death, "death_date"),
            "migration": self._exits(self.emigration, "emigration_date"),
        }

    def _sorted_by(self) -> np.ndarray:
        """Day of each row; a row without a date comes last."""
        days = self.rows["day"]
        return np.where(self.nulls["day"], 2 * FAR, days) if "day" in self.nulls else days

    def _dispensings(self) -> tuple[dict[str, pa.Array], dict[str, int]]:
        rows, nulls = self.rows, self.nulls
        columns: dict[str, pa.Array] = {"dispensing_date": _dates(rows["day"], nulls.get("day"))}
        for name, own in rows.items():
            if name in ("person", "day"):
                continue
            if name in _DICTIONARIES:
                codes = pa.array(own, pa.int32(), mask=nulls.get(name))
                columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(_DICTIONARIES[name]))
            elif name == "prescribing_reason":
                columns[name] = _lists(own)
            else:
                columns[name] = pa.array(own * SCALES.get(name, 1), pa.int64(), mask=nulls.get(name))
        strengths = pa.array(rows["atc"], pa.int32())
        columns["strength_text"] = pa.DictionaryArray.from_arrays(strengths, pa.array(STRENGTH))
        return columns, SCALES

    def _prescribed(self) -> PersonEvents:
        told = self.prescriptions
        columns = {
            "prescribing_date": _dates(told["day"]),
            "atc": pa.DictionaryArray.from_arrays(pa.array(told["atc"], pa.int32()), pa.array(ATC)),
            "cancelled": pa.array(told["cancelled"], pa.int32()),
        }
        return _events(self.persons, told["person"], told["day"], (columns, {}))

    def _exits(self, days: np.ndarray, column: str) -> PersonEvents:
        who = np.flatnonzero(days < FAR)
        return _events(self.persons, who, days[who], ({column: _dates(days[who])}, {}))


def random_persons(seed: int, persons: int, *, reversals: bool = True) -> Persons:
    """Draw persons: some without any row, many rows on one day, doses and products that change, deaths, stays.

    Args:
        reversals: some rows are reversed ones.
    """
    rng = np.random.default_rng(seed)
    number = rng.integers(0, MOST_ROWS + 1, persons)
    person = np.repeat(np.arange(persons), number)
    visits = rng.integers(-160, 420, (persons, VISITS))
    rows = len(person)
    index = rng.integers(0, 60, persons)
    dies, leaves = rng.random(persons) < 0.2, rng.random(persons) < 0.05
    stays = np.repeat(np.arange(persons), rng.integers(0, 4, persons))
    packages = rng.integers(1, 4, rows)
    if reversals:
        packages = np.where(rng.random(rows) < 0.08, -packages, packages)
    supply = np.array([10, 28, 30, 60, 98])[rng.integers(0, 5, rows)]
    prescribed = np.repeat(np.arange(persons), rng.integers(0, 4, persons))
    columns = {
        "person": person,
        "day": index[person] + visits[person, rng.integers(0, VISITS, rows)],
        "atc": rng.integers(0, len(ATC), rows),
        "packages": packages,
        "units_per_package": supply,
        "days_supply": np.maximum(supply * np.abs(packages) // rng.integers(1, 3, rows), 1),
        "daily_dose": DOSES[rng.integers(0, len(DOSES), rows)],
        "ddd_per_package": supply * 2,
        "cost_total": rng.integers(0, 500, rows) * np.sign(packages),
        "cost_benefit": rng.integers(0, 200, rows) * np.sign(packages),
        "cost_patient": rng.integers(0, 100, rows) * np.sign(packages),
        "dosage_text": rng.integers(0, len(DOSAGES), rows),
        "substitution": rng.integers(0, len(SUBSTITUTION), rows),
        "prescribing_reason": rng.integers(-1, len(REASONS), rows),
    }
    return Persons(
        index=index,
        no_index=np.zeros(persons, np.bool_),
        death=np.where(dies, index + rng.integers(-20, 450, persons), FAR),
        emigration=np.where(leaves, index + rng.integers(0, 450, persons), FAR),
        sex=rng.integers(1, 3, persons),
        hospital=rng.integers(0, 3, persons),
        rows=columns,
        nulls={},
        stays={
            "person": stays,
            "day": index[stays] + rng.integers(-60, 420, len(stays)),
            "days": rng.integers(0, 20, len(stays)),
            "diagnosis": rng.integers(0, len(DIAGNOSES), len(stays)),
        },
        prescriptions={
            "person": prescribed,
            "day": index[prescribed] + rng.integers(-30, 200, len(prescribed)),
            "atc": rng.integers(0, len(ATC), len(prescribed)),
            "cancelled": (rng.random(len(prescribed)) < 0.1).astype(np.int64),
        },
    )


def joined_rows(*tables: Columns) -> Columns:
    """Rows of all tables, one behind the other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def taken_rows(rows: Columns, places: np.ndarray) -> Columns:
    """Some of the rows."""
    return {name: column[places] for name, column in rows.items()}


def _events(
    persons: int, person: np.ndarray, day: np.ndarray, told: tuple[dict[str, pa.Array], Mapping[str, int]]
) -> PersonEvents:
    columns, scales = told
    order = pa.array(np.lexsort((day, person)))
    fields = [
        pa.field(name, column.type, metadata={b"scale": str(scales[name]).encode()} if name in scales else None)
        for name, column in columns.items()
    ]
    counts = np.bincount(person, minlength=persons)
    return PersonEvents(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        rows=pa.RecordBatch.from_arrays([column.take(order) for column in columns.values()], schema=pa.schema(fields)),
        found=counts > 0,
    )


def _dates(days: np.ndarray, empty: np.ndarray | None = None) -> pa.Array:
    return pa.array((days + EPOCH_DAY_0).astype(np.int32), pa.int32(), mask=empty).cast(pa.date32())


def _lists(code: np.ndarray) -> pa.ListArray:
    """One reason a row, or none."""
    offsets = np.concatenate(([0], np.cumsum(code >= 0))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(REASONS).take(pa.array(code[code >= 0])))
