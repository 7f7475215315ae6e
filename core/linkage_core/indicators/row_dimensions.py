"""Levels of rows by a property such as ATC code or prescribing reason, by which values are split.

A row may hold several levels (zero to three reasons); a person may stand under several levels. A row without any is
counted under `not_recorded`, so that the share missing can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import CodeSet
from linkage.released_table import NOT_RECORDED
from linkage_core.indicators.codes import coded
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.values import Int32s, Int64s


@dataclass(frozen=True, slots=True)
class RowLevels:
    """Levels of a register's rows.

    Args:
        names: codes in order, the last is `not_recorded`.
        code: int32, one a row: code of each row, -1 for none; None where a row may have several.
        offsets: int64, rows + 1: levels of row i are [offsets[i], offsets[i+1]) of `level`; None with `code`.
        level: int32: level of each code, or each level of each row once.
    """

    names: tuple[str, ...]
    code: Int32s | None
    offsets: Int64s | None
    level: Int32s

    @property
    def partitions_rows(self) -> bool:
        """A row has exactly one level."""
        return self.offsets is None

    def of_rows(self, places: Int64s | slice) -> tuple[Int32s | Int64s, Int32s, int]:
        """The levels of some rows, as kernels read them."""
        if self.code is not None:
            return np.ascontiguousarray(self.code[places]), self.level, len(self.names)
        assert self.offsets is not None  # One of the two is there.
        if isinstance(places, slice):
            return self.offsets, self.level, len(self.names)
        lengths = (self.offsets[1:] - self.offsets[:-1])[places]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.repeat(self.offsets[places] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return offsets, self.level[entries], len(self.names)


OTHER = "other"
"""Codes that none of the sets holds by which rows are split."""


def dimension_name(spec: str) -> str:
    """Column name of `atc` or, cut to five characters, `atc:5` -> atc_5; of sets `atc:a+b` -> atc_a_b."""
    return spec.translate(str.maketrans(":+-", "___"))


def row_levels(dispensings: Dispensings, spec: str, code_sets: Mapping[str, CodeSet] | None = None) -> RowLevels:
    """Levels of `variable`, of the first n characters of it, `variable:n`, or by code sets, `variable:a+b`."""
    concept, _, length = spec.partition(":")
    if length and not length.isdigit():
        return _by_code_set(dispensings, concept, {name: (code_sets or {})[name] for name in length.split("+")})
    column = dispensings.column(concept)
    cut = int(length) if length else None
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        values = dispensings.codes(concept)
        levels, level_of_code = values.facts.levels(cut)
        return RowLevels((*levels, NOT_RECORDED), values.code, None, level_of_code)
    values = coded(column.flatten())
    levels, level_of_code = values.facts.levels(cut)
    lengths = _lengths(column)
    empty = np.flatnonzero(lengths == 0)
    row = np.concatenate((np.repeat(np.arange(dispensings.rows), lengths), empty))
    level = np.concatenate((level_of_code[values.code], np.full(len(empty), len(levels), np.int32)))
    return _of_pairs(dispensings, (*levels, NOT_RECORDED), row, level)


def _by_code_set(dispensings: Dispensings, concept: str, code_sets: Mapping[str, CodeSet]) -> RowLevels:
    """A row is of each set that holds one of its codes; of `other` where none does, of `not_recorded` without any."""
    column, names = dispensings.column(concept), (*code_sets, OTHER, NOT_RECORDED)
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    values = coded(column.flatten()) if is_list else dispensings.codes(concept)
    codes = len(values.names)
    holds = np.array([values.facts.membership(own)[:codes] for own in code_sets.values()], np.bool_)
    if not is_list and holds.sum(axis=0).max(initial=0) <= 1:
        level_of_code = np.where(holds.any(axis=0), holds.argmax(axis=0), len(code_sets))
        return RowLevels(names, values.code, None, np.append(level_of_code, len(code_sets) + 1).astype(np.int32))
    row = np.repeat(np.arange(dispensings.rows), _lengths(column)) if is_list else np.arange(dispensings.rows)
    told = values.code >= 0
    row, code = row[told], values.code[told]
    found, level = [row[own[code]] for own in holds], np.arange(len(names), dtype=np.int32)
    in_a_set, recorded = np.zeros((2, dispensings.rows), np.bool_)
    in_a_set[np.concatenate(found)] = True
    recorded[row] = True
    rows = [*found, np.flatnonzero(recorded & ~in_a_set), np.flatnonzero(~recorded)]
    return _of_pairs(dispensings, names, np.concatenate(rows), np.repeat(level, [len(own) for own in rows]))


def _of_pairs(dispensings: Dispensings, names: tuple[str, ...], row: Int64s, level: Int32s) -> RowLevels:
    # A row that names one level twice, or two codes that are alike once cut, is still one row of that level.
    pairs = np.unique(row * len(names) + level)
    counts = np.bincount(pairs // len(names), minlength=dispensings.rows)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return RowLevels(names, None, offsets, (pairs % len(names)).astype(np.int32))


def _lengths(column: pa.Array) -> Int64s:
    return np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
