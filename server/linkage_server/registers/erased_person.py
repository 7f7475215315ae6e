"""Every hashed id of one person, so that she can be found in whatever was stored of her, under whatever pepper.

The numbers she is known by are hashed through all peppers; the number history adds those she had before and since.
Ids under an older pepper are met by hashing what is stored onwards to the newest one: from a number that only the
history knows, no id under an older pepper could be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import InputRefused
from linkage_core.events import HASHED_ID, Int64s, NumberHistory, RegisterPartition, join_ids
from linkage_core.number_history import current_ids
from linkage_core.pepper_chain import next_ids, pseudonymise_opaque_through, pseudonymise_through
from linkage_core.pseudonyms import Pepper

PERSONS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """One person, by hashed ids alone.

    Args:
        ids: fixed_size_binary(16), every id of hers under the newest pepper.
        opaque_ids: the same for registers whose persons have project numbers.
        peppers: all versions from the first to the newest.
    """

    ids: pa.FixedSizeBinaryArray
    opaque_ids: pa.FixedSizeBinaryArray
    peppers: Sequence[Pepper]

    def find(self, partition: RegisterPartition, pepper_version: int) -> Int64s:
        """Her positions in a segment whose ids are under that version, where persons have identity numbers."""
        return self._positions(partition, pepper_version, self.ids)

    def find_opaque(self, partition: RegisterPartition, pepper_version: int) -> Int64s:
        """Her positions in a segment whose persons have project numbers."""
        return self._positions(partition, pepper_version, self.opaque_ids)

    def is_hers(self, hashed_ids: pa.FixedSizeBinaryArray, pepper_version: int) -> pa.BooleanArray:
        """Whether each id, under that version, is one of hers."""
        return pc.is_in(self._onwards(hashed_ids, pepper_version), value_set=self.ids)

    def _positions(self, partition: RegisterPartition, pepper_version: int, wanted: pa.FixedSizeBinaryArray) -> Int64s:
        found = [np.empty(0, np.int64)]
        for first in range(0, partition.persons, PERSONS_AT_ONCE):
            persons = slice(first, first + PERSONS_AT_ONCE)
            stored = join_ids(partition.keys_hi[persons], partition.keys_lo[persons])
            hers = pc.is_in(self._onwards(stored, pepper_version), value_set=wanted)
            found.append(first + np.flatnonzero(hers.to_numpy(zero_copy_only=False)))
        return np.concatenate(found)

    def _onwards(self, hashed_ids: pa.FixedSizeBinaryArray, pepper_version: int) -> pa.FixedSizeBinaryArray:
        for pepper in self.peppers[pepper_version:]:
            hashed_ids = next_ids(hashed_ids, pepper=pepper)
        return hashed_ids


def erased_person(
    numbers: Sequence[str],
    *,
    peppers: Sequence[Pepper],
    history: NumberHistory,
    history_version: int,
    reference_date: date,
    project_numbers: bool = False,
) -> ErasedPerson:
    """The person who has, or had, those numbers.

    Args:
        numbers: identity numbers as they were written; forgotten by the caller afterwards.
        peppers: all versions from the first to the newest.
        history: changes of numbers that are known.
        history_version: pepper version of the history's ids.
        reference_date: resolves numbers of ten digits.
        project_numbers: registers whose persons have project numbers are searched as well, so any text may be one.

    Raises:
        InputRefused: there is no number, or one that no register could hold; names the line, never the number.
    """
    texts = pa.array([number.strip() for number in numbers if number.strip()], pa.string())
    if not len(texts):
        raise InputRefused("no identity number was given.", mend="Write it on the standard input, one a line.")
    known = pseudonymise_through(texts, reference_date=reference_date, peppers=peppers[:history_version]).hashed_ids
    if known.null_count and not project_numbers:
        line = pc.index(known.is_null(), True).as_py() + 1
        raise InputRefused(
            f"what was given on line {line} is no identity number.", mend="Check it; nothing was changed."
        )
    ids = _ever(known.drop_null(), history)
    for pepper in peppers[history_version:]:
        ids = next_ids(ids, pepper=pepper)
    return ErasedPerson(ids=ids, opaque_ids=pseudonymise_opaque_through(texts, peppers=peppers), peppers=peppers)


def _ever(ids: pa.FixedSizeBinaryArray, history: NumberHistory) -> pa.FixedSizeBinaryArray:
    """The ids and every other that means the same person."""
    today = current_ids(ids, history)
    before = history.old.filter(pc.is_in(current_ids(history.old, history), value_set=today))
    return pc.unique(pa.concat_arrays([_plain(ids), _plain(today), _plain(before)]))


def _plain(ids: pa.Array | pa.ChunkedArray) -> pa.FixedSizeBinaryArray:
    return pa.array(ids.to_pylist(), HASHED_ID)
