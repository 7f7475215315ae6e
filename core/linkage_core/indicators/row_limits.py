"""What rows tell about persons: age, sex and places, as limits of criteria and as properties of who is selected."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds import CodeSet
from linkage.indicator_kinds.criteria import CodeLimit, Criterion
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import coded
from linkage_core.indicators.values import Bools, Int32s, Int64s, UInt8s

UNKNOWN_AGE = np.int32(-1)
_MOST_YEARS = 150
SEXES = {"1": 1, "m": 1, "man": 1, "male": 1, "2": 2, "f": 2, "k": 2, "kvinna": 2, "woman": 2, "female": 2}
"""Texts for the sexes, as numbers of a population's column: 1 man, 2 woman."""


def meets_limits(criterion: Criterion, events: PersonEvents, place: Int64s) -> Bools:
    """bool, one a place: the row meets the limits of age, sex and place of a criterion.

    Raises:
        EventsRejected: the register lacks a column; names it.
    """
    meets = np.ones(len(place), np.bool_)
    if (age := criterion.age) is not None:
        years = ages(column_of(events, criterion, age.column), place)
        meets &= (years >= age.from_years) & (years <= age.to_years) & (years != UNKNOWN_AGE)
    if (sex := criterion.sex) is not None:
        meets &= sexes(column_of(events, criterion, sex.column), place) == SEXES[sex.sex]
    for limit in criterion.where:
        rows = column_of(events, criterion, limit.column).take(pa.array(place))
        meets &= holds_code(rows, _as_code_set(limit))
    return meets


def ages(column: pa.Array, place: Int64s) -> Int32s:
    """int32, one a place: completed years; -1 where the row does not tell them."""
    rows = column.take(pa.array(place))
    if pa.types.is_dictionary(rows.type) or pa.types.is_string(rows.type):
        texts = coded(rows)
        years = np.array([*map(_years, texts.texts), UNKNOWN_AGE], np.int32)
        return years[texts.code]
    years = np.asarray(rows.cast(pa.int32()).fill_null(int(UNKNOWN_AGE)), np.int32)
    return np.where((years >= 0) & (years <= _MOST_YEARS), years, UNKNOWN_AGE)


def sexes(column: pa.Array, place: Int64s) -> UInt8s:
    """uint8, one a place: 1 man, 2 woman, 0 where the row does not tell."""
    texts = coded(column.take(pa.array(place)).cast(pa.string()))
    return np.array([*(SEXES.get(text.strip().lower(), 0) for text in texts.texts), 0], np.uint8)[texts.code]


def levels(column: pa.Array, place: Int64s) -> tuple[Int32s, list[str]]:
    """int32, one a place, and the texts that the numbers stand for; -1 where the row tells nothing."""
    rows = column.take(pa.array(place))
    texts = coded(rows if pa.types.is_dictionary(rows.type) else rows.cast(pa.string()))
    return texts.code, list(texts.texts)


def holds_code(column: pa.Array, code_set: CodeSet) -> Bools:
    """bool, one a row: its code, or one of its list of codes, belongs to the set."""
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    values = column.flatten() if is_list else column
    member = coded(values if pa.types.is_dictionary(values.type) else values.cast(pa.string())).belong([code_set])
    if not is_list:
        return member
    lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    return np.bincount(np.repeat(np.arange(len(lengths)), lengths)[member], minlength=len(lengths)) > 0


def column_of(events: PersonEvents, criterion: Criterion, name: str) -> pa.Array:
    """A column of the criterion's register.

    Raises:
        EventsRejected: the register lacks it.
    """
    if name not in events.rows.schema.names:
        raise EventsRejected(
            f"register {criterion.register_name!r} has no column {name!r}.",
            mend="Name a column that the register delivers.",
        )
    return events.rows.column(name)


def _as_code_set(limit: CodeLimit) -> CodeSet:
    # Codes of any system are compared by their beginnings, as those of ICD are.
    return CodeSet(system="icd10", include=list(dict.fromkeys(prefix.upper() for prefix in limit.starts_with)))


def _years(text: str) -> int:
    return int(text) if text.strip().isdecimal() and int(text) <= _MOST_YEARS else int(UNKNOWN_AGE)
