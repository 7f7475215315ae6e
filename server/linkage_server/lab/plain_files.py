"""Finds the engine's words among the columns of the laboratory's plain files.

The laboratory never opens the register store. Columns are found by the engine's word, by the names that the register's
definition accepts, by a few names in common use, or as told on the command line.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import InputRefused
from linkage.register_catalogue import shipped_registers
from linkage.register_variable import Role
from linkage_core.indicators.daily_dose import DOSE_IN_FULL
from linkage_core.indicators.drug_use import DDD_IN_FULL
from linkage_core.indicators.supply_in_full import IN_FULL

PERSON = "person"
PERSON_NAMES = ("person", "person_id", "personnummer", "personnr", "pnr", "lopnr", "patient_id", "id")

SCALES = {
    "packages": 100,
    "ddd_per_package": 10_000,
    "ddd_dispensed": 10_000,
    "cost_total": 100,
    "cost_benefit": 100,
    "cost_patient": 100,
    "daily_dose": 10_000,
    "strength_mg": 10_000,
}
"""Units per whole of the engine's measures; the others are whole numbers, or 1/10,000 where a file has fractions."""

WHOLE_NUMBERS = ("days_supply", "units_per_package")

_IN_FULL = {"days_supply": IN_FULL, "ddd_dispensed": DDD_IN_FULL, "daily_dose": DOSE_IN_FULL}
"""Measures that some kinds compute with as a file has them, beside the scaled column, which rounds them."""

_IN_COMMON_USE = {
    "product": ("pack_id", "package_id", "vnr"),
    "atc": ("atc_code",),
    "packages": ("packs", "antal"),
    "units_per_package": ("pack_size",),
    "strength_text": ("strength",),
    "days_supply": ("duration",),
    "ddd_dispensed": ("ddd",),
    "daily_dose": ("perday",),
    "substitution": ("substituted",),
    "admission_date": ("admitted",),
    "discharge_date": ("discharged",),
    "diagnosis": ("icd10",),
}
_EVENT_DATES = {
    "lmed": "dispensing_date",
    "par_sv": "admission_date",
    "par_ov": "admission_date",
    "cancer": "diagnosis_date",
    "dors": "death_date",
}


def with_concepts(
    table: pa.Table, *, register: str, told: Mapping[str, str], file_name: str, dates: Collection[str] = ()
) -> pa.Table:
    """Rename columns to the engine's words and bring them to its types; columns it has no word for keep their name.

    Args:
        register: its name, for the names that its definition accepts.
        told: concept -> column, from the command line.
        dates: columns that hold dates, beside all whose name ends in _date.

    Raises:
        InputRefused: a column that was told is missing, no column tells the person, or a column has the wrong type.
    """
    table = _with_lists(table, register)
    chosen = _choose(table.column_names, register=register, told=told, file_name=file_name)
    arrays: list[pa.ChunkedArray] = []
    fields: list[pa.Field] = []
    for name in table.column_names:
        concept = chosen.get(name, name.lower())
        column, scale = _typed(
            table[name],
            concept,
            is_date=concept.endswith("_date") or concept in dates,
            where=f"{file_name}, column {name!r}",
        )
        metadata = {b"scale": str(scale).encode()} if scale > 1 else None
        if concept not in {field.name for field in fields}:
            arrays.append(column)
            fields.append(pa.field(concept, column.type, metadata=metadata))
            if concept in _IN_FULL and scale > 1 and not pa.types.is_integer(table[name].type):
                arrays.append(table[name].cast(pa.float64()))
                fields.append(pa.field(_IN_FULL[concept], pa.float64()))
    return pa.table(arrays, schema=pa.schema(fields))


def event_date(register: str, columns: list[str]) -> str | None:
    """The column that orders a person's rows."""
    wanted = _EVENT_DATES.get(register, "")
    if wanted in columns:
        return wanted
    return next((name for name in columns if name.endswith("_date")), None)


def _choose(columns: list[str], *, register: str, told: Mapping[str, str], file_name: str) -> dict[str, str]:
    by_lower = {name.lower(): name for name in columns}
    chosen: dict[str, str] = {}
    for concept, names in {**_accepted(register), **{concept: (name,) for concept, name in told.items()}}.items():
        found = next((by_lower[name.lower()] for name in names if name.lower() in by_lower), None)
        if found is not None and (found not in chosen or concept in told):
            chosen[found] = concept
        elif found is None and concept in told:
            raise InputRefused(f"{file_name}: has no column {told[concept]!r}.", mend="Mend --column.")
    for concept, pattern in _patterns(register).items():
        if concept not in chosen.values():
            chosen |= {name: concept for name in columns if name not in chosen and pattern.fullmatch(name)}
    if PERSON not in chosen.values():
        raise InputRefused(f"{file_name}: no column tells the person.", mend=f"Say --column {register}.person=NAME.")
    return chosen


def _patterns(register: str) -> dict[str, re.Pattern[str]]:
    """Names that change from delivery to delivery, such as p444_lopnr_personnr."""
    definition = shipped_registers().get(register)
    variables = definition.variables if definition else ()
    return {
        PERSON if variable.role is Role.PERSON else variable.column: re.compile(variable.source_pattern, re.IGNORECASE)
        for variable in variables
        if variable.source_pattern
    }


def _with_lists(table: pa.Table, register: str) -> pa.Table:
    """Gather numbered columns (DIA1 to DIA30) into one column of lists, as the register's definition says."""
    definition = shipped_registers().get(register)
    by_lower = {name.lower(): name for name in table.column_names}
    for variable in definition.variables if definition else ():
        names = [by_lower[name.lower()] for name in variable.accepted_names() if name.lower() in by_lower]
        if variable.many and len(names) > 1 and variable.column not in table.column_names:
            gathered = _rows_as_lists([table[name] for name in names])
            table = table.drop_columns(names).append_column(variable.column, gathered)
    return table


def _rows_as_lists(columns: list[pa.ChunkedArray]) -> pa.Array:
    rows = len(columns[0])
    texts = pa.concat_arrays([chunk for column in columns for chunk in column.cast(pa.string()).chunks])
    row_by_row = np.arange(rows * len(columns)).reshape(len(columns), rows).T.ravel()
    texts = texts.take(pa.array(row_by_row))
    filled = pc.fill_null(pc.not_equal(texts, ""), False)
    counts = filled.to_numpy(zero_copy_only=False).reshape(rows, len(columns)).sum(axis=1)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), texts.filter(filled))


def _accepted(register: str) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {PERSON: PERSON_NAMES}
    date = _EVENT_DATES.get(register)
    if date is not None:
        names[date] = (date,)
    definition = shipped_registers().get(register)
    for variable in definition.variables if definition else ():
        if variable.concept:
            names[variable.concept] = (variable.concept, *variable.source_names)
    for concept, common in _IN_COMMON_USE.items():
        names[concept] = (concept, *names.get(concept, ())[1:], *common)
    if date is not None:
        names[date] = (*names[date], "date")
    return names


def _typed(column: pa.ChunkedArray, concept: str, *, is_date: bool, where: str) -> tuple[pa.ChunkedArray, int]:
    if concept == PERSON:
        return column, 1
    if is_date:
        return _read(_dates, column, where=where, mend="Write dates as 2024-03-31."), 1
    if concept in SCALES or concept in WHOLE_NUMBERS:
        mend = "Write numbers with a point for decimals."
        scale = SCALES.get(concept, 1)
        if concept in WHOLE_NUMBERS and not pa.types.is_integer(column.type):
            numbers = _read(lambda part: part.cast(pa.float64()), column, where=where, mend=mend)
            scale = 1 if _all_whole(numbers) else 10_000
        return _read(lambda part: _scaled(part, scale), column, where=where, mend=mend), scale
    if _is_list(column.type) or pa.types.is_dictionary(column.type) or pa.types.is_date(column.type):
        return column, 1
    texts = _read(lambda part: part.cast(pa.string()), column, where=where, mend="Mend the column or its mapping.")
    return texts.dictionary_encode(), 1


def _read(
    convert: Callable[[pa.ChunkedArray], pa.ChunkedArray], column: pa.ChunkedArray, *, where: str, mend: str
) -> pa.ChunkedArray:
    """A column converted; a refusal names the first row that cannot be, from 1 below the header, not its value."""
    try:
        return convert(column)
    except pa.ArrowException:
        row = bisect_left(range(1, len(column)), True, key=lambda rows: _fails(convert, column.slice(0, rows))) + 1
    raise InputRefused(f"{where}: row {row} below the header cannot be read.", mend=mend)


def _fails(convert: Callable[[pa.ChunkedArray], pa.ChunkedArray], column: pa.ChunkedArray) -> bool:
    try:
        convert(column)
    except pa.ArrowException:
        return True
    return False


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _dates(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column.cast(pa.date32())
    if pa.types.is_null(column.type):
        return column.cast(pa.date32())
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), None, text).cast(pa.date32())


def _all_whole(column: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(column, pc.round(column)), min_count=0).as_py())


def _scaled(column: pa.ChunkedArray, scale: int) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        return pc.multiply_checked(column.cast(pa.int64()), scale)
    return pc.round(pc.multiply(column.cast(pa.float64()), float(scale))).cast(pa.int64())
