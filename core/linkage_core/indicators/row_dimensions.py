"""Splits a person's value by a property of the rows behind it, such as ATC code or prescribing reason.

A row may hold several levels (zero to three reasons); a person may stand under several levels. A row without any is
counted under `not_recorded`, so that the share missing can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import Initiation
from linkage.released_table import NOT_RECORDED
from linkage_core.indicators.codes import coded, validity
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Bools, Int32s, Int64s, RowValues


@dataclass(frozen=True, slots=True)
class RowLevels:
    """Levels of a register's rows.

    Args:
        row, level: positions; one entry a row and level.
        levels: codes in order, the last is `not_recorded`.
        partitions_rows: a row has exactly one level.
    """

    row: Int64s
    level: Int32s
    levels: tuple[str, ...]
    partitions_rows: bool


def dimension_name(spec: str) -> str:
    """Column name of `atc` or, cut to five characters, `atc:5` -> atc_5."""
    return spec.replace(":", "_")


def row_levels(dispensings: Dispensings, spec: str) -> RowLevels:
    """Levels of `variable` or of the first n characters of it, `variable:n`."""
    concept, _, length = spec.partition(":")
    column = dispensings.column(concept)
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if is_list:
        lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
        row = np.repeat(np.arange(dispensings.rows), lengths)
        values = coded(column.flatten())
        empty = np.flatnonzero(lengths == 0)
        row, code = np.concatenate((row, empty)), np.concatenate((values.code, np.full(len(empty), -1, np.int32)))
        texts = values.texts
    else:
        values = dispensings.codes(concept)
        row, code, texts = np.arange(dispensings.rows), values.code, values.texts
    cut = [text[: int(length)] if length else text for text in texts]
    levels = sorted(set(cut))
    place = {level: position for position, level in enumerate(levels)}
    level_of_code = np.array([*(place[text] for text in cut), len(levels)], np.int32)
    level = level_of_code[code]
    if is_list:
        # A row that names one level twice, or two codes that are alike once cut, is still one row of that level.
        pairs = np.unique(row * (len(levels) + 1) + level)
        row, level = pairs // (len(levels) + 1), (pairs % (len(levels) + 1)).astype(np.int32)
    return RowLevels(row, level, (*levels, NOT_RECORDED), partitions_rows=not is_list)


def split_by_rows(
    dispensings: Dispensings, specs: Iterable[str], *, chosen: Bools, weight: Int64s, positive_only: bool
) -> dict[str, RowValues]:
    """Sum `weight` of the chosen rows by person and level, for each spec.

    Args:
        chosen: bool, one a row: rows behind the indicator's value.
        weight: int64, one a row.
        positive_only: keep pairs with a sum above 0, as 1: the persons of a yes-or-no value.
    """
    return {
        dimension_name(spec): _sum_by_level(dispensings, row_levels(dispensings, spec), chosen, weight, positive_only)
        for spec in specs
    }


def _sum_by_level(
    dispensings: Dispensings, levels: RowLevels, chosen: Bools, weight: Int64s, positive_only: bool
) -> RowValues:
    entries = chosen[levels.row]
    row, level = levels.row[entries], levels.level[entries]
    key = dispensings.person_of_row[row].astype(np.int64) * len(levels.levels) + level
    pairs, place = np.unique(key, return_inverse=True)
    value = np.zeros(len(pairs), np.int64)
    np.add.at(value, place, weight[row])
    if positive_only:
        pairs, value = pairs[value > 0], np.ones(int((value > 0).sum()), np.int64)
    used = np.unique(pairs % len(levels.levels))
    rank = np.zeros(len(levels.levels), np.int32)
    rank[used] = np.arange(len(used))
    return RowValues(
        levels=tuple(levels.levels[position] for position in used),
        person=(pairs // len(levels.levels)).astype(np.int32),
        level=rank[pairs % len(levels.levels)],
        value=value,
        partitions_rows=levels.partitions_rows,
    )


def initiation_rows(
    context: RunContext, indicator: Initiation, *, start: Int32s, end: Int32s, among: Bools
) -> dict[str, RowValues]:
    """Initiators by the properties of their rows in the window that the order asks for."""
    if not context.row_dimensions:
        return {}
    rows = context.dispensings(indicator.register_name)
    left = context.netted(indicator.register_name, indicator.reversals).left
    person = rows.person_of_row
    in_window = (rows.day >= start[person]) & (rows.day < end[person]) & (left > 0) & among[person]
    in_set = np.zeros(rows.rows, np.bool_)
    for name in indicator.codes:
        from_day, until_day = validity(context.code_set(name))
        member = context.rows_in_set(indicator.register_name, name)
        in_set |= member & (rows.day >= from_day) & (rows.day < until_day)
    specs = [spec for spec in context.row_dimensions if rows.has(spec.partition(":")[0])]
    ones = np.ones(rows.rows, np.int64)
    return split_by_rows(rows, specs, chosen=in_window & in_set, weight=ones, positive_only=True)
