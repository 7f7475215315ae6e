"""One raw batch in; sound rows in the register's schema out, and for every other row which rule it broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.register_catalogue import Action, RegisterDefinition, Role, arrow_schema
from linkage_server.registers.convert_column import convert_column
from linkage_server.registers.converted_column import ConvertedColumn
from linkage_server.registers.delivery_file import RawBatch
from linkage_server.registers.distinct_texts import Mask, distinct_texts
from linkage_server.registers.faults import Fault
from linkage_server.registers.match_columns import ColumnMatch
from linkage_server.registers.person_column import HashPersons
from linkage_server.registers.row_rules import rows_breaking


@dataclass(frozen=True, slots=True)
class RowProblems:
    """Rows of a file that broke one rule.

    Attributes:
        row_numbers: int64, in the file.
        column: variable that broke it; never a value.
        rule: name of the fault or of the definition's rule.
        mend: what the sender can do.
    """

    row_numbers: npt.NDArray[np.int64]
    column: str
    rule: str
    mend: str


@dataclass(frozen=True, slots=True)
class ValidatedBatch:
    """What became of a raw batch.

    Attributes:
        hashed_ids: of the sound rows, no nulls.
        rows: the sound rows, in `arrow_schema(definition)`.
        problems: every rule that rows broke and were quarantined for; a row may stand under several.
        quarantined: rows that broke at least one of them.
        set_aside: rows of a shared file that belong to another register.
        counted: rows stored although they broke a rule that only counts, or were mended, by (rule, variable).
    """

    hashed_ids: pa.FixedSizeBinaryArray
    rows: pa.RecordBatch
    problems: list[RowProblems]
    quarantined: int
    set_aside: int
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Validator:
    """The rules of one register, for the columns of one file."""

    definition: RegisterDefinition
    match: ColumnMatch
    hash_persons: HashPersons
    today: date

    def validate(self, raw: RawBatch) -> ValidatedBatch:
        """Judge and convert a batch."""
        rows, numbers = raw.rows, raw.row_numbers
        belongs = self._belonging(rows)
        set_aside = int(rows.num_rows - belongs.sum())
        if set_aside:
            rows, numbers = rows.filter(pa.array(belongs)), numbers[belongs]
        person = self.definition.person
        hashed = self.hash_persons(rows.column(self.match.sources[person.name][0]))
        broken: dict[tuple[str, str], tuple[Mask, str]] = {
            (fault.value, person.name): (mask, fault.mend) for fault, mask in hashed.faults.items() if mask.any()
        }
        columns = self._converted(rows)
        for column in columns.values():
            for fault, mask in column.faults.items():
                if mask.any():
                    broken[fault.value, column.variable.name] = (mask, fault.mend)
        counting: dict[tuple[str, str], Mask] = {}
        for rule in self.definition.rules:
            mask = rows_breaking(rule, columns)
            if rule.action is Action.QUARANTINE and mask.any():
                broken[rule.kind, rule.variable] = (mask, f"{rule.title.en}.")
            elif rule.action is not Action.QUARANTINE:
                counting[rule.kind, rule.variable] = mask
        sound = ~np.logical_or.reduce([np.zeros(rows.num_rows, np.bool_), *(mask for mask, _ in broken.values())])
        return ValidatedBatch(
            hashed_ids=hashed.hashed_ids.filter(pa.array(sound)),
            rows=self._sound_rows(columns, sound),
            problems=[
                RowProblems(numbers[mask], column, rule, mend) for (rule, column), (mask, mend) in broken.items()
            ],
            quarantined=int(len(sound) - sound.sum()),
            set_aside=set_aside,
            counted=_counted(counting, columns, sound),
        )

    def _belonging(self, rows: pa.RecordBatch) -> Mask:
        only = self.definition.only_rows
        if only is None or self.match.row_filter is None:
            return np.ones(rows.num_rows, np.bool_)
        texts = distinct_texts(rows.column(self.match.row_filter))
        return texts.rows_where(pc.is_in(texts.texts, value_set=pa.array(only.values)).to_numpy(zero_copy_only=False))

    def _converted(self, rows: pa.RecordBatch) -> dict[str, ConvertedColumn]:
        return {
            variable.name: convert_column(
                variable,
                [rows.column(name) for name in self.match.sources[variable.name]],
                rows=rows.num_rows,
                today=self.today,
            )
            for variable in self.definition.variables
            if variable.role is not Role.PERSON
        }

    def _sound_rows(self, columns: dict[str, ConvertedColumn], sound: Mask) -> pa.RecordBatch:
        everything = [array for column in columns.values() for array in column.arrays]
        schema = arrow_schema(self.definition)
        if not sound.all():
            kept, rows = pa.array(sound), int(sound.sum())
            everything = [
                array.filter(kept) if array.null_count < len(array) else array.slice(0, rows) for array in everything
            ]
        return pa.RecordBatch.from_arrays([_used_codes_only(array) for array in everything], schema=schema)


def damaged_rows(numbers: Sequence[int]) -> RowProblems:
    """Rows whose number of fields is not the header's."""
    return RowProblems(np.array(numbers, dtype=np.int64), "", Fault.DAMAGED_ROW.value, Fault.DAMAGED_ROW.mend)


def _used_codes_only(array: pa.Array) -> pa.Array:
    """A code column whose dictionary holds no code of a row that is not stored."""
    if not pa.types.is_dictionary(array.type):
        return array
    if array.null_count == len(array):
        return pa.nulls(len(array), array.type)
    indices = array.indices.fill_null(0) if array.null_count else array.indices
    uses = np.bincount(indices.to_numpy(), minlength=len(array.dictionary))
    if array.null_count:
        uses[0] -= array.null_count
    if uses.all():
        return array
    used = uses > 0
    new_places = (np.cumsum(used) - 1).astype(np.uint32)
    codes = array.dictionary.filter(pa.array(used))
    return pa.DictionaryArray.from_arrays(pa.array(new_places).take(array.indices), codes)


def _counted(
    counting: dict[tuple[str, str], Mask], columns: dict[str, ConvertedColumn], sound: Mask
) -> Counter[tuple[str, str]]:
    counted = Counter({key: int((mask & sound).sum()) for key, mask in counting.items()})
    for name, column in columns.items():
        if column.rounded is not None:
            counted["decimals_rounded", name] = int((column.rounded & sound).sum())
        if column.zeros_restored is not None:
            counted["leading_zeros_restored", name] = int((column.zeros_restored & sound).sum())
    return Counter({key: rows for key, rows in counted.items() if rows})
