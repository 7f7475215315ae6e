"""Sets of the persons of one block, each a row of bits: packed once, then counted, compared and added up from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.values import Bools, Int64s, UInt8s
from linkage_core.kernels.person_sets import pack_codes, pack_positive

EVERYBODY, NOBODY = 0, 1
"""Rows that every block has. Sets of the same persons are one row, however they were come by."""

UInt64s = npt.NDArray[np.uint64]
_WORD = 64


class PersonSets:
    """The sets of a block while they grow; a set is known by its row."""

    def __init__(self, everybody: int) -> None:
        self.everybody = everybody
        words = -(-everybody // _WORD)
        self._bits = np.zeros((2, words), np.uint64)
        self._bits[EVERYBODY] = ~np.uint64(0)
        if everybody % _WORD:
            self._bits[EVERYBODY, -1] >>= np.uint64(_WORD - everybody % _WORD)
        self._persons = np.array([everybody, 0], np.int64)
        self._rows = 2
        # Rows by how many persons they have and the exclusive or of their words.
        self._known: dict[tuple[int, int], list[int]] = {}
        self._unions: dict[frozenset[int], int] = {}
        self._masks: dict[int, Bools] = {}

    @property
    def bits(self) -> UInt64s:
        """uint64, sets x words of 64 persons: the first in the lowest bit, none set behind the last person."""
        return self._bits[: self._rows]

    @property
    def persons(self) -> Int64s:
        """int64, one a set: how many persons it has."""
        return self._persons[: self._rows]

    def of_codes(self, code: Sequence[UInt8s], wanted: Sequence[int]) -> list[int]:
        """Sets of the persons who have a code.

        Args:
            code: for each set uint8, one a person.
            wanted: the code that each set is of.
        """
        row = self._room_for(len(code))
        pack_codes(
            [np.ascontiguousarray(column) for column in code],
            np.array(wanted, np.uint8),
            row,
            self.bits,
            self.persons,
            everybody=self.everybody,
        )
        return self._alike(row)

    def of_positive(self, value: Sequence[npt.NDArray[np.generic]], within: Sequence[int]) -> list[int]:
        """Sets of the persons with more than 0 who are also in another set.

        Args:
            value: for each set bool, uint8, int32 or int64, one a person.
            within: for each set the other one.
        """
        row = self._room_for(len(value))
        pack_positive(
            [np.ascontiguousarray(column) for column in value],
            np.array(within, np.int64),
            row,
            self.bits,
            self.persons,
            everybody=self.everybody,
        )
        return self._alike(row)

    def union(self, sets: Sequence[int]) -> int:
        """The set of persons who are in any of the sets."""
        if len(sets) == 1:
            return sets[0]
        parts = frozenset(sets) - {NOBODY}
        if len(parts) < 2 or EVERYBODY in parts:
            return EVERYBODY if EVERYBODY in parts else next(iter(parts), NOBODY)
        if parts not in self._unions:
            self._unions[parts] = self._add(np.bitwise_or.reduce(self._bits[list(parts)]))
        return self._unions[parts]

    def without(self, sets: Sequence[int]) -> int:
        """The set of persons who are in none of the sets."""
        left_out = self.union(sets)
        if left_out in (EVERYBODY, NOBODY):
            return NOBODY if left_out == EVERYBODY else EVERYBODY
        return self._add(self._bits[EVERYBODY] & ~self._bits[left_out])

    def mask(self, which: int) -> Bools:
        """bool, one a person: she is in the set. Asked for again it is the same object."""
        if which not in self._masks:
            octets = self._bits[which].astype("<u8", copy=False).view(np.uint8)
            self._masks[which] = np.unpackbits(octets, count=self.everybody, bitorder="little").view(np.bool_)
        return self._masks[which]

    def _add(self, bits: UInt64s) -> int:
        row = self._room_for(1)
        self._bits[row[0]] = bits
        self._persons[row[0]] = np.bitwise_count(bits).sum()
        return self._alike(row)[0]

    def _room_for(self, sets: int) -> Int64s:
        first, self._rows = self._rows, self._rows + sets
        if self._rows > len(self._bits):
            # Unions follow one by one: room for as many again saves copying what is there.
            bits, persons = self._bits[:first], self._persons[:first]
            self._bits = np.empty((first + 2 * sets, bits.shape[1]), np.uint64)
            self._persons = np.empty(len(self._bits), np.int64)
            self._bits[:first], self._persons[:first] = bits, persons
        return np.arange(first, self._rows, dtype=np.int64)

    def _alike(self, rows: Int64s) -> list[int]:
        """For each row the first that has the same persons."""
        if not len(rows):
            return []
        new = slice(int(rows[0]), int(rows[-1]) + 1)
        words = np.bitwise_xor.reduce(self._bits[new], axis=1)
        alike = map(self._first_alike, rows.tolist(), self._persons[new].tolist(), words.tolist())
        return list(alike)

    def _first_alike(self, row: int, persons: int, words: int) -> int:
        if persons == self.everybody:
            return EVERYBODY
        if not persons:
            return NOBODY
        known = self._known.setdefault((persons, words), [])
        for other in known:
            if np.array_equal(self._bits[other], self._bits[row]):
                return other
        known.append(row)
        return row
