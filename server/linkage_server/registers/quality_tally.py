"""Counts completeness, months and codes of the rows that are stored, a batch at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_catalogue import RegisterDefinition, Role, Variable, VariableType
from linkage_server.registers.code_quality import CodeClass, CodeLists, classify
from linkage_server.registers.distinct_texts import Mask
from linkage_server.registers.quality_report import UnknownCode, VariableReport

UNKNOWN_CODES_COUNTED = 10_000
UNKNOWN_CODES_SHOWN = 20
DRIFT = 0.10
NO_MONTH = "unknown"


class QualityTally:
    """Adds up what `VariableReport` shows."""

    def __init__(self, definition: RegisterDefinition, *, lists: CodeLists) -> None:
        self._variables = [variable for variable in definition.variables if variable.role is not Role.PERSON]
        self._date_column = definition.date_column
        self._lists = lists
        self._filled: dict[str, Counter[str]] = defaultdict(Counter)
        self._classes: dict[str, Counter[str]] = defaultdict(Counter)
        self._unknown: dict[str, Counter[str]] = defaultdict(Counter)
        self.months: Counter[str] = Counter()
        self.rows = 0
        self.corrections = 0
        self._amount = next((v.column for v in self._variables if v.concept == "packages"), None)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the rows of a batch that is stored."""
        if rows.num_rows == 0:
            return
        self.rows += rows.num_rows
        months, names = _months(rows.column(self._date_column))
        by_month = _by_month(months, names)
        self.months.update(by_month)
        for variable in self._variables:
            column = rows.column(variable.column)
            if column.null_count == len(column):
                continue
            if column.null_count or pa.types.is_list(column.type):
                filled = _filled(column)
                if filled.any():
                    self._filled[variable.name].update(_by_month(months[filled], names))
            else:
                self._filled[variable.name].update(by_month)
            if variable.type is VariableType.CODE or variable.code_system is not None:
                self._count_codes(variable, column)
        if self._amount is not None:
            self.corrections += pc.sum(pc.less(rows.column(self._amount), 0)).as_py() or 0

    def report(self, *, before: Mapping[str, tuple[int, int]]) -> tuple[VariableReport, ...]:
        """One report a variable.

        Args:
            before: rows with a value and rows altogether in earlier deliveries, by variable.
        """
        return tuple(self._report(variable, before.get(variable.name)) for variable in self._variables)

    def _report(self, variable: Variable, before: tuple[int, int] | None) -> VariableReport:
        filled = self._filled[variable.name]
        share = filled.total() / self.rows if self.rows else 0.0
        share_before = before[0] / before[1] if before and before[1] else None
        return VariableReport(
            name=variable.name,
            filled=filled.total(),
            share_filled=round(share, 6),
            share_before=None if share_before is None else round(share_before, 6),
            drifted=share_before is not None and abs(share - share_before) > DRIFT,
            filled_by_month=dict(sorted(filled.items())),
            codes=dict(self._classes[variable.name]),
            unknown_codes=tuple(
                UnknownCode(code=code, rows=rows)
                for code, rows in self._unknown[variable.name].most_common(UNKNOWN_CODES_SHOWN)
            ),
        )

    def _count_codes(self, variable: Variable, column: pa.Array) -> None:
        if pa.types.is_list(column.type):
            column = column.flatten()
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        codes = column.dictionary
        uses = np.bincount(column.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(codes))
        classes = classify(codes, variable=variable, lists=self._lists)
        for kind in CodeClass:
            if total := int(uses[classes == kind].sum()):
                self._classes[variable.name][kind.name.lower()] += total
        unknown = self._unknown[variable.name]
        for place in np.flatnonzero(classes == CodeClass.UNLISTED):
            # Malformed codes are counted but never listed: a shifted column may hold anything.
            if len(unknown) < UNKNOWN_CODES_COUNTED or codes[int(place)].as_py() in unknown:
                unknown[codes[int(place)].as_py()] += int(uses[place])


def _filled(column: pa.Array) -> Mask:
    filled = column.is_valid() if not pa.types.is_list(column.type) else pc.greater(pc.list_value_length(column), 0)
    mask: Mask = pc.fill_null(filled, False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def _months(dates: pa.Date32Array) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Position of each row's month among the batch's months, and their names."""
    days = dates.cast(pa.int32()).fill_null(np.iinfo(np.int32).max).to_numpy(zero_copy_only=False)
    known = days != np.iinfo(np.int32).max
    months = np.where(known, days, 0).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    distinct, places = np.unique(np.where(known, months, np.iinfo(np.int64).max), return_inverse=True)
    names = [NO_MONTH if month == np.iinfo(np.int64).max else str(np.datetime64(int(month), "M")) for month in distinct]
    return places, names


def _by_month(months: npt.NDArray[np.int64], names: list[str]) -> dict[str, int]:
    counts = np.bincount(months, minlength=len(names))
    return {name: int(rows) for name, rows in zip(names, counts, strict=True) if rows}
