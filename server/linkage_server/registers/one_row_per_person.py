"""Several rows of one person that describe one event, such as a death: one is kept, the others are counted."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from linkage.register_catalogue import RegisterDefinition
from linkage_core.events import RegisterPartition, join_ids


class OneRowPerPerson:
    """Keeps the first row with a value in `prefer_filled`; the first row at all where no row has one.

    Rows without the value wait until the delivery is read, for a fuller row may follow. A person of an earlier delivery
    whose stored row has the value gets no second row; where it lacks the value, a fuller row is added.
    """

    def __init__(self, definition: RegisterDefinition, *, stored: Iterable[RegisterPartition] = ()) -> None:
        rule = definition.one_row_per_person
        assert rule is not None, "only registers with the rule have one row a person"
        self._preferred = definition.variable(rule.prefer_filled).column
        self._kept: set[bytes] = set()
        for partition in stored:
            self._kept.update(_persons_filled(partition, self._preferred))
        self._waiting: dict[bytes, tuple[int, int]] = {}
        self._batches: list[pa.RecordBatch] = []
        self.merged = 0

    def keep(
        self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch
    ) -> tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]:
        """The rows of a batch to store now."""
        filled = rows.column(self._preferred).is_valid().to_pylist()
        now: list[int] = []
        later: list[int] = []
        for place, (person, full) in enumerate(zip(hashed_ids.to_pylist(), filled, strict=True)):
            if person in self._kept:
                self.merged += 1
            elif full:
                self._kept.add(person)
                now.append(place)
            elif person in self._waiting:
                self.merged += 1
            else:
                self._waiting[person] = (len(self._batches), len(later))
                later.append(place)
        if later:
            self._batches.append(rows.take(pa.array(later)))
        chosen = pa.array(now, pa.int64())
        return hashed_ids.take(chosen), rows.take(chosen)

    def rest(self) -> list[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]:
        """The rows that waited in vain for a fuller one."""
        places: list[list[int]] = [[] for _ in self._batches]
        persons: list[list[bytes]] = [[] for _ in self._batches]
        for person, (batch, place) in self._waiting.items():
            if person in self._kept:
                self.merged += 1
            else:
                places[batch].append(place)
                persons[batch].append(person)
        return [
            (pa.array(ids, pa.binary(16)), rows.take(pa.array(np.array(at, np.int64))))
            for rows, at, ids in zip(self._batches, places, persons, strict=True)
            if at
        ]


def _persons_filled(partition: RegisterPartition, column: str) -> list[bytes]:
    """Persons of a segment who have a row with a value in `column`."""
    if column not in partition.rows.schema.names:
        return []
    filled = partition.rows.column(column).is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    before = np.concatenate(([0], np.cumsum(filled)))
    some = before[partition.offsets[1:]] > before[partition.offsets[:-1]]
    if partition.hidden is not None:
        # Who was erased and is delivered again gets her row: the stored one is as good as gone.
        some[partition.hidden] = False
    persons: list[bytes] = join_ids(partition.keys_hi[some], partition.keys_lo[some]).to_pylist()
    return persons
