"""Drawn tables for tests of indicators: persons and rows as a statistician would write them on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage_core.events import PersonEvents, Population, events_from_table
from linkage_core.indicators import PersonValues, evaluate

DAY_0 = date(2020, 1, 1)
"""Index day of every person of a drawn table: rows are written in days from it."""

DISPENSING_SCALES = {"packages": 100, "ddd_per_package": 100, "cost_total": 100, "cost_patient": 100}
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06", "B01AC34"]
[codes.p2y12]
atc_include = ["B01AC04", "B01AC34"]
[supply.given]
steps = ["days_supply"]
cap_days = 1000
[supply.frozen]
steps = ["days_supply"]
cap_days = 1000
hospital = "freeze"
"""


def drawn_set(*indicators: str, header: str = HEADER) -> IndicatorSet:
    """A set with the code sets and supplies of the drawn tables and the given [[indicator]] bodies."""
    return load_indicator_set(header + "".join(f"\n[[indicator]]\n{body}\n" for body in indicators))


def population(
    persons: Sequence[str], *, index: bool = True, index_days: Mapping[str, int] | None = None, **columns: Any
) -> Population:
    """Persons by name, all with index day 0 unless `index_days` says otherwise."""
    days = [DAY_0 + timedelta(days=(index_days or {}).get(name, 0)) for name in persons]
    return Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(len(persons))], pa.binary(16)),
        index_date=pa.array(days, pa.date32()) if index else None,
        **columns,
    )


def register(persons: Sequence[str], rows: Sequence[Mapping[str, Any]], *, date_column: str) -> PersonEvents:
    """Rows as dicts: `person`, `day` (from day 0; None for no date), and concepts; absent cells are null."""
    names = sorted({name for row in rows for name in row} - {"person", "day"})
    table = {
        "person": pa.array([row["person"] for row in rows], pa.string()),
        date_column: pa.array([_date(row.get("day")) for row in rows], pa.date32()),
    }
    fields = [pa.field("person", pa.string()), pa.field(date_column, pa.date32())]
    for name in names:
        table[name], field = _column(name, [row.get(name) for row in rows])
        fields.append(field)
    return events_from_table(
        pa.table(list(table.values()), schema=pa.schema(fields)),
        person_column="person",
        person_order=pa.array(persons, pa.string()),
        date_column=date_column,
    )


def _date(day: int | date | None) -> date | None:
    return DAY_0 + timedelta(days=day) if isinstance(day, int) else day


def _column(name: str, values: list[Any]) -> tuple[pa.Array, pa.Field]:
    scale = DISPENSING_SCALES.get(name)
    if scale:
        column = pa.array([None if value is None else round(value * scale) for value in values], pa.int64())
        return column, pa.field(name, pa.int64(), metadata={b"scale": str(scale).encode()})
    if any(isinstance(value, date) for value in values):
        column = pa.array(values, pa.date32())
    elif any(isinstance(value, list) for value in values):
        column = pa.array(values, pa.list_(pa.string()))
    elif any(isinstance(value, str) for value in values):
        column = pa.array(values, pa.string()).dictionary_encode()
    else:
        column = pa.array(values, pa.int32())
    return column, pa.field(name, column.type)


def dispensed(*rows: str) -> list[dict[str, Any]]:
    """Rows written `person day atc packages days_supply`, for instance "anna 0 C10AA05 1 30"; `-` is a null."""
    found = []
    for row in rows:
        person, day, atc, packages, supply = row.split()
        found.append(
            {
                "person": person,
                "day": None if day == "-" else int(day),
                "atc": None if atc == "-" else atc,
                "packages": None if packages == "-" else float(packages),
                "days_supply": None if supply == "-" else int(supply),
            }
        )
    return found


def lmed(persons: Sequence[str], *rows: str) -> PersonEvents:
    """A drug register of drawn rows."""
    return register(persons, dispensed(*rows), date_column="dispensing_date")


def lmed_with_doses(persons: Sequence[str], *rows: str) -> PersonEvents:
    """The same with a daily dose at the end of each row, for instance "anna 0 C10AA05 1 30 20"."""
    parts = [row.rpartition(" ") for row in rows]
    drawn = dispensed(*(head for head, _, _ in parts))
    doses = [None if dose == "-" else int(dose) for _, _, dose in parts]
    told = [{**row, "daily_dose": dose} for row, dose in zip(drawn, doses, strict=True)]
    return register(persons, told, date_column="dispensing_date")


def deaths(persons: Sequence[str], days: Mapping[str, int]) -> PersonEvents:
    """A cause-of-death register."""
    rows = [{"person": person, "day": day} for person, day in days.items()]
    return register(persons, rows, date_column="death_date")


def stays(persons: Sequence[str], own: Mapping[str, Sequence[tuple[int, int]]]) -> PersonEvents:
    """Hospital stays [admitted, discharged) of each person."""
    rows = [
        {"person": person, "day": admitted, "discharge_date": DAY_0 + timedelta(days=discharged)}
        for person, spans in own.items()
        for admitted, discharged in spans
    ]
    return register(persons, rows, date_column="admission_date")


def outcome(value: PersonValues) -> list[tuple[float | None, str]]:
    """(value, reason) of each person; a fraction as covered days of observed days is value / of."""
    said = []
    for place in range(len(value.value)):
        number: float | None = None
        if value.has_value[place]:
            of = int(value.of[place]) if value.of is not None else value.scale
            number = int(value.value[place]) / of
        said.append((number, value.reasons[value.reason[place]]))
    return said


def evaluated(
    definition: IndicatorSet, *, population: Population, until: Mapping[str, date] | None = None, **events: PersonEvents
) -> dict[str, PersonValues]:
    """Every value of a set by its name, `indicator/parameters`."""
    values = evaluate(definition, population=population, events=events, data_until=until or {})
    return {value.name: value for value in values}
