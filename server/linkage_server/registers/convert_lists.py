"""Variables with several values a row: from several columns (DIA1 to DIA30) or from one column with a separator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_catalogue import Action, Variable, VariableType
from linkage_server.registers.code_quality import malformed
from linkage_server.registers.convert_values import to_whole_numbers
from linkage_server.registers.converted_column import ConvertedColumn, restore_zeros
from linkage_server.registers.distinct_texts import Mask, Places, distinct_texts
from linkage_server.registers.faults import Fault
from linkage_server.registers.identity_in_text import is_identity_for_code


def convert_list(variable: Variable, columns: Sequence[pa.Array], *, rows: int) -> ConvertedColumn:
    """Convert a list variable; values keep the order of the columns and of the text, blanks are left out.

    A row without values has an empty list; where the delivery lacks the columns altogether, null.
    """
    kind = variable.arrow_fields()[0].type
    if not columns:
        return ConvertedColumn(variable, [pa.nulls(rows, kind)], np.zeros(rows, np.bool_))
    value_rows, values, unreadable = _gather(variable, columns, rows=rows)
    padded, restored = restore_zeros(values, width=variable.width)
    encoded = padded.dictionary_encode()
    codes = encoded.dictionary
    places = encoded.indices.cast(pa.int64()).to_numpy(zero_copy_only=False)
    counts = np.bincount(value_rows, minlength=rows)
    offsets = pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))
    faults: dict[Fault, Mask] = {Fault.NOT_READABLE: unreadable}
    if variable.type is VariableType.INTEGER:
        whole = to_whole_numbers(codes)
        for fault, mask in whole.faults.items():
            faults[fault] = _rows_of(mask[places], value_rows, rows)
        elements = pa.array(whole.values[places], pa.int64()).cast(kind.value_type, safe=False)
        if variable.bits == 32:
            faults[Fault.TOO_LARGE] = _rows_of((np.abs(whole.values) >= 2**31)[places], value_rows, rows)
    else:
        elements = padded
    if variable.bad_code is Action.QUARANTINE:
        faults[Fault.BAD_CODE] = _rows_of(malformed(codes, variable=variable)[places], value_rows, rows)
    identities = is_identity_for_code(codes, variable=variable)
    faults[Fault.HOLDS_IDENTITY] = _rows_of(identities[places], value_rows, rows)
    if variable.maximum_values is not None:
        faults[Fault.TOO_MANY_VALUES] = counts > variable.maximum_values
    if variable.filled:
        faults[Fault.MISSING_VALUE] = counts == 0
    return ConvertedColumn(
        variable,
        [pa.ListArray.from_arrays(offsets, elements).cast(kind)],
        counts > 0,
        {fault: mask for fault, mask in faults.items() if mask.any()},
        zeros_restored=_rows_of(restored, value_rows, rows) if restored.any() else None,
    )


def _gather(variable: Variable, columns: Sequence[pa.Array], *, rows: int) -> tuple[Places, pa.StringArray, Mask]:
    """All values with their rows, in row order and then in the order of the columns; and rows not readable."""
    found_rows: list[Places] = []
    found: list[pa.StringArray] = []
    unreadable = np.zeros(rows, np.bool_)
    for column in columns:
        parents = np.arange(rows)
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False).astype(np.int64)
            column = pc.list_flatten(column)  # noqa: PLW2901 - the column, flat
        texts = distinct_texts(column)
        unreadable[parents[texts.unreadable]] = True
        filled = texts.places >= 0
        parents, values = parents[filled], texts.texts.take(pa.array(texts.places[filled]))
        if variable.separator is not None:
            split = pc.split_pattern(values, variable.separator)
            parents = parents[pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)]
            values = pc.utf8_trim_whitespace(pc.list_flatten(split))
            written = pc.not_equal(values, "").to_numpy(zero_copy_only=False)
            parents, values = parents[written], values.filter(pa.array(written))
        found_rows.append(parents)
        found.append(values)
    if len(columns) == 1:
        return found_rows[0], found[0], unreadable
    in_columns = np.concatenate(found_rows)
    order = np.argsort(in_columns, kind="stable")
    return in_columns[order], pa.concat_arrays(found).take(pa.array(order)), unreadable


def _rows_of(of_values: Mask, value_rows: Places, rows: int) -> Mask:
    mask = np.zeros(rows, np.bool_)
    mask[value_rows[of_values]] = True
    return mask
