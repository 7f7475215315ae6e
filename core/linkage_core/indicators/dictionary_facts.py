"""What is worked out once for each distinct code, and kept while blocks of one run bring the same dictionary again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import CodeSet
from linkage_core.dosage_texts import Dosage, RangeRule, read_dosage
from linkage_core.indicators.values import Bools, Int32s, UInt8s

Fact = TypeVar("Fact")
_DICTIONARIES_KEPT = 64
_FACTS_KEPT = 512
"""Of one dictionary: those used last. One set asks for a few dozen, but sets of many orders meet the same texts."""


@dataclass
class DictionaryFacts:
    """Facts about the values of one dictionary. Two threads may work one out at once; both find the same."""

    dictionary: pa.Array
    _known: OrderedDict[tuple[object, ...], Any] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The codes as delivered."""
        return tuple(text or "" for text in self.dictionary.cast(pa.string()).to_pylist())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The codes in capitals, without dots and spaces."""
        return tuple(plain(text) for text in self.texts)

    @cached_property
    def empty(self) -> Bools:
        """bool, one a code: it says nothing."""
        return np.array([not name for name in self.names], np.bool_)

    @cached_property
    def any_empty(self) -> bool:
        """Whether one of them says nothing."""
        return bool(self.empty.any())

    def membership(self, code_set: CodeSet) -> UInt8s:
        """uint8, one a code: 1 where it belongs to the set."""
        key = ("membership", code_set.whole_codes, tuple(code_set.include), tuple(code_set.exclude))
        return self.remember(key, lambda: membership(self.names, code_set))

    def levels(self, length: int | None) -> tuple[tuple[str, ...], Int32s]:
        """The distinct codes, cut to a length and sorted, and the level of each code; behind them one for no code."""

        def found() -> tuple[tuple[str, ...], Int32s]:
            cut = [text[:length] for text in self.texts]
            levels = sorted(set(cut))
            place = {level: position for position, level in enumerate(levels)}
            return tuple(levels), np.array([*(place[text] for text in cut), len(levels)], np.int32)

        return self.remember(("levels", length), found)

    def drugs(self, code_set: CodeSet | None, length: int) -> Int32s:
        """The same number for codes of a set that begin alike; -1 for others."""

        def numbers() -> Int32s:
            known: dict[str, int] = {}
            member = membership(self.names, code_set)
            found = [
                known.setdefault(name[:length], len(known)) if member[position] else -1
                for position, name in enumerate(self.names)
            ]
            return np.array(found or [-1], np.int32)

        sets = None if code_set is None else (tuple(code_set.include), tuple(code_set.exclude))
        return self.remember(("drugs", sets, length), numbers)

    @cached_property
    def dosages(self) -> tuple[Dosage | None, ...]:
        """What each value states as a dosage text."""
        return tuple(read_dosage(text) for text in self.texts)

    @cached_property
    def units_per_day(self) -> tuple[Fraction | None, ...]:
        """Units a day that each value states as a dosage text."""
        return self.units_by(None)

    def units_by(self, ranges: RangeRule | None) -> tuple[Fraction | None, ...]:
        """The same, where a range such as "1-2 tablets" stands for its lower or upper end or for its middle."""
        return tuple(None if dosage is None else dosage.units_per_day(ranges) for dosage in self.dosages)

    def remember(self, key: tuple[object, ...], work_out: Callable[[], Fact]) -> Fact:
        """What was worked out under the key before, or is now; the key says what decides it besides the dictionary."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return cast(Fact, self._known[key])
        fact = work_out()
        with self._lock:
            self._known[key] = fact
            while len(self._known) > _FACTS_KEPT:
                self._known.popitem(last=False)
        return fact


def plain(code: str) -> str:
    """A code as code sets write it: capitals, no dots, no spaces; ICD-10 is delivered with and without its dot."""
    return code.strip().upper().replace(".", "").replace(" ", "")


def membership(names: Sequence[str], code_set: CodeSet | None) -> UInt8s:
    """Return uint8, one a distinct code: 1 where it belongs to the set; every code belongs where there is no set."""
    if code_set is None:
        return np.ones(max(len(names), 1), np.uint8)
    if code_set.whole_codes:
        whole = {*code_set.include} - {*code_set.exclude}
        return np.array([name in whole for name in names] or [False], np.uint8)
    include, exclude = tuple(code_set.include), tuple(code_set.exclude)
    belongs = [name.startswith(include) and not (exclude and name.startswith(exclude)) for name in names]
    return np.array(belongs or [False], np.uint8)


_kept: OrderedDict[tuple[object, ...], DictionaryFacts] = OrderedDict()
_kept_lock = Lock()


def facts_of(dictionary: pa.Array) -> DictionaryFacts:
    """Facts about a dictionary: those worked out before where the same memory comes again.

    What is kept holds its dictionary, so that the memory cannot become another's meanwhile; Arrow never changes it.
    """
    buffers = tuple(buffer.address if buffer is not None else 0 for buffer in dictionary.buffers())
    key = (str(dictionary.type), dictionary.offset, len(dictionary), *buffers)
    with _kept_lock:
        facts = _kept.get(key)
        if facts is None:
            facts = _kept[key] = DictionaryFacts(dictionary)
        _kept.move_to_end(key)
        while len(_kept) > _DICTIONARIES_KEPT:
            _kept.popitem(last=False)
    return facts
