"""The delivered columns of one variable as the stored columns of its definition, with what was wrong, row by row."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from linkage.register_catalogue import Action, Variable, VariableType
from linkage_server.registers.code_quality import malformed
from linkage_server.registers.convert_lists import convert_list
from linkage_server.registers.convert_values import (
    Converted,
    to_dates,
    to_partial_dates,
    to_scaled_decimals,
    to_truth_values,
    to_whole_numbers,
)
from linkage_server.registers.converted_column import ConvertedColumn, restore_zeros
from linkage_server.registers.distinct_texts import DistinctTexts, Mask, Places, distinct_texts
from linkage_server.registers.faults import Fault
from linkage_server.registers.identity_in_text import (
    holds_identity_number,
    is_identity_for_amount,
    is_identity_for_code,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH = date(1970, 1, 1)


def convert_column(variable: Variable, columns: Sequence[pa.Array], *, rows: int, today: date) -> ConvertedColumn:
    """Convert one variable of a batch.

    Args:
        variable: its definition.
        columns: delivered columns that hold it; none where this delivery lacks them.
        rows: length of the batch.
        today: day of loading; later dates are faults unless the definition allows them.
    """
    if variable.many:
        return convert_list(variable, columns, rows=rows)
    if not columns:
        nulls = [pa.nulls(rows, stored.type) for stored in variable.arrow_fields()]
        return _missing_checked(ConvertedColumn(variable, nulls, np.zeros(rows, np.bool_)))
    texts = distinct_texts(columns[0])
    if variable.type is VariableType.CODE:
        converted = _codes(variable, texts)
    elif variable.type is VariableType.STRING:
        converted = _strings(variable, texts)
    else:
        converted = _values(variable, texts, today=today)
    if texts.unreadable.any():
        converted.faults[Fault.NOT_READABLE] = texts.unreadable
    return _missing_checked(converted)


def _missing_checked(converted: ConvertedColumn) -> ConvertedColumn:
    if converted.variable.filled:
        told = np.logical_or.reduce([*converted.faults.values(), np.zeros(len(converted.filled), np.bool_)])
        converted.faults[Fault.MISSING_VALUE] = ~converted.filled & ~told
    return converted


def _codes(variable: Variable, texts: DistinctTexts) -> ConvertedColumn:
    padded, restored = restore_zeros(texts.texts, width=variable.width)
    encoded = padded.dictionary_encode()
    codes = encoded.dictionary
    of_text = encoded.indices.to_numpy(zero_copy_only=False)
    judged = {Fault.HOLDS_IDENTITY: is_identity_for_code(codes, variable=variable)}
    if variable.bad_code is Action.QUARANTINE:
        judged[Fault.BAD_CODE] = malformed(codes, variable=variable)
    filled = _filled(texts)
    indices = np.append(of_text, 0).astype(np.uint32)[texts.places]
    return ConvertedColumn(
        variable,
        [pa.DictionaryArray.from_arrays(pa.array(indices, mask=None if texts.everywhere else ~filled), codes)],
        filled,
        {fault: texts.rows_where(mask[of_text]) for fault, mask in judged.items() if mask.any()},
        zeros_restored=texts.rows_where(restored) if restored.any() else None,
    )


def _strings(variable: Variable, texts: DistinctTexts) -> ConvertedColumn:
    filled = _filled(texts)
    indices = pa.array(texts.places, mask=None if texts.everywhere else ~filled)
    identities = holds_identity_number(texts.texts)
    faults = {Fault.HOLDS_IDENTITY: texts.rows_where(identities)} if identities.any() else {}
    return ConvertedColumn(variable, [texts.texts.take(indices)], filled, faults)


def _values(variable: Variable, texts: DistinctTexts, *, today: date) -> ConvertedColumn:
    converted = _convert(variable, texts.texts)
    faults = dict(converted.faults)
    faulty = np.logical_or.reduce([*faults.values(), np.zeros(len(texts.texts), np.bool_)])
    if variable.type in (VariableType.DECIMAL, VariableType.INTEGER):
        identities = is_identity_for_amount(texts.texts) & ~faulty
        if identities.any():
            faults[Fault.HOLDS_IDENTITY] = identities
            faulty |= identities
    for fault, mask in _outside(variable, converted.values, today=today).items():
        faults[fault] = mask & ~faulty
        if converted.absent is not None:
            faults[fault] &= ~converted.absent
    if converted.rounded is not None and variable.inexact == "quarantine":
        faults[Fault.NOT_EXACT] = converted.rounded & ~faulty
    wrong = np.logical_or.reduce([*faults.values(), faulty])
    usable = ~wrong if converted.absent is None else ~wrong & ~converted.absent
    filled = texts.rows_where(usable)
    stored = variable.arrow_fields()
    absent = None if texts.everywhere and usable.all() else ~filled
    arrays = [_typed(np.where(usable, converted.values, 0), texts.places, absent, stored[0].type)]
    if converted.precision is not None:
        arrays.append(texts.texts.take(pa.array(texts.places, mask=texts.places < 0)))
        known = np.append(np.where(wrong, 0, converted.precision), 0).astype(np.uint8)[texts.places]
        arrays.append(pa.array(known, pa.uint8(), mask=texts.places < 0))
    return ConvertedColumn(
        variable,
        arrays,
        filled,
        {fault: texts.rows_where(mask) for fault, mask in faults.items() if mask.any()},
        rounded=texts.rows_where(converted.rounded) if converted.rounded is not None else None,
    )


def _convert(variable: Variable, texts: pa.StringArray) -> Converted:
    match variable.type:
        case VariableType.DECIMAL:
            return to_scaled_decimals(texts, scale=variable.scale)
        case VariableType.DATE:
            return to_dates(texts)
        case VariableType.PARTIAL_DATE:
            return to_partial_dates(texts, unknown_parts=variable.unknown_parts)
        case VariableType.BOOLEAN:
            return to_truth_values(texts)
        case _:
            return to_whole_numbers(texts)


def _outside(variable: Variable, values: Places, *, today: date) -> dict[Fault, Mask]:
    """Values outside the ranges of the definition or of the column's type."""
    if variable.type in (VariableType.DATE, VariableType.PARTIAL_DATE):
        outside: dict[Fault, Mask] = {}
        if variable.earliest is not None:
            outside[Fault.TOO_EARLY] = values < (variable.earliest - EPOCH).days
        if not variable.future:
            outside[Fault.IN_THE_FUTURE] = values > (today - EPOCH).days
        return outside
    if variable.type is VariableType.BOOLEAN:
        return {}
    beyond = np.zeros(len(values), np.bool_)
    if variable.minimum is not None:
        beyond |= values < variable.minimum * variable.scale
    if variable.maximum is not None:
        beyond |= values > variable.maximum * variable.scale
    too_large = np.abs(values) > np.iinfo(np.int32).max if variable.bits == 32 else np.zeros(len(values), np.bool_)
    return {Fault.OUT_OF_RANGE: beyond, Fault.TOO_LARGE: too_large & ~beyond}


def _filled(texts: DistinctTexts) -> Mask:
    return np.ones(len(texts.places), np.bool_) if texts.everywhere else texts.places >= 0


def _typed(values: Places, places: Places, absent: Mask | None, kind: pa.DataType) -> pa.Array:
    """The value of each row as its column's type; a row whose place is -1 is absent."""
    of_texts = np.append(values, 0)
    if pa.types.is_boolean(kind):
        return pa.array(of_texts.astype(np.bool_)[places], mask=absent)
    if pa.types.is_date32(kind):
        return pa.array(of_texts.astype(np.int32)[places], pa.int32(), mask=absent).cast(pa.date32())
    width = np.int64 if pa.types.is_int64(kind) else np.int32
    return pa.array(of_texts.astype(width)[places], kind, mask=absent)
