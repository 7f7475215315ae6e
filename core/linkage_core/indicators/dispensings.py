"""A drug register's rows as dense numbers: what every drug kind reads, prepared once for all indicators of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import CodedColumn, coded
from linkage_core.indicators.follow_up import days, filled
from linkage_core.indicators.values import Bools, Int32s, Int64s

HUNDREDTHS = 100


@dataclass
class Dispensings:
    """Rows of a drug register, by person and day.

    Args:
        events: as joined; columns are found by concept.
        register: its name, for messages.
    """

    events: PersonEvents
    register: str
    _coded: dict[str, CodedColumn] = field(default_factory=dict)
    _numbers: dict[str, tuple[Int32s | Int64s, int]] = field(default_factory=dict)

    @cached_property
    def offsets(self) -> Int64s:
        """int64, persons + 1."""
        return np.ascontiguousarray(self.events.offsets, np.int64)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.events.rows.num_rows)

    @property
    def person_of_row(self) -> Int32s:
        """int32, one a row."""
        return self.events.person_of_row

    def person_at(self, places: Int64s) -> Int64s:
        """int64, one a place: the person of a row."""
        return np.searchsorted(self.offsets, places, side="right") - 1

    @cached_property
    def longest(self) -> int:
        """Rows of the person with most rows; at least 1, as scratch space must not be empty."""
        return max(int(np.diff(self.offsets).max(initial=1)), 1)

    @cached_property
    def day(self) -> Int32s:
        """int32, one a row: day of dispensing, FAR where it is missing."""
        return days(self.column("dispensing_date"))

    @property
    def atc(self) -> CodedColumn:
        """ATC codes."""
        return self.codes("atc")

    @cached_property
    def quantity(self) -> Int32s:
        """int32, one a row: packages in hundredths; a register without packages has one a row, a null row 0."""
        if not self.has("packages"):
            return np.full(self.rows, HUNDREDTHS, np.int32)
        column = self.column("packages")
        if column.type == pa.int32() and self.scale_of("packages") == HUNDREDTHS:
            return self.numbers("packages")[0].astype(np.int32, copy=False)
        packages, _ = self.whole_numbers("packages", scale=HUNDREDTHS)
        if len(packages) and np.abs(packages).max() > np.iinfo(np.int32).max // 2:
            raise EventsRejected(f"register {self.register!r}, column 'packages': a value is out of range.")
        return np.ascontiguousarray(packages, np.int32)

    @cached_property
    def quantity_missing(self) -> Bools:
        """bool, one a row."""
        return self.is_null("packages") if self.has("packages") else np.zeros(self.rows, np.bool_)

    @cached_property
    def without_quantity(self) -> Int64s:
        """Positions of the rows that do not tell their packages, ascending."""
        if not self.has("packages") or self.column("packages").null_count == 0:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.quantity_missing)

    def has(self, concept: str) -> bool:
        """Whether the register delivers the concept."""
        return concept in self.events.rows.schema.names

    def column(self, concept: str) -> pa.Array:
        """The column of a concept.

        Raises:
            EventsRejected: the register does not have it.
        """
        if not self.has(concept):
            raise EventsRejected(
                f"register {self.register!r} has no column {concept!r}.",
                mend="Map a column of the register to the concept, or leave out the indicators that need it.",
                facts={"register": self.register, "column": concept},
            )
        return self.events.rows.column(concept)

    def is_null(self, concept: str) -> Bools:
        """bool, one a row."""
        if self.column(concept).null_count == 0:
            return np.zeros(self.rows, np.bool_)
        return np.asarray(self.column(concept).is_null().to_numpy(zero_copy_only=False), np.bool_)

    def missing(self, *concepts: str) -> Bools | None:
        """bool, one a row: any of the concepts is null; None where none ever is. A register may lack packages."""
        told = [name for name in concepts if name != "packages" or self.has(name)]
        nulls = [self.is_null(name) for name in told if self.column(name).null_count]
        return np.asarray(np.logical_or.reduce(nulls), np.bool_) if nulls else None

    def codes(self, concept: str) -> CodedColumn:
        """A code column as numbers, read once."""
        if concept not in self._coded:
            name, kept = self.events.kept_codes or ("", None)
            self._coded[concept] = coded(self.column(concept), kept if name == concept else None)
        return self._coded[concept]

    def scale_of(self, concept: str) -> int:
        """Units per whole of a scaled integer column, from its field's metadata."""
        metadata = self.events.rows.schema.field(concept).metadata or {}
        return int(metadata.get(b"scale", b"1"))

    def numbers(self, concept: str) -> tuple[Int32s | Int64s, int]:
        """As `whole_numbers`, in int32 where the register has them so; the same object each time."""
        if concept not in self._numbers:
            if self.column(concept).type == pa.int32():
                column = filled(self.column(concept), 0).to_numpy(zero_copy_only=False)
                self._numbers[concept] = np.ascontiguousarray(column, np.int32), self.scale_of(concept)
            else:
                self._numbers[concept] = self.whole_numbers(concept)
        return self._numbers[concept]

    def whole_numbers(self, concept: str, *, scale: int | None = None) -> tuple[Int64s, int]:
        """int64, one a row, 0 where null, with the units per whole; brought to `scale` where one is asked for.

        Raises:
            EventsRejected: the column is not of integers (sums must be exact), or does not fit the scale.
        """
        column = self.column(concept)
        if not pa.types.is_integer(column.type):
            raise EventsRejected(f"register {self.register!r}, column {concept!r}: must be of scaled integers.")
        numbers = np.asarray(filled(column, 0).to_numpy(zero_copy_only=False), np.int64)
        own = self.scale_of(concept)
        if scale is None or own == scale:
            return numbers, own
        if scale % own == 0:
            return numbers * (scale // own), scale
        if own % scale == 0 and not (numbers % (own // scale)).any():
            return numbers // (own // scale), scale
        raise EventsRejected(f"register {self.register!r}, column {concept!r}: does not fit a scale of {scale}.")
