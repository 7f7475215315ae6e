"""Why a person has no value, or a 0 for lack of rows: given once for all values that share their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.values import NO_ROWS, OK, Bools, Int32s, Int64s, UInt8s
from linkage_core.kernels.give_reasons import give_reasons

Number = TypeVar("Number", np.int64, np.int32, np.uint8)

Persons = Bools | None
"""bool, one a person; None for nobody."""


def somebody(persons: Bools) -> Persons:
    """The persons, None where there is none."""
    return persons if persons.any() else None


def among(persons: int, whose: Int64s | Int32s) -> Bools:
    """bool, one a person: she is one of those whose positions these are."""
    found = np.zeros(persons, np.bool_)
    found[whose] = True
    return found


def together(persons: Sequence[Persons]) -> Persons:
    """Who is in any of them."""
    somebodies = [whose for whose in persons if whose is not None]
    return np.asarray(np.logical_or.reduce(somebodies), np.bool_) if somebodies else None


@dataclass(frozen=True, slots=True)
class Reasons:
    """The reason of each person.

    Args:
        names: ok, then the rules in their order, whether or not they speak about anybody, so that the lists of two
            blocks of persons are the same.
        reason: uint8, one a person: position in `names`.
        counted: bool, one a person: she has a value; the rules that leave persons out do not speak about her.
        everybody: all are counted.
    """

    names: tuple[str, ...]
    reason: UInt8s
    counted: Bools
    everybody: bool

    def value_of_counted(self, value: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The values, 0 for persons who are not counted."""
        return value if self.everybody else np.asarray(value * self.counted, value.dtype)

    def counted_with(self, persons: Bools) -> Bools:
        """Those of the persons who are counted."""
        return persons if self.everybody else persons & self.counted

    def any_counted(self, persons: Persons) -> bool:
        """Whether one of the persons is counted."""
        return persons is not None and (self.everybody or bool((persons & self.counted).any()))


@dataclass
class ReasonShelf:
    """Reasons settled so far; the same rules about the same persons give the same object.

    Args:
        persons: number of persons.
        first: rules of the order, which come before those of any indicator.
    """

    persons: int
    first: Sequence[tuple[str, Persons]] = ()
    _settled: dict[tuple[tuple[str, int], ...], tuple[Reasons, list[Persons]]] = field(default_factory=dict)

    def settle(self, rules: Sequence[tuple[str, Persons]], *, no_rows: Persons) -> Reasons:
        """Give each person the reason of the first rule that speaks about her, and last `no_rows` a counted 0."""
        rules = [*self.first, *rules]
        key = tuple((name, id(whose)) for name, whose in (*rules, (NO_ROWS, no_rows)))
        if key not in self._settled:
            # The persons are kept beside what they gave: an id is one object's for as long as it lives.
            self._settled[key] = (self._give(rules, no_rows), [*(whose for _, whose in rules), no_rows])
        return self._settled[key][0]

    def _give(self, rules: Sequence[tuple[str, Persons]], no_rows: Persons) -> Reasons:
        names = tuple(dict.fromkeys((OK, *(name for name, _ in rules), NO_ROWS)))
        speaking = [(names.index(name), whose.view(np.uint8)) for name, whose in rules if whose is not None]
        leave_out = len(speaking)
        if no_rows is not None:
            speaking.append((names.index(NO_ROWS), no_rows.view(np.uint8)))
        reason, counted = np.empty(self.persons, np.uint8), np.empty(self.persons, np.uint8)
        everybody = give_reasons(
            [whose for _, whose in speaking], [number for number, _ in speaking], reason, counted, leave_out=leave_out
        )
        return Reasons(names, reason, counted.view(np.bool_), everybody)
