"""Rules that look at several variables of one row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_rules import NotAfter, RefusedValues, RowRule, SumOf, YearOf
from linkage_server.registers.converted_column import ConvertedColumn
from linkage_server.registers.distinct_texts import Mask


def rows_breaking(rule: RowRule, columns: Mapping[str, ConvertedColumn]) -> Mask:
    """Which rows break the rule; a row that lacks one of the values passes.

    Args:
        rule: from the register's definition.
        columns: converted variables by name.
    """
    value = columns[rule.variable].arrays[0]
    match rule:
        case NotAfter():
            broken = pc.greater(value, columns[rule.other].arrays[0])
        case YearOf():
            broken = pc.not_equal(value.cast(pa.int64()), pc.year(columns[rule.other].arrays[0]))
        case RefusedValues():
            refused = pa.array(rule.values, pa.string())
            if pa.types.is_dictionary(value.type):
                broken = pc.is_in(value.dictionary, value_set=refused).take(value.indices)
            else:
                broken = pc.is_in(value.cast(pa.string()), value_set=refused)
        case SumOf():
            broken = _sum_is_off(rule, columns)
    mask: Mask = pc.fill_null(broken, False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def _sum_is_off(rule: SumOf, columns: Mapping[str, ConvertedColumn]) -> pa.BooleanArray:
    names = (rule.variable, *rule.parts)
    scale = max(columns[name].variable.scale for name in names)
    amounts = [
        pc.multiply(columns[name].arrays[0].cast(pa.int64()), scale // columns[name].variable.scale) for name in names
    ]
    difference = amounts[0]
    for part in amounts[1:]:
        difference = pc.subtract(difference, part)
    return pc.greater(pc.abs(difference), int(rule.tolerance * scale))
