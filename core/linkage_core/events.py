"""What happened to persons, as checked and sorted Arrow columns: the types between the register store and indicators.

A person is known by a hashed id of 16 bytes only. Rows of one person lie side by side, by date and then in the order in
which the register delivered them; rows without a date come last.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.dictionaries import one_chunk
from linkage_core.kernels.row_offsets import persons_with_rows

HASHED_ID = pa.binary(16)
NO_DATE = np.int32(np.iinfo(np.int32).max)
"""Sort key of a row without a date: after every other."""

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Population:
    """The persons of one order.

    Args:
        hashed_ids: fixed_size_binary[16], ascending, unique, no nulls.
        index_date: date32, one a person, or None where the order has no index date.
        birth_date: date32, null where the number does not tell.
        sex: uint8, 1 man, 2 woman, 0 unknown.
        strata: dictionary columns, one row a person.
        excluded: the rule of the order that leaves a person out of every indicator, null where none does; its
            dictionary has every rule, in order. None where the order has no such rule.
        words: the ids as `split_ids` gives them, known to ascend; None lets them be split and checked.

    Raises:
        EventsRejected: ids are not ascending and unique, or a column has another length; names it.
    """

    hashed_ids: pa.FixedSizeBinaryArray
    index_date: pa.Date32Array | None = None
    birth_date: pa.Date32Array | None = None
    sex: pa.UInt8Array | None = None
    strata: dict[str, pa.DictionaryArray] = field(default_factory=dict)
    excluded: pa.DictionaryArray | None = None
    words: tuple[UInt64s, UInt64s] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.words is None:
            high, low = split_ids(self.hashed_ids)
            falls = (high[1:] < high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] <= low[:-1]))
            if falls.any():
                row = int(np.flatnonzero(falls)[0]) + 2
                raise EventsRejected(f"population: hashed ids must ascend and be unique; row {row} does not.")
            object.__setattr__(self, "words", (high, low))
        columns = {"index_date": self.index_date, "birth_date": self.birth_date, "sex": self.sex, **self.strata}
        for name, column in columns.items():
            if column is not None and len(column) != self.persons:
                raise EventsRejected(f"population column {name!r} has {len(column)} rows for {self.persons} persons.")

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.hashed_ids)

    def take(self, rows: Int64s) -> Population:
        """The persons of `rows` (ascending positions), with all their columns."""
        chosen = pa.array(rows, pa.int64())
        return Population(
            hashed_ids=self.hashed_ids.take(chosen),
            index_date=None if self.index_date is None else self.index_date.take(chosen),
            birth_date=None if self.birth_date is None else self.birth_date.take(chosen),
            sex=None if self.sex is None else self.sex.take(chosen),
            strata={name: column.take(chosen) for name, column in self.strata.items()},
            excluded=None if self.excluded is None else self.excluded.take(chosen),
        )


@dataclass(frozen=True, slots=True)
class RegisterPartition:
    """Rows of some persons of a register, as one memory-mapped segment of the store holds them.

    Args:
        keys_hi, keys_lo: uint64, first and last eight bytes (big-endian) of each person's id; ascending, unique.
        offsets: uint32 or int64, persons + 1: rows of person i are [offsets[i], offsets[i + 1]).
        rows: one batch, sorted by (id, date, order of delivery).
        date_column: the column that `rows` is sorted by within a person; None where the register has no date.
        directory: uint32, first position by leading bits of the id; None lets the join build it.
            See `linkage_core.kernels.hashed_id_index`.
        hidden: positions of persons whose rows nobody may see, ascending: erased, but not compacted away yet.

    Columns of `rows` are as narrow as the segment allows; `linkage_core.narrow_columns` gives their logical values.
    """

    keys_hi: UInt64s
    keys_lo: UInt64s
    offsets: npt.NDArray[np.uint32] | Int64s
    rows: pa.RecordBatch
    date_column: str | None = None
    directory: npt.NDArray[np.uint32] | None = None
    hidden: Int64s | None = None

    @property
    def persons(self) -> int:
        """Number of persons with at least one row, hidden ones too."""
        return len(self.keys_hi)

    def select(self, columns: list[str]) -> RegisterPartition:
        """The same rows with fewer columns; names the partition does not have are left out, the date is kept."""
        wanted = {*columns, self.date_column}
        names = [name for name in self.rows.schema.names if name in wanted]
        return replace(self, rows=self.rows.select(names))


@dataclass(frozen=True, slots=True)
class Touched:
    """What reading some persons cost: adds up over blocks of persons and over registers.

    Args:
        segments: segments in which somebody was looked for.
        persons: persons found, once for each segment that holds rows of hers.
        rows: rows of theirs that were looked at.
        bytes: bytes of the columns, keys and offsets that were read for them.
    """

    segments: int = 0
    persons: int = 0
    rows: int = 0
    bytes: int = 0

    def __add__(self, other: Touched) -> Touched:
        return Touched(
            max(self.segments, other.segments),
            self.persons + other.persons,
            self.rows + other.rows,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True)
class PersonEvents:
    """Rows of one register for the persons of a population, in the population's order.

    Args:
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i + 1]).
        rows: one batch (a column is one buffer), by person, date and order of delivery.
        found: bool, one a person: the register holds at least one row of hers, whether or not it was asked for.
        touched: what reading them cost.
        kept_codes: where rows were kept by the codes of one column: its name, and uint8, one a text of its dictionary,
            1 where rows with that code were; no row has another, and none is without.
    """

    offsets: Int64s
    rows: pa.RecordBatch
    found: npt.NDArray[np.bool_]
    touched: Touched = Touched()
    kept_codes: tuple[str, npt.NDArray[np.uint8]] | None = None

    @property
    def persons(self) -> int:
        """Number of persons, found or not."""
        return len(self.found)

    @property
    def with_rows(self) -> Int32s:
        """int32, ascending: positions of the persons with at least one row."""
        return self._who_has_rows[0]

    @property
    def without_rows(self) -> npt.NDArray[np.bool_]:
        """bool, one a person: she has none."""
        return self._who_has_rows[1]

    @cached_property
    def _who_has_rows(self) -> tuple[Int32s, npt.NDArray[np.bool_]]:
        with_rows, without_rows = np.empty(self.persons, np.int32), np.empty(self.persons, np.bool_)
        offsets = np.ascontiguousarray(self.offsets, np.int64)
        having = persons_with_rows(offsets, with_rows, without_rows.view(np.uint8))
        return with_rows[:having], without_rows

    @cached_property
    def person_of_row(self) -> Int32s:
        """int32, one a row: position of its person in the population."""
        return np.repeat(np.arange(self.persons, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class NumberHistory:
    """Changes of identity numbers, as hashes only: `old[i]` became `new[i]`; chains are followed to their end.

    Args:
        old: fixed_size_binary[16], unique, no nulls.
        new: fixed_size_binary[16], same length.
    """

    old: pa.FixedSizeBinaryArray
    new: pa.FixedSizeBinaryArray


def split_ids(hashed_ids: pa.FixedSizeBinaryArray) -> tuple[UInt64s, UInt64s]:
    """First and last eight bytes of each id as uint64, so that integer order is byte order.

    Raises:
        EventsRejected: another type than fixed_size_binary[16], or a null; names the row.
    """
    if hashed_ids.type != HASHED_ID:
        raise EventsRejected(f"hashed ids must be {HASHED_ID}, not {hashed_ids.type}.")
    if hashed_ids.null_count:
        row = pc.index(hashed_ids.is_null(), True).as_py() + 1
        raise EventsRejected(f"hashed ids must not be null; row {row} is.")
    if len(hashed_ids) == 0:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    words = np.frombuffer(hashed_ids.buffers()[1], ">u8", 2 * len(hashed_ids), 16 * hashed_ids.offset).reshape(-1, 2)
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)


def join_ids(high: UInt64s, low: UInt64s) -> pa.FixedSizeBinaryArray:
    """The inverse of `split_ids`."""
    words = np.empty((len(high), 2), ">u8")
    words[:, 0], words[:, 1] = high, low
    return pa.FixedSizeBinaryArray.from_buffers(HASHED_ID, len(high), [None, pa.py_buffer(words)])


def days_of(column: pa.Array) -> Int32s:
    """int32 days since 1970-01-01 of a date32 column; `NO_DATE` where it is null."""
    days = column.cast(pa.int32())
    if days.null_count:
        days = days.fill_null(int(NO_DATE))
    return np.asarray(days, np.int32)


def events_from_table(
    table: pa.Table, *, person_column: str, person_order: pa.Array, date_column: str | None = None
) -> PersonEvents:
    """Rows of a plain table, arranged by person: the laboratory's way in, where persons are not hashed.

    Args:
        table: any columns; rows of persons outside `person_order` are left out.
        person_column: who the row is about.
        person_order: the population, in its order, unique; the type of `person_column`.
        date_column: sorts the rows of a person; without it they keep the table's order.

    Raises:
        EventsRejected: a column is missing or has a null person.
    """
    for name in (person_column, date_column):
        if name is not None and name not in table.column_names:
            raise EventsRejected(f"the events have no column {name!r}.")
    who = one_chunk(table[person_column])
    if pa.types.is_dictionary(who.type):
        who = who.cast(who.type.value_type)
    person = pc.index_in(who, value_set=person_order)
    if table[person_column].null_count:
        raise EventsRejected(f"column {person_column!r} has rows without a person.")
    belongs = np.flatnonzero(person.is_valid().to_numpy(zero_copy_only=False))
    persons = person.drop_null().to_numpy().astype(np.int64)
    if date_column is None:
        order = np.argsort(persons, kind="stable")
    else:
        days = days_of(one_chunk(table[date_column]))[belongs]
        order = np.lexsort((days, persons))
    columns = {name: one_chunk(table[name]) for name in table.column_names if name != person_column}
    # The fields' metadata says how integers are scaled; it must not get lost on the way.
    fields = [table.schema.field(name).with_type(column.type) for name, column in columns.items()]
    rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
    if not columns:
        rows = pa.RecordBatch.from_pydict({"row": belongs})
    counts = np.bincount(persons, minlength=len(person_order)).astype(np.int64)
    return PersonEvents(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        rows=rows.take(pa.array(belongs[order])),
        found=counts > 0,
    )
