"""Five made-up persons whose dispensings and events suit any indicator: the rows of a worked example.

    Anna   begins on day 5, goes on, and once comes late
    Bo     has used the drug before day 0, and stops; his last dispensing is taken back
    Cilla  has no rows
    David  begins late and dies
    Eva    changes to another drug of the same codes; where many drugs are counted, she has many

Days are counted from day 0, the index day. Where an indicator looks back from it, all dispensings lie 300 days earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from linkage.code_systems import OF_CODE_SETS
from linkage.indicator_definition import IndicatorSet, needed_columns
from linkage.indicator_kinds import (
    Calendar,
    CodeSet,
    DoseAboveLimit,
    DrugsAtDate,
    GenericSubstitution,
    HighIntensity,
    Indicator,
    Polypharmacy,
)
from linkage.register_catalogue import RegisterDefinition
from linkage.register_variable import Variable, VariableType
from linkage_core.events import PersonEvents, Population, events_from_table

PERSONS = ("Anna", "Bo", "Cilla", "David", "Eva")
DAY_0 = date(2024, 3, 1)
DIED = {"David": 200}
_LOOK_BACK = -300
_STARTS = {"Anna": (5, 95, 190, 330), "Bo": (-100, -10, 80, 170), "David": (40, 130), "Eva": (10, 100, 190, 285)}
_TAKEN_BACK = ("Bo", 170, 172)
_EVENTS = {"Anna": (12,), "Bo": (150,), "Eva": (-30, 60)}
STAY_DAYS = 5
_USUAL: Mapping[str, object] = {
    "packages": 1,
    "units_per_package": 98,
    "dosage_text": "1 tablett dagligen",
    "days_supply": 98,
    "ddd_per_package": 98,
    "ddd_dispensed": 98,
    "daily_dose": 1,
    "strength_text": "40 mg",
    "cost_total": 120,
    "cost_benefit": 80,
    "cost_patient": 40,
    "cancelled": 0,
}
"""What every dispensing says: a package of 98 tablets, one a day."""

_REVERSED = {
    "packages": -1,
    "ddd_dispensed": -98,
    "cost_total": -120,
    "cost_benefit": -80,
    "cost_patient": -40,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a register.

    Args:
        day: from day 0.
        says: values by column; a column that is not here has its usual value.
    """

    person: str
    day: int
    code: str = ""
    says: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExampleRows:
    """The rows of one example.

    Args:
        day_0: the day that is day 0.
        dispensings: of the drug register; `events`: of every other register that is read.
    """

    day_0: date
    dispensings: Sequence[Row]
    events: Mapping[str, Sequence[Row]]


def rows_for(definition: IndicatorSet, indicator: Indicator) -> ExampleRows:
    """Rows that show what an indicator counts."""
    alone = definition.model_copy(update={"indicators": [indicator]})
    moved = _LOOK_BACK if _looks_back(indicator) else 0
    registers = needed_columns(alone)
    calendar = getattr(indicator, "calendar", None)
    day_0 = calendar.from_date + timedelta(days=30) if isinstance(calendar, Calendar) else DAY_0
    deaths = {definition.exits.death.register_name} if definition.exits.death else set()
    events = {
        name: [Row(who, day) for who, day in DIED.items()] if name in deaths else _events(moved)
        for name in registers
        if name != "lmed"
    }
    codes = [definition.codes[name] for name in indicator.code_sets]
    drugs = [one for one in codes if one.system == "atc"]
    if not drugs and "lmed" in registers:
        drugs = [CodeSet.model_validate({"atc_include": ["C10AA", "C09AA"]})]
    return ExampleRows(day_0, sorted(_dispensings(drugs, indicator, moved), key=lambda row: row.day), events)


def _looks_back(indicator: Indicator) -> bool:
    if days := getattr(indicator, "at_day", None):
        return bool(max(days) <= 0)
    window = getattr(indicator, "window", None) or getattr(indicator, "observe", None)
    return window is not None and hasattr(window, "to_days") and max(window.to_days) <= 1


def _dispensings(drugs: Sequence[CodeSet], indicator: Indicator, moved: int) -> Iterator[Row]:
    many = max(indicator.at_least, default=1) if isinstance(indicator, DrugsAtDate | Polypharmacy) else 1
    for place, codes in enumerate(drugs):
        known = [*_named(indicator), *codes_of(codes, at_most=max(2, many))]
        for who, days in _STARTS.items():
            if place and who == "Bo":
                continue
            # The second group is begun a little later, by David much later, and given up by Eva.
            late = place * (20 if who == "David" else 2)
            for number, day in enumerate(days):
                if place and who == "Eva" and number > 1:
                    continue
                own = known[1 if who == "Eva" and number > 1 else 0]
                for code in dict.fromkeys(known) if who == "Eva" and many > 1 else [own]:
                    yield Row(who, moved + day + late, code, _says(indicator, who, number))
        if not place:
            who, _, day = _TAKEN_BACK
            yield Row(who, moved + day, known[0], _REVERSED)


def _named(indicator: Indicator) -> list[str]:
    """Codes that the definition itself singles out."""
    if isinstance(indicator, HighIntensity):
        return [one.atc for one in indicator.thresholds]
    return [one.atc for one in indicator.limits] if isinstance(indicator, DoseAboveLimit) else []


def _says(indicator: Indicator, who: str, number: int) -> Mapping[str, object]:
    """What differs from row to row: Anna's dose from her third dispensing on, and which products were substituted."""
    says: dict[str, object] = {}
    if who == "Anna" and number >= 2 and getattr(indicator, "needs_dose", False):
        says["daily_dose"] = 2
    if isinstance(indicator, GenericSubstitution):
        codes = indicator.substituted if who == "Anna" and number else indicator.not_substituted
        says[indicator.code_column] = codes[0]
    return says


def _events(moved: int) -> list[Row]:
    return [Row(who, moved + day) for who, days in _EVENTS.items() for day in days]


def codes_of(codes: CodeSet, *, at_most: int) -> list[str]:
    """Whole codes of a code set, from different prefixes as far as there are; at least two, if need be twice one."""
    found: list[str] = []
    endings = ("", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10")
    for ending in endings:
        for prefix in codes.include:
            code = _completed(prefix, ending, system=codes.system)
            belongs = code.startswith(tuple(codes.include)) and not code.startswith(tuple(codes.exclude))
            if belongs and code not in found:
                found.append(code)
    return (found * 2)[: max(at_most, 2)]


def _completed(prefix: str, ending: str, *, system: str) -> str:
    if system == "atc":
        model = "C01AA"
        level = prefix + model[len(prefix) :] if len(prefix) < len(model) else prefix
        return level if len(level) == 7 else level[:5] + (ending or "01")
    if system == "icd10":
        return prefix if len(prefix) > 3 else prefix + "I21"[len(prefix) :] + (ending[-1:] or "9")
    if system == "kva":
        return prefix + "FNG05"[len(prefix) :]
    return prefix


def population_of(rows: ExampleRows) -> Population:
    """The five persons, born 1950, women and men in turn."""
    persons = len(PERSONS)
    return Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(persons)], pa.binary(16)),
        index_date=pa.array([rows.day_0] * persons, pa.date32()),
        birth_date=pa.array([date(1950, 1, 1)] * persons, pa.date32()),
        sex=pa.array([2, 1, 2, 1, 2], pa.uint8()),
    )


def events_of(
    rows: ExampleRows, definition: IndicatorSet, *, registers: Mapping[str, RegisterDefinition]
) -> dict[str, PersonEvents]:
    """The rows as registers hold them, with the columns that the set reads, typed as their definitions say.

    Args:
        definition: the set with the one indicator.
    """
    codes = {OF_CODE_SETS[one.system][0]: codes_of(one, at_most=2)[0] for one in definition.codes.values()}
    return {
        name: _register(
            rows.dispensings if name == "lmed" else rows.events.get(name, ()),
            sorted(columns),
            variables={variable.column: variable for variable in registers[name].variables}
            if name in registers
            else {},
            codes=codes,
            day_0=rows.day_0,
        )
        for name, columns in needed_columns(definition).items()
    }


def _register(
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    variables: Mapping[str, Variable],
    codes: Mapping[str, str],
    day_0: date,
) -> PersonEvents:
    arrays: list[pa.Array] = [pa.array([row.person for row in rows], pa.string())]
    fields = [pa.field("person", pa.string())]
    for column in columns:
        variable = variables.get(column)
        values = [_value(row, column, variable, codes=codes, day_0=day_0) for row in rows]
        array, metadata = _typed(values, variable)
        arrays.append(array)
        fields.append(pa.field(column, array.type, metadata=metadata))
    dates = [name for name in columns if name.endswith("_date")]
    first = next((name for name in dates if name in ("dispensing_date", "admission_date")), dates[0] if dates else None)
    return events_from_table(
        pa.table(arrays, schema=pa.schema(fields)),
        person_column="person",
        person_order=pa.array(PERSONS, pa.string()),
        date_column=first,
    )


def _value(row: Row, column: str, variable: Variable | None, *, codes: Mapping[str, str], day_0: date) -> object:
    if column in row.says:
        return row.says[column]
    if column.endswith("_date") or (variable is not None and variable.type is VariableType.DATE):
        return day_0 + timedelta(days=row.day + (STAY_DAYS if column == "discharge_date" else 0))
    if column == "atc":
        return row.code or codes.get("atc")
    if column == "product":
        # One product a code, so that what is taken back finds what it came from.
        return f"{sum(map(ord, row.code)) % 1_000_000:06}"
    if column in _USUAL:
        return _USUAL[column]
    code = codes.get(variable.code_system or "") if variable is not None else None
    return [code] if code and variable is not None and variable.many else code


# Any: values of one column.
def _typed(values: Sequence[Any], variable: Variable | None) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    if any(isinstance(value, date) for value in values):
        return pa.array(values, pa.date32()), None
    if variable is not None and variable.type is VariableType.DECIMAL:
        scaled = [None if value is None else round(value * variable.scale) for value in values]
        return pa.array(scaled, pa.int64()), {b"scale": str(variable.scale).encode()}
    if any(isinstance(value, int) for value in values):
        return pa.array(values, pa.int32()), None
    if any(isinstance(value, list) for value in values):
        return pa.array(values, pa.list_(pa.string())), None
    return pa.array(values, pa.string()).dictionary_encode(), None
